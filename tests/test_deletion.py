"""What is gone after a deletion, and what is not: rows and bytes. integration/test_deletion.py does it on servers."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import RowMapping, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from artigraph import (
    NO_PARENT,
    ArtifactModel,
    ArtifactSequence,
    Run,
    RunManager,
    artifact_field,
    delete,
    prune,
    save_many,
    series,
)
from artigraph.db import read, session_context, write
from artigraph.deletion import _execute as graph_delete
from artigraph.errors import (
    ArtifactInUseError,
    ConfigurationError,
    InvalidLabelError,
    MalformedRowError,
    NestedNodeError,
    NodeNotFoundError,
    RetryableError,
)
from artigraph.identifiers import new_id
from artigraph.maintenance import fsck, gc
from artigraph.orm import blob_table, link_table, node_table
from artigraph.storage import MemoryStorage, get_storage_by_name
from artigraph.testing.faults import FlakyStorage


def memory() -> MemoryStorage:
    storage = get_storage_by_name("deleted")
    assert isinstance(storage, MemoryStorage)
    return storage


MemoryStorage("deleted").register()


@dataclass
class Leaf(ArtifactModel, name="DeletedLeaf"):
    number: int
    text: str = artifact_field(storage=get_storage_by_name("deleted"), default="")


@dataclass
class Branch(ArtifactModel, name="DeletedBranch"):
    leaves: ArtifactSequence[Leaf] = field(default_factory=ArtifactSequence[Leaf])
    inner: Branch | None = None


@pytest.fixture(autouse=True)
def empty() -> None:
    memory()._objects.clear()


async def rows(table: Any) -> Sequence[RowMapping]:
    async def work(connection: AsyncConnection) -> Sequence[RowMapping]:
        return (await connection.execute(select(table))).mappings().all()

    return await read(work)


async def ids() -> set[UUID]:
    return {row["node_id"] for row in await rows(node_table)}


async def tree(root_id: UUID) -> set[UUID]:
    return {row["node_id"] for row in await rows(node_table) if row["tree_root_id"] == root_id}


def objects() -> set[bytes]:
    return set(memory()._objects.values())


async def link(source: UUID, target: UUID, kind: str = "used") -> None:
    async def work(connection: AsyncConnection) -> None:
        row = {"source_id": source, "target_id": target, "kind": kind, "created_at": datetime.now(UTC)}
        await connection.execute(insert(link_table), row)

    await write(work)


async def part_of(root_id: UUID, label: str) -> UUID:
    found: Sequence[UUID] = [
        row["node_id"] for row in await rows(node_table) if (row["tree_root_id"], row["label"]) == (root_id, label)
    ]
    return found[0]


# By id ------------------------------------------------------------------------------------------------------------


async def test_an_artifact_goes_as_a_whole_with_the_objects_that_nobody_else_has(engine: AsyncEngine) -> None:
    kept = await Leaf(1, "shared").save("kept")
    before = await ids()
    goes = await Branch(ArtifactSequence([Leaf(1, "shared"), Leaf(2, "own"), Leaf(3, "own")])).save("goes")
    planned = await delete(goes, dry_run=True)
    assert len(await ids()) > len(before)
    report = await delete(goes)
    assert report == replace(planned, dry_run=False)
    assert await ids() == before
    assert objects() == {b'"shared"'}
    [blob] = await rows(blob_table)
    assert memory()._objects == {blob["location"]: b'"shared"'}
    assert (report.runs, report.artifacts, report.rows, report.value_bytes) == (0, 1, 12, 3 + len(b"null"))
    assert (report.objects, report.object_bytes, report.shared_objects, report.left_objects) == (1, len(b'"own"'), 1, 0)
    [node] = report.nodes
    assert (node.node_id, node.label, node.model_name, node.reason) == (goes, "goes", "DeletedBranch", "named")
    assert await Leaf.load(kept) == Leaf(1, "shared")


async def test_a_run_goes_with_all_below_it(engine: AsyncEngine) -> None:
    async with RunManager(Run()) as outer:
        kept = await outer.save_artifact("kept", Leaf(1, "kept"))
        async with RunManager(Run()) as goes:
            await goes.save_artifacts({"x": Leaf(1, "x"), "y": Branch(inner=Branch())})
            async with RunManager(Run()) as below:
                await below.save_artifact("z", Leaf(1, "kept"))
                async with RunManager(Run()):
                    pass
    report = await delete(goes.run.node_id)
    assert (report.runs, report.artifacts, report.rows) == (3, 3, 3 + 3 + 5 + 3)
    assert await ids() == {
        outer.run.node_id,
        *[row["node_id"] for row in await rows(node_table) if row["tree_root_id"] == kept],
    }
    assert objects() == {b'"kept"'}
    assert [node.node_id for node in report.nodes] == [goes.run.node_id]
    assert await outer.load_artifacts() == {"kept": Leaf(1, "kept")}
    await outer.save_artifact("again", Leaf(2))


async def test_what_is_named_twice_counts_once(engine: AsyncEngine) -> None:
    async with RunManager(Run()) as outer, RunManager(Run()) as inner:
        artifact = await inner.save_artifact("x", Leaf(1))
    report = await delete([artifact, inner.run.node_id, outer.run.node_id, artifact])
    assert (report.runs, report.artifacts, report.rows) == (2, 1, 5)
    assert [(node.runs, node.artifacts, node.rows) for node in report.nodes] == [(0, 1, 3), (1, 0, 1), (1, 0, 1)]
    assert await ids() == set()


async def test_deleting_what_is_gone_is_no_error_and_is_reported(engine: AsyncEngine) -> None:
    node_id, never = await Leaf(1).save("x"), new_id()
    report = await delete([never, node_id])
    assert report.not_found == (never,)
    assert report.artifacts == 1
    report = await delete([node_id, never])
    assert (report.nodes, report.rows, report.not_found) == ((), 0, (node_id, never))
    assert (await delete([])).nodes == ()


async def test_a_part_of_an_artifact_is_refused_by_the_name_of_its_root(engine: AsyncEngine) -> None:
    root = await Branch(inner=Branch()).save("x")
    other = await Leaf(1).save("y")
    before = await ids()
    for nested in (
        before - {root, other} - {row["node_id"] for row in await rows(node_table) if row["tree_root_id"] == other}
    ):
        with pytest.raises(NestedNodeError, match=str(root)):
            await delete([other, nested])
    assert await ids() == before


@pytest.mark.parametrize("wrong", ["x", 5, None, ["x"]])
async def test_what_is_no_id_is_refused(engine: AsyncEngine, wrong: Any) -> None:
    with pytest.raises((NodeNotFoundError, TypeError)):
        await delete(wrong)


async def test_a_text_is_not_taken_for_its_characters(engine: AsyncEngine) -> None:
    text: Any = str(new_id())
    assert [str(node_id) for node_id in (await delete(text)).not_found] == [text]
    with pytest.raises(NodeNotFoundError, match="not the text of an id"):
        await delete(text[:-1])


async def test_what_a_run_has_used_is_refused_unless_the_run_goes_too(engine: AsyncEngine) -> None:
    async with RunManager(Run()) as maker:
        made = await maker.save_artifact("made", Branch(ArtifactSequence([Leaf(1)])))
    async with RunManager(Run()) as user:
        result = await user.save_artifact("result", Leaf(2))
    async with RunManager(Run()) as last:
        await last.save_artifact("end", Leaf(3))
    await link(maker.run.node_id, made, "produced")
    await link(await part_of(made, "0"), user.run.node_id)  # a part of it
    await link(result, last.run.node_id)
    before = await ids()
    for what in ([made], [maker.run.node_id], [made, last.run.node_id]):
        with pytest.raises(ArtifactInUseError, match=str(user.run.node_id)):
            await delete(what)
    assert (await ids(), len(await rows(link_table))) == (before, 3)
    report = await delete(made, cascade=True, dry_run=True)
    assert (report.runs, report.artifacts, report.links) == (2, 3, 3)
    assert [node.reason for node in report.nodes] == ["named", f"used {made}, which goes", f"used {result}, which goes"]
    report = await delete([maker.run.node_id, user.run.node_id, last.run.node_id])
    assert (report.runs, report.artifacts, report.links) == (3, 3, 3)
    assert (await ids(), await rows(link_table)) == (set(), [])


async def test_with_cascade_the_runs_that_used_it_go_too(engine: AsyncEngine) -> None:
    made = await Leaf(1).save("made")
    async with RunManager(Run()) as user:
        await user.save_artifact("result", Leaf(2))
    await link(made, user.run.node_id)
    await delete(made, cascade=True)
    assert await ids() == set()


async def history(
    chance: random.Random,
) -> tuple[dict[UUID, UUID | None], dict[UUID, UUID | None], set[tuple[UUID, UUID]]]:
    """Make runs in runs that use what those before saved: each run's parent, each artifact's run, and the uses."""
    parents: dict[UUID, UUID | None] = {}
    made: dict[UUID, UUID | None] = {await Leaf(-1).save("made"): None}
    uses: set[tuple[UUID, UUID]] = set()
    for number in range(16):
        parent = chance.choice([None, None, *parents])
        async with RunManager(Run(parent or NO_PARENT)) as manager:
            run = manager.run.node_id
            parents[run] = parent
            for _ in range(chance.randrange(3)):
                used = chance.choice([*made])
                await manager.use(used)
                uses.add((used, run))
            for _ in range(chance.randrange(3)):
                made[await manager.save_artifact(str(new_id()), Leaf(number))] = run
    return parents, made, uses


@pytest.mark.parametrize("seed", range(5))
async def test_with_cascade_all_that_depends_on_it_goes_and_nothing_else(engine: AsyncEngine, seed: int) -> None:
    parents, made, uses = await history(random.Random(seed))
    runs = [*parents]
    first, gone_runs = UUID(int=0), set[UUID]()
    for first in made:
        gone_runs = set[UUID]()
        gone = {first}
        while True:
            more = {run for used, run in uses if used in gone} | {run for run in runs if parents[run] in gone_runs}
            if more <= gone_runs:
                break
            gone_runs |= more
            gone |= {artifact for artifact, run in made.items() if run in gone_runs}
        report = await delete(first, cascade=True, dry_run=True)
        assert (report.runs, report.artifacts) == (len(gone_runs), len(gone))
        assert {node.node_id for node in report.nodes} == {first} | {
            run for run in gone_runs if parents[run] not in gone_runs
        }
        reasons = {node.node_id: node.reason for node in report.nodes}
        assert reasons.pop(first) == "named"
        for run, reason in reasons.items():
            assert reason in {f"used {used}, which goes" for used, user in uses if user == run and used in gone}
    await delete(first, cascade=True)
    assert {row["node_id"] for row in await rows(node_table) if row["node_type"] == "run"} == set(runs) - gone_runs


@pytest.mark.parametrize("altered", ["a run in itself", "runs in a circle", "an artifact", "a part", "nothing"])
async def test_users_that_were_altered_by_hand_end_a_cascade_with_an_error(engine: AsyncEngine, altered: str) -> None:
    made, other = await Leaf(1).save("made"), await Leaf(2).save("other")
    async with RunManager(Run()) as outer, RunManager(Run()) as inner:
        pass
    first, second = outer.run.node_id, inner.run.node_id
    user = {"an artifact": other, "a part": await part_of(other, "number"), "nothing": new_id()}.get(altered, first)

    async def alter(connection: AsyncConnection) -> None:
        above = {"a run in itself": first, "runs in a circle": second}.get(altered)
        await connection.execute(update(node_table).where(node_table.c.node_id == first).values(parent_id=above))
        row = {"source_id": made, "target_id": user, "kind": "used", "created_at": datetime.now(UTC)}
        if altered != "nothing":
            await connection.execute(insert(link_table), row)

    await write(alter)
    if altered == "nothing":
        with sqlite3.connect(str(engine.url.database)) as connection:  # where foreign keys are not checked
            row = (made.bytes, user.bytes, "used", "2026-01-01 00:00:00.000000")
            connection.execute("INSERT INTO artigraph_link VALUES (?, ?, ?, ?)", row)
        connection.close()
    before = await ids()
    with pytest.raises(ArtifactInUseError, match=str(user)):
        await delete(made)
    for dry_run in (True, False):
        async with asyncio.timeout(30):
            with pytest.raises((MalformedRowError, NestedNodeError), match="Nothing was deleted") as caught:
                await delete(made, cascade=True, dry_run=dry_run)
        assert str(user) in str(caught.value)
    assert await ids() == before


async def test_an_object_stays_as_long_as_a_readable_row_refers_to_it(engine: AsyncEngine) -> None:
    first, second, third = [await Leaf(number, "shared text").save("leaf") for number in range(3)]

    def alter(root_id: UUID, column: str) -> None:
        with sqlite3.connect(str(engine.url.database)) as connection:
            connection.execute("PRAGMA foreign_keys=OFF")
            connection.execute(
                f"UPDATE artigraph_node SET {column} = 7 WHERE tree_root_id = ? AND label = 'text'", [root_id.bytes]
            )
        connection.close()

    [location] = [row["location"] for row in await rows(blob_table)]
    alter(second, "serializer")  # its reference can be read
    alter(third, "blob_id")  # this one cannot
    assert (await delete(first)).objects == 0
    assert await memory().exists(location)
    assert (await delete(second)).objects == 1  # docs/design/deleting.md says why
    assert not await memory().exists(location)
    with pytest.raises(MalformedRowError):
        await Leaf.load(third)
    assert "malformed" in (await fsck()).counts


async def test_a_run_that_used_something_goes_without_it(engine: AsyncEngine) -> None:
    made = await Leaf(1).save("made")
    async with RunManager(Run()) as user:
        pass
    await link(made, user.run.node_id)
    report = await delete(user.run.node_id)
    assert (report.runs, report.artifacts, report.links) == (1, 0, 1)
    assert await Leaf.load(made) == Leaf(1)


# Transactions and storages ----------------------------------------------------------------------------------------


async def test_in_a_session_rows_go_with_it_and_objects_are_left(engine: AsyncEngine) -> None:
    node_id = await Leaf(1, "x").save("x")
    before = await ids()

    async def rolled_back() -> None:
        async with session_context():
            assert (await delete(node_id)).left_objects == 1
            assert await ids() == set()
            raise LookupError

    with pytest.raises(LookupError):
        await rolled_back()
    assert await ids() == before
    assert await Leaf.load(node_id) == Leaf(1, "x")
    async with session_context():
        await delete(node_id)
    assert await ids() == set()
    assert (len(await rows(blob_table)), objects()) == (1, {b'"x"'})
    await Leaf(2, "x").save("again")
    assert len(await rows(blob_table)) == 1


async def test_an_object_that_cannot_be_removed_is_reported(engine: AsyncEngine) -> None:
    inside = MemoryStorage("inside-flaky-deleted")
    storage = FlakyStorage(inside, rate=0, script=["none", "before"], name="flaky-deleted").register()

    @dataclass
    class OnFlaky(ArtifactModel, name="DeletedOnFlaky"):
        text: str = artifact_field(storage=storage)

    node_id = await OnFlaky("x").save("x")
    report = await delete(node_id)
    assert (report.objects, report.left_objects, storage.faults) == (1, 1, 1)
    assert "could not be removed" in report.render()
    assert (await ids(), await rows(blob_table), len(inside._objects)) == (set(), [], 1)


async def test_many_trees_and_deep_ones_go(engine: AsyncEngine) -> None:
    deep = Branch()
    for _ in range(300):
        deep = Branch(inner=deep)
    await deep.save("deep")
    async with RunManager(Run()) as manager:
        await manager.save_artifacts({str(number): Leaf(number, str(number % 7)) for number in range(1500)})
    found = await delete([row["node_id"] for row in await rows(node_table) if row["label"] == "deep"])
    assert found.rows == 2 * 301 + 1  # models, their leaves, and that the last one has no inner one
    report = await delete(manager.run.node_id)
    assert (report.artifacts, report.rows, report.objects) == (1500, 4501, 7)
    assert (await ids(), await rows(blob_table), objects()) == (set(), [], set())


async def test_runs_nested_deep_go_whatever_their_ids_say(engine: AsyncEngine) -> None:
    chain = sorted((new_id() for _ in range(40)), reverse=True)  # the outermost is the newest, as a wrong clock has it
    parent: UUID | None = None
    for run_id in chain:
        async with RunManager(Run(parent, run_id)):
            parent = run_id
    report = await delete(chain[0])
    assert report.runs == 40
    assert await ids() == set()


async def test_saves_meanwhile_go_as_a_whole_or_are_refused(engine: AsyncEngine) -> None:
    async with RunManager(Run()) as manager:
        await manager.save_artifact("first", Leaf(1, "a"))
    run_id = manager.run.node_id

    async def saver(number: int) -> None:
        for turn in range(5):
            try:
                await Leaf(number, "ab"[turn % 2]).save(f"{number}-{turn}", parent_id=run_id)
            except NodeNotFoundError:
                return

    await asyncio.gather(*(saver(number) for number in range(4)), delete(run_id))
    assert await ids() == set()
    # A deletion leaves the row that a save has locked, and the save may then be refused (docs/design/deleting.md).
    await gc(dry_run=False, grace=timedelta())
    assert await rows(blob_table) == []
    assert objects() == set()


async def test_content_that_is_saved_again_meanwhile_stays(engine: AsyncEngine) -> None:
    async def worker(number: int) -> None:
        for turn in range(6):
            text = "xyz"[turn % 3]
            node_id = await Leaf(number, text).save("x")
            assert await Leaf.load(node_id) == Leaf(number, text)
            if turn % 2:
                await delete(node_id)

    await asyncio.gather(*(worker(number) for number in range(6)))
    remaining = [row["node_id"] for row in await rows(node_table) if row["tree_root_id"] == row["node_id"]]
    assert len(remaining) == 18
    for node_id in remaining:
        await Leaf.load(node_id)
    await delete(remaining)
    assert (await rows(blob_table), objects()) == ([], set())


# By rule ----------------------------------------------------------------------------------------------------------


async def test_everything_older_goes(engine: AsyncEngine) -> None:
    loose = await Leaf(1).save("loose")
    async with RunManager(Run()) as old:
        await old.save_artifact("x", Leaf(2))
        async with RunManager(Run()):
            pass
    async with RunManager(Run()) as unfinished, RunManager(Run()) as ended:
        pass
    async with RunManager(Run()) as running:
        early = await running.save_artifact("early", Leaf(3))
        await asyncio.sleep(0.01)
        moment = datetime.now(UTC)
        await asyncio.sleep(0.01)
        await Leaf(4).save("late", parent_id=ended.run.node_id)
        late = await running.save_artifact("late", Leaf(5))
        new = await Leaf(6).save("loose")
        report = await prune(older_than=moment, dry_run=True)
        assert {node.node_id for node in report.nodes} == {loose, old.run.node_id, early}
        assert (report.runs, report.artifacts) == (2, 3)
        assert all(node.reason.startswith("older than 20") for node in report.nodes)
        assert replace(report, dry_run=False) == await prune(older_than=moment)
        left = await ids()
        assert left >= {unfinished.run.node_id, ended.run.node_id, running.run.node_id, late, new}
        assert not left & {loose, old.run.node_id, early}
        assert (await prune(older_than=timedelta(hours=1))).nodes == ()


async def test_all_but_the_newest_of_a_label_go(engine: AsyncEngine) -> None:
    leaves = [await Leaf(number).save("model") for number in range(4)]
    branches = [await Branch().save("model") for _ in range(2)]
    async with RunManager(Run()) as manager:
        leaves.append(await manager.save_artifact("model", Leaf(4)))
    other = [await Leaf(number).save("other") for number in range(3)]
    nested = await Branch(ArtifactSequence([Leaf(0), Leaf(1)])).save("nested")  # whose parts have labels, too
    report = await prune(keep_newest={"model": 2, "other": 3, "0": 0, "inner": 0})
    assert {node.node_id for node in report.nodes} == set(leaves[:3])
    assert {node.reason for node in report.nodes} == {"not among the newest 2 of 'model'"}
    assert await ids() >= {*leaves[3:], *branches, *other, nested}
    await prune(keep_newest={"model": 0}, older_than=timedelta(days=1))
    assert await ids() >= {*leaves[3:], *branches}
    await prune(keep_newest={"model": 0})
    assert not await ids() & {*leaves, *branches}


async def test_of_a_label_only_those_that_are_also_older_go(engine: AsyncEngine) -> None:
    older = [await Leaf(number).save("model") for number in range(3)]
    await asyncio.sleep(0.01)
    moment = datetime.now(UTC)
    await asyncio.sleep(0.01)
    newer = [await Leaf(number).save("model") for number in range(3)]
    report = await prune(keep_newest={"model": 1}, older_than=moment)
    assert {node.node_id for node in report.nodes} == set(older)
    assert await ids() >= set(newer)
    assert (await prune(keep_newest={"model": 1}, older_than=timedelta(0))).artifacts == 2
    assert newer[2] in await ids()


async def test_failed_runs_go(engine: AsyncEngine) -> None:
    async def fail(manager: RunManager) -> UUID:
        async with manager:
            await manager.save_artifact("x", Leaf(1))
            raise LookupError

    failed, other = RunManager(Run()), RunManager(Run())
    async with RunManager(Run()) as good:
        for manager in (failed, other):
            with pytest.raises(LookupError):
                await fail(manager)
    async with RunManager(Run(other.run.node_id)):
        assert (await prune(failed_runs=True, older_than=timedelta(days=1))).nodes == ()
        report = await prune(failed_runs=True)
    assert [(node.node_id, node.reason) for node in report.nodes] == [(failed.run.node_id, "a failed run")]
    report = await prune(failed_runs=True)
    assert [node.node_id for node in report.nodes] == [other.run.node_id]
    assert await ids() == {good.run.node_id}


async def test_the_history_of_what_stays_can_be_kept(engine: AsyncEngine) -> None:
    async with RunManager(Run(NO_PARENT)) as night:
        async with RunManager(Run()) as ingest:
            raw = await ingest.save_artifact("raw", Leaf(1))
            spare = await ingest.save_artifact("spare", Leaf(2))
        async with RunManager(Run()) as train:
            await Leaf.load(raw)
            model = await train.save_artifact("model", Leaf(3))
    async with RunManager(Run()) as user:
        await Leaf.load(model)
        end = await user.save_artifact("end", Leaf(4))
    everything = await ids()
    await series(Leaf, "model").set_alias("production", 0)
    with pytest.raises(ArtifactInUseError, match="keep_used=True"):
        await prune(older_than=timedelta(0))
    with pytest.raises(ArtifactInUseError, match="alias"):
        await prune(older_than=timedelta(0), cascade=True)
    report = await prune(older_than=timedelta(0), keep_used=True)
    assert {node.node_id for node in report.nodes} == {spare, user.run.node_id}
    gone = everything - await ids()
    assert gone >= {spare, user.run.node_id, end}
    assert not gone & {raw, model, night.run.node_id, ingest.run.node_id, train.run.node_id}
    assert (await prune(keep_newest={"raw": 0, "model": 0}, keep_used=True)).nodes == ()
    await series(Leaf, "model").remove_alias("production")
    await prune(older_than=timedelta(0), keep_used=True)
    assert await ids() == set()


async def test_a_failed_run_stays_with_what_below_it_has_used(engine: AsyncEngine) -> None:
    async def fail(manager: RunManager, *used: UUID) -> None:
        async with manager:
            await manager.save_artifact("made", Leaf(1))
            async with RunManager(Run()) as inner:
                await inner.use(*used)
            raise LookupError

    async def failed(manager: RunManager, *used: UUID) -> UUID:
        with pytest.raises(LookupError):
            await fail(manager, *used)
        found: UUID = next(
            row["node_id"] for row in await rows(node_table) if row["parent_id"] == manager.run.node_id and row["label"]
        )
        return found

    first, second, third = (RunManager(Run()) for _ in range(3))
    made = await failed(first)
    again = await failed(second, made)
    async with RunManager(Run()) as good:
        await good.use(again)
    await failed(third)
    report = await prune(failed_runs=True, keep_used=True)
    assert [node.node_id for node in report.nodes] == [third.run.node_id]
    assert await Leaf.load(made) == await Leaf.load(again)
    await delete(good.run.node_id)
    assert len((await prune(failed_runs=True, keep_used=True)).nodes) == 2
    assert await ids() == set()


@pytest.mark.parametrize("seed", range(5))
async def test_what_is_kept_is_no_more_than_what_stays_has_used(engine: AsyncEngine, seed: int) -> None:
    chance = random.Random(seed)
    parents, made, uses = await history(chance)
    fixed = chance.choice([*made])
    await series(Leaf, next(row["label"] for row in await rows(node_table) if row["node_id"] == fixed)).set_alias(
        "fixed", fixed
    )
    stays: set[UUID | None] = set()
    kept: set[UUID] = {fixed}
    while True:
        more = {parents[run] for run in parents if run in stays} | {made[artifact] for artifact in kept}
        more_kept = kept | {used for used, run in uses if run in stays}
        if more <= stays and more_kept <= kept:
            break
        stays |= more
        kept |= more_kept
    await prune(older_than=timedelta(0), keep_used=True)
    left = [row for row in await rows(node_table) if row["node_type"] == "run" or row["tree_root_id"] == row["node_id"]]
    assert {row["node_id"] for row in left} == {run for run in stays if run} | kept


async def test_a_run_that_was_lost_has_an_age(engine: AsyncEngine) -> None:
    async with RunManager(Run()) as lost:

        async def lose(connection: AsyncConnection) -> None:
            await connection.execute(update(node_table).values(run_status="lost"))

        await write(lose)
        await prune(older_than=timedelta(0))
        assert await ids() == set()
    assert lost.run.status == "completed"


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"failed_runs": True, "keep_newest": {"x": 1}},
        {"older_than": datetime(2026, 1, 1)},
        {"older_than": timedelta(days=-1)},
        {"older_than": timedelta(days=999_999)},
        {"older_than": 90},
        {"keep_newest": 3},
        {"keep_newest": {"x": -1}},
        {"keep_newest": {"x": True}},
        {"keep_newest": {"x": 1.5}},
        {"failed_runs": True, "keep_used": True, "cascade": True},
    ],
)
async def test_a_rule_that_cannot_be_meant_is_refused(engine: AsyncEngine, rule: Any) -> None:
    await Leaf(1).save("x")
    with pytest.raises(ConfigurationError):
        await prune(**rule)
    with pytest.raises(InvalidLabelError):
        await prune(keep_newest={"\0": 1})
    assert len(await ids()) == 3


async def test_a_report_can_be_read(engine: AsyncEngine) -> None:
    async with RunManager(Run()) as manager:
        await manager.save_artifact("x", Leaf(1, "text"))
    loose = await save_many([("many", Leaf(number)) for number in range(30)])
    never = new_id()
    text = (await delete([manager.run.node_id, *loose, never], dry_run=True)).render()
    assert text.startswith(
        f"Would delete:\n  run {manager.run.node_id}: 1 run, 1 artifact, 4 rows (named)\n  artifact 'many'"
    )
    assert "and 11 more" in text
    assert "In all: 1 run, 31 artifacts, 94 rows" in text
    assert "2 objects of 8 bytes" in text
    assert text.endswith(f"Not there: {never}")


async def test_others_who_go_on_saving_are_told(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    node_id = await Leaf(1, "x").save("x")

    async def taken(*_: object) -> None:
        raise graph_delete._ConcurrentChangeError

    monkeypatch.setattr(graph_delete, "delete_unused", taken)
    before = await ids()
    with pytest.raises(RetryableError, match="Try again"):
        await delete(node_id)
    assert await ids() == before
