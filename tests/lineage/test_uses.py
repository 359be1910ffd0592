"""The recorded uses of runs. integration/test_lineage.py runs on servers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from artigraph import (
    NO_PARENT,
    ArtifactModel,
    ArtifactSequence,
    Lazy,
    Run,
    RunManager,
    artifact_field,
    columns,
    delete,
    load_many,
    save_many,
    select,
)
from artigraph.db import engine_context, session_context
from artigraph.errors import ArtifactInUseError, LabelConflictError, NodeNotFoundError, RunStateError
from artigraph.graph import _usage as uses
from artigraph.run import run_of_row
from artigraph.storage import MemoryStorage, register_storage
from tests.support.statements import counted
from tests.support.uses import Item, made, part_of, used

memory = register_storage(MemoryStorage("test-uses"))


@dataclass
class Box(ArtifactModel, name="UsesBox"):
    items: ArtifactSequence[Item] = field(default_factory=ArtifactSequence[Item])


@dataclass
class Heavy(ArtifactModel, name="UsesHeavy"):
    data: Lazy[bytes] = artifact_field(storage=memory)


async def test_what_is_loaded_inside_a_run_is_used_by_it(engine: AsyncEngine) -> None:
    one, two, three, four, unused = await made(5)
    box = await Box(ArtifactSequence([Item(1)])).save("box")
    async with RunManager(Run()) as other:
        five = await other.save_artifact("five", Item(5))
        six = await other.save_artifact("six", Item(6))
    async with RunManager(Run()) as manager:
        await Item.load(one)
        await Item.load(one, fields=["x"])
        await load_many(Item, [two, three, two])
        assert await select(Item).where(columns(Item).x == 3).ids() == [four]
        assert await select(Item).labeled("made").where(columns(Item).x == 3).all() == [Item(3)]
        await other.load_artifact("five")
        await other.load_artifacts()
        await Item.load(await part_of(box, "0"))
        assert await used() == set()
    assert {source for source, _ in await used()} == {one, two, three, four, five, six, box}
    assert {target for _, target in await used()} == {manager.run.node_id}
    await Item.load(unused)
    assert len(await used()) == 7


async def test_the_innermost_run_is_the_one_that_used_it(engine: AsyncEngine) -> None:
    one, two, three = await made(3)
    async with RunManager(Run()) as outer:
        await Item.load(one)
        async with RunManager(Run()) as inner:
            await Item.load(two)
            await outer.save_artifact("of-the-outer", Item(7))  # its uses are written with it
            assert await used() == {(one, outer.run.node_id)}
        await Item.load(three)
        await Item.load(two)
    assert await used() == {
        *((node_id, outer.run.node_id) for node_id in (one, two, three)),
        (two, inner.run.node_id),
    }


async def test_what_belongs_to_runs_below_is_used_by_the_one_that_loads_it(engine: AsyncEngine) -> None:
    async with RunManager(Run()) as outer:
        async with RunManager(Run()) as inner:
            product = await inner.save_artifact("product", Item(1))
        assert await outer.load_descendant_artifacts() == {inner.run.node_id: {"product": Item(1)}}
    assert await used() == {(product, outer.run.node_id)}


async def test_a_run_does_not_use_what_it_saved(engine: AsyncEngine) -> None:
    async with RunManager(Run()) as manager:
        box = await manager.save_artifact("box", Box(ArtifactSequence([Item(1)])))
        again = await Box().save("again", manager.run.node_id)
        await Box.load(box)
        await Box.load(again)
        await Item.load(await part_of(box, "0"))
        await manager.load_artifacts()
        await manager.load_artifact("box")
        await manager.use(box)
    assert await used() == set()


async def test_it_is_written_once_with_the_next_save_or_the_end(engine: AsyncEngine) -> None:
    one, two = await made(2)
    async with RunManager(Run()) as manager:
        with counted() as seen:
            await Item.load(one)
        assert len(seen) == 1
        with counted() as seen:
            await manager.save_artifact("first", Item(1))
        assert len(seen) == 2
        assert await used() == {(one, manager.run.node_id)}
        await Item.load(one)
        with counted() as seen:
            await manager.save_artifact("second", Item(1))
            await manager.load_artifact("first")
            await manager.save_artifact("third", Item(1))
        assert len(seen) == 3
        await Item.load(two)
        with counted() as seen:
            await Item(1).save("elsewhere")  # it does not belong to the run
        assert (len(seen), len(await used())) == (1, 1)
        with counted() as seen:
            await Item(2).save("fourth", manager.run.node_id)
        assert (len(seen), len(await used())) == (3, 2)
        await manager.use(one, two)
        with counted() as seen:
            await manager.__aexit__(None, None, None)
        assert len(seen) == 2  # the lease is deleted, and the end is recorded


async def test_a_save_that_fails_leaves_it_to_the_next_one(engine: AsyncEngine) -> None:
    [one] = await made()
    async with RunManager(Run()) as manager:
        await manager.save_artifact("taken", Item(1))
        await Item.load(one)
        with pytest.raises(LabelConflictError):
            await manager.save_artifact("taken", Item(2))
        assert await used() == set()
        await manager.save_artifact("free", Item(2))
        assert await used() == {(one, manager.run.node_id)}


@pytest.mark.parametrize("error", [ValueError, asyncio.CancelledError, KeyboardInterrupt])
async def test_runs_that_fail_or_are_cancelled_record_it(engine: AsyncEngine, error: type[BaseException]) -> None:
    [one] = await made()
    manager = RunManager(Run())

    async def failing() -> None:
        async with manager:
            await Item.load(one)
            raise error

    with pytest.raises(error):
        await failing()
    assert await used() == {(one, manager.run.node_id)}


async def test_it_can_be_switched_off_for_a_run(engine: AsyncEngine) -> None:
    one, two, three = await made(3)
    async with RunManager(Run()) as outer:
        async with RunManager(Run(), record_use=False) as manager:
            await Item.load(one)
            await manager.use(two)
            async with RunManager(Run()) as inner:
                await Item.load(three)
        async with RunManager(Run(NO_PARENT), record_use=False):
            await load_many(Item, [one, two, three])
    assert await used() == {(two, manager.run.node_id), (three, inner.run.node_id)}
    assert outer.run.status == "completed"


async def test_use_takes_artifacts_and_parts_and_nothing_else(engine: AsyncEngine) -> None:
    [one] = await made()
    box = await Box(ArtifactSequence([Item(1)])).save("box")
    new: Any = RunManager(Run())
    with pytest.raises(RunStateError, match="not entered"):
        await new.use(one)
    async with RunManager(Run()) as manager:
        await manager.use()
        for wrong, words in (
            (uuid4(), "no node"),
            (manager.run.node_id, "is a run"),
            ("text", "is not the text of an id"),
        ):
            with pytest.raises(NodeNotFoundError, match=words):
                await manager.use(one, wrong)
        await manager.save_artifact("none-was-used", Item(1))
        assert await used() == set()
        await manager.use(one, await part_of(box, "0"), box, one)
    assert await used() == {(one, manager.run.node_id), (box, manager.run.node_id)}


async def test_after_its_end_it_is_written_at_once(engine: AsyncEngine) -> None:
    one, two, three = await made(3)
    ended = asyncio.Event()

    async def later() -> None:
        await ended.wait()
        await Item.load(two)

    async with RunManager(Run()) as manager:
        task = asyncio.create_task(later())
    await manager.use(one)
    assert await used() == {(one, manager.run.node_id)}
    ended.set()
    await task
    assert await used() == {(one, manager.run.node_id), (two, manager.run.node_id)}
    [run] = await select(Run).all()
    assert run == run_of_row(await read_row(run.node_id))
    await RunManager(run).use(three)
    assert len(await used()) == 3


async def read_row(run_id: UUID) -> Any:
    from artigraph.graph.run_rows import read_runs

    return (await read_runs([run_id]))[run_id]


async def test_runs_side_by_side_do_not_mix(engine: AsyncEngine) -> None:
    ids = await made(5)

    async def use(node_id: UUID) -> tuple[UUID, UUID]:
        async with RunManager(Run()) as manager:
            await asyncio.sleep(0)
            await Item.load(node_id)
            await manager.save_artifact("x", Item(1))
        return node_id, manager.run.node_id

    pairs = await asyncio.gather(*map(use, ids))
    assert await used() == set(pairs)


async def test_what_is_only_compared_is_not_used(engine: AsyncEngine) -> None:
    long = "x" * 1000
    ids = await save_many([("long", Item(1, long + end)) for end in "abc"])
    async with RunManager(Run()) as manager:
        found = select(Item).where(columns(Item).note == long + "b")
        assert await found.ids() == [ids[1]]
        assert await found.count() == 1
        await manager.save_artifact("x", Item(1))
        assert await used() == set()
        assert await found.one() == Item(1, long + "b")
    assert await used() == {(ids[1], manager.run.node_id)}


async def test_a_value_that_is_loaded_later_is_used_where_that_is_done(engine: AsyncEngine) -> None:
    node_id = await Heavy(Lazy(b"x" * 5000)).save("heavy")
    outside = await Heavy.load(node_id)
    async with RunManager(Run()) as loads:
        assert await outside.data.load() == b"x" * 5000
    async with RunManager(Run()) as opens:
        await outside.data.open()
    async with RunManager(Run()):
        await Lazy(b"x").load()
    assert await used() == {(node_id, loads.run.node_id), (node_id, opens.run.node_id)}


async def test_what_is_deleted_before_it_is_written_is_left_out(engine: AsyncEngine) -> None:
    one, two = await made(2)
    async with RunManager(Run()) as manager:
        await load_many(Item, [one, two])
        await delete(one)
    assert await used() == {(two, manager.run.node_id)}


async def test_a_run_that_is_deleted_while_it_runs_records_nothing(engine: AsyncEngine) -> None:
    one, two = await made(2)
    async with RunManager(Run()) as manager:
        await Item.load(one)
        await delete(manager.run.node_id)
    await manager.use(two)
    assert await used() == set()


async def test_what_was_used_stays_or_goes_with_the_run(engine: AsyncEngine) -> None:
    [one] = await made()
    async with RunManager(Run()) as manager:
        await Item.load(one)
        product = await manager.save_artifact("product", Item(1))
    with pytest.raises(ArtifactInUseError, match=str(manager.run.node_id)):
        await delete(one)
    report = await delete(one, cascade=True)
    assert (report.runs, report.artifacts, report.links) == (1, 2, 1)
    assert await used() == set()
    with pytest.raises(NodeNotFoundError):
        await Item.load(product)


# Sessions -----------------------------------------------------------------------------------------------------------


async def test_a_session_that_is_rolled_back_loses_no_use(engine: AsyncEngine) -> None:
    one, two = await made(2)
    async with RunManager(Run()) as manager:

        async def failing() -> None:
            async with session_context():
                await manager.save_artifact("product", Item(1))
                await Item.load(two)
                assert await used() == {(one, manager.run.node_id)}
                raise LookupError

        await Item.load(one)
        with pytest.raises(LookupError):
            await failing()
        assert await used() == set()
        await manager.save_artifact("product", Item(1))
        assert await used() == {(one, manager.run.node_id), (two, manager.run.node_id)}


async def test_in_a_session_it_is_written_once_and_commits_with_it(engine: AsyncEngine) -> None:
    one, two = await made(2)
    async with RunManager(Run()) as manager:
        async with session_context():
            await Item.load(one)
            with counted() as first:
                await manager.save_artifact("first", Item(1))
            with counted() as second:
                await manager.save_artifact("second", Item(1))
            assert len([line for line in first if "artigraph_link" in line]) == 1
            assert [line for line in second if "artigraph_link" in line] == []
            await Item.load(two)
            await manager.save_artifact("third", Item(1))
        assert await used() == {(one, manager.run.node_id), (two, manager.run.node_id)}
    assert len(await used()) == 2


async def test_a_run_in_a_session_goes_with_it(engine: AsyncEngine) -> None:
    one, two = await made(2)

    async def failing() -> None:
        async with session_context():
            async with RunManager(Run()):
                await Item.load(one)
            assert len(await used()) == 1
            raise LookupError

    with pytest.raises(LookupError):
        await failing()
    async with session_context(), RunManager(Run()) as manager:
        await Item.load(two)
    assert await used() == {(two, manager.run.node_id)}


async def test_a_session_of_the_callers_is_no_loss_either(engine: AsyncEngine) -> None:
    [one] = await made()
    async with RunManager(Run()) as manager:
        async with AsyncSession(engine) as session:
            async with session_context(session):
                await Item.load(one)
                await manager.save_artifact("product", Item(1))
            await session.rollback()
        assert await used() == set()
    assert await used() == {(one, manager.run.node_id)}


# Many, and others ---------------------------------------------------------------------------------------------------


async def test_many_are_not_left_to_the_end(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uses, "_MOST", 10)
    monkeypatch.setattr(uses, "_KNOWN", 5)
    ids = await made(25)
    async with RunManager(Run()) as manager:
        for node_id in ids[:9]:
            await Item.load(node_id)
        assert len(await used()) == 0
        await Item.load(ids[9])
        assert len(await used()) == 10
        async with session_context():
            await load_many(Item, ids)
            assert len(await used()) == 10
        await Item.load(ids[0])
        await manager.save_artifact("x", Item(1))
    assert await used() == {(node_id, manager.run.node_id) for node_id in ids}


async def test_thousands_go_in_parts(engine: AsyncEngine) -> None:
    ids = await made(2500)
    async with RunManager(Run()) as manager:
        await load_many(Item, ids)
        with counted() as seen:
            await manager.save_artifact("x", Item(1))
        assert len([line for line in seen if "artigraph_link" in line]) == 3
    assert len(await used()) == 2500


async def test_managers_that_write_the_same_uses_do_not_fail(engine: AsyncEngine) -> None:
    ids = await made(30)
    async with RunManager(Run()) as manager:
        others = [RunManager(run_of_row(await read_row(manager.run.node_id))) for _ in range(4)]
        orders = [ids, ids[::-1], ids[15:] + ids[:15], ids]
        await asyncio.gather(*(each.use(*order) for each, order in zip(others, orders, strict=True)))
        await load_many(Item, ids)
    assert await used() == {(node_id, manager.run.node_id) for node_id in ids}


async def using(*node_ids: UUID) -> UUID | None:
    """Use artifacts in a run, except those that were deleted, and return the run's id."""
    try:
        async with RunManager(Run()) as manager:
            await manager.use(*node_ids)
    except NodeNotFoundError:
        return None
    return manager.run.node_id


async def deleting(node_id: UUID) -> bool:
    try:
        await delete(node_id)
    except ArtifactInUseError:
        return False
    return True


async def test_a_deletion_meanwhile_leaves_no_link_to_nothing(engine: AsyncEngine) -> None:
    for _ in range(8):
        one, two = await made(2)
        run, gone = await asyncio.gather(using(one, two), deleting(one))
        links = {pair for pair in await used() if pair[0] in (one, two)}
        assert links == (set() if run is None else {(two, run)} if gone else {(one, run), (two, run)})


async def test_what_is_in_another_database_is_not_used(engine: AsyncEngine, tmp_path: Path) -> None:
    [one] = await made()
    async with RunManager(Run()) as manager:
        async with engine_context(f"sqlite:///{tmp_path}/other.db", create_tables=True):
            [there] = await made()
            await Item.load(there)
            with pytest.raises(NodeNotFoundError, match="another database"):
                await manager.use(there)
            assert await used() == set()
        await Item.load(one)
    assert await used() == {(one, manager.run.node_id)}
