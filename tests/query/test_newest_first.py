"""Pages by id: the newest first, and older or newer than a node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest

from artigraph import ArtifactModel, Node, Run, RunManager, columns, select
from artigraph.errors import InvalidNodeIdError
from artigraph.query import Select
from tests.support.plans import SORTED, plan

pytestmark = pytest.mark.usefixtures("engine")


@dataclass
class Item(ArtifactModel, name="newest.Item"):
    value: int
    name: str = "x" * 300


async def saved(count: int) -> list[UUID]:
    return [await Item(number % 3).save("even" if number % 2 == 0 else "odd") for number in range(count)]


c = columns(Item)
ALL, EVEN, ODD, POSITIVE = range(9), range(0, 9, 2), range(1, 9, 2), (1, 2, 4, 5, 7, 8)


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        (select(Item), ALL),
        (select("newest.Item"), ALL),
        (select(Item).labeled("even"), EVEN),
        (select("newest.Item").labeled("odd"), ODD),
        (select(Item).labeled("odd", "even"), ALL),
        (select(Item).where(c.value > 0), POSITIVE),
        (select(Item).where(c.name == "x" * 300), ALL),
        (select(Node).artifacts(), ALL),
        (select(Node).of_type("model").labeled("odd"), ODD),
        (select(Item).order_by(c.value), ALL),
    ],
)
async def test_pages_by_id_are_slices(query: Select[Any], numbers: Sequence[int]) -> None:
    ids = await saved(9)
    kept = [ids[number] for number in numbers]
    newest = query.newest_first()
    assert await newest.ids() == kept[::-1]
    assert await newest.limit(2).ids() == kept[::-1][:2]
    assert await newest.older_than(ids[6]).limit(2).ids() == [each for each in kept[::-1] if each < ids[6]][:2]
    assert await newest.older_than(ids[6]).newer_than(str(ids[1])).ids() == [
        each for each in kept[::-1] if ids[1] < each < ids[6]
    ]
    assert await newest.older_than(ids[6]).older_than(ids[3]).older_than(ids[5]).count() == sum(
        each < ids[3] for each in kept
    )
    assert await newest.newer_than(ids[2]).newer_than(ids[6]).newer_than(ids[3]).count() == sum(
        each > ids[6] for each in kept
    )
    assert await newest.older_than(UUID(int=0)).ids() == []


async def test_orders_after_it_take_precedence_and_ties_are_newest_first() -> None:
    ids = await saved(6)
    by_value = sorted(enumerate(ids), key=lambda each: (each[0] % 3, -each[0]))
    expected = [node_id for _, node_id in by_value]
    assert await select(Item).newest_first().order_by(c.value).ids() == expected
    assert await select(Item).newest_first().order_by(c.name, c.value).limit(3).ids() == expected[:3]
    assert await select(Item).order_by(c.value).newest_first().ids() == ids[::-1]


async def test_runs_at_the_top_and_below() -> None:
    async with RunManager(Run(name="outer")) as outer:
        await outer.save_artifact("item", Item(1))
        async with RunManager(Run(name="inner")) as inner:
            pass
    async with RunManager(Run(name="outer")) as other:
        await other.use(await Item(1).save("loose"))
    top = [outer.run.node_id, other.run.node_id]
    r = columns(Run)
    assert await select(Run).top_level().ids() == top
    assert await select(Run).top_level().newest_first().limit(1).ids() == top[1:]
    assert await select(Run).top_level().where(r.name == "outer").ids() == top
    assert await select(Run).top_level().where(r.status == "completed").newest_first().limit(5).ids() == top[::-1]
    assert await select(Run).top_level().used(Item).ids() == top[1:]
    assert await select(Run).top_level().in_run(outer).ids() == []
    assert await select(Run).top_level().count() == 2
    assert await select(Run).in_run(outer).ids() == [inner.run.node_id]
    assert await select(Run).used(Item).newest_first().limit(1).ids() == top[1:]


async def test_the_newest_are_found_without_sorting() -> None:
    runs: list[UUID] = []
    for _ in range(5):
        async with RunManager(Run()) as manager:
            runs.append(manager.run.node_id)
            await manager.save_artifact("item", Item(1))
    for asked in (
        select(Run),
        select(Run).top_level(),
        select(Node),
        select(Node).artifacts(),
        select(Node).of_type("run"),
        select(Item).labeled("item"),
    ):
        for page in (asked.newest_first(), asked.newest_first().older_than(runs[3])):
            found = await plan(page.limit(2))
            assert not SORTED.search(found), (asked, found)
    found = await plan(select(Run).in_run(runs[0]).newest_first().limit(2))
    assert "(parent_id=? AND label=?)" in found


@pytest.mark.parametrize("wrong", [None, "name", 5, [uuid4()]])
def test_a_bound_is_a_node(wrong: Any) -> None:
    for narrowed in (select(Item).older_than, select(Run).newer_than):
        with pytest.raises(InvalidNodeIdError):
            narrowed(wrong)
