"""How many statements a call takes, for little data and for much."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from artigraph import ArtifactModel, ArtifactSequence, Run, RunManager, artifact_field, delete, load_many, save_many
from artigraph.db import current_database
from artigraph.storage import MemoryStorage
from tests.support.statements import counted

Call = Callable[[], Awaitable[object]]


@dataclass
class Point(ArtifactModel, name="StatementPoint"):
    x: int
    y: float
    label: str | None = None


@dataclass
class Line(ArtifactModel, name="StatementLine"):
    points: ArtifactSequence[Point] = field(default_factory=ArtifactSequence[Point])


@dataclass
class Sheet(ArtifactModel, name="StatementSheet"):
    pages: ArtifactSequence[bytes] = artifact_field(storage=MemoryStorage("statement-pages"))
    title: str = ""


async def saving(count: int) -> Call:
    line = Line(ArtifactSequence([Point(number, number / 3) for number in range(count)]))
    return lambda: line.save("line")


async def saving_many(count: int) -> Call:
    manager = RunManager(Run())
    async with manager:
        return lambda: manager.save_artifacts({str(number): Point(number, 0.5) for number in range(count)})


async def loading(count: int) -> Call:
    node_id = await Line(ArtifactSequence([Point(number, 0.5) for number in range(count)])).save("line")
    return lambda: Line.load(node_id)


async def loading_artifacts(count: int) -> Call:
    async with RunManager(Run()) as manager:
        await manager.save_artifacts({str(number): Point(number, 0.5) for number in range(count)})
    return manager.load_artifacts


async def loading_below(count: int) -> Call:
    async with RunManager(Run()) as manager:
        for _ in range(count // 20 + 1):
            async with RunManager(Run()) as child:
                await child.save_artifacts({str(number): Point(number, 0.5) for number in range(count)})
    return manager.load_descendant_artifacts


async def saving_at_once(count: int) -> Call:
    return lambda: save_many([("point", Point(number, 0.5)) for number in range(count)])


async def loading_at_once(count: int) -> Call:
    ids = await save_many([("point", Point(number, 0.5)) for number in range(count)])
    return lambda: load_many(Point, ids)


async def saving_objects(count: int) -> Call:
    sheet = Sheet(ArtifactSequence([bytes([number]) * 2000 for number in range(count)]))
    return lambda: sheet.save("sheet")


async def loading_objects(count: int) -> Call:
    node_id = await Sheet(ArtifactSequence([bytes([number]) * 2000 for number in range(count)])).save("sheet")
    return lambda: Sheet.load(node_id)


async def loading_a_part(count: int) -> Call:
    node_id = await Sheet(ArtifactSequence([bytes([number]) * 2000 for number in range(count)])).save("sheet")
    return lambda: Sheet.load(node_id, fields=["title"])


async def deleting(count: int) -> Call:
    node_id = await Line(ArtifactSequence([Point(number, 0.5) for number in range(count)])).save("line")
    return lambda: delete(node_id)


async def deleting_objects(count: int) -> Call:
    node_id = await Sheet(ArtifactSequence([bytes([number]) * 2000 for number in range(count)])).save("sheet")
    return lambda: delete(node_id)


async def deleting_runs(count: int) -> Call:
    async with RunManager(Run()) as manager:
        await manager.save_artifacts({str(number): Point(number, 0.5) for number in range(count)})
        for _ in range(count // 20 + 1):
            async with RunManager(Run()) as child:
                await child.save_artifacts({str(number): Point(number, 0.5) for number in range(count)})
    return lambda: delete(manager.run.node_id)


async def deleting_what_was_used(count: int) -> Call:
    first = last = await Point(0, 0.5).save("first")
    for number in range(count):  # each run uses what the one before saved
        async with RunManager(Run()) as manager:
            await manager.use(last)
            last = await manager.save_artifact("next", Point(number, 0.5))
    return lambda: delete(first, cascade=True)


@pytest.mark.parametrize(
    ("prepare", "statements"),
    [
        (saving, 1),
        (saving_many, 1),
        (saving_at_once, 1),
        (saving_objects, 4),  # look for objects, insert their rows, hold them, insert the nodes
        (loading, 1),
        (loading_at_once, 1),
        (loading_objects, 2),
        (loading_a_part, 1),
        (loading_artifacts, 1),
        (loading_below, 2),
        (deleting, 7),  # the node; who used it, its aliases, sizes, objects and links; the rows
        (deleting_objects, 12),  # also who else has the objects, where they are, who has them by now, and their rows
        (deleting_what_was_used, 20),  # also all that depends on it, what is below that, and the reasons
        (deleting_runs, 12),  # also the runs below and their artifacts; runs' links; the runs, in two steps
    ],
)
async def test_the_number_of_statements_does_not_depend_on_the_size(
    prepare: Callable[[int], Awaitable[Call]], statements: int
) -> None:
    await current_database()
    for count in (1, 100):
        call = await prepare(count)
        with counted() as seen:
            await call()
        assert len(seen) == statements, seen


async def test_a_long_insert_goes_in_parts_of_one_statement() -> None:
    await current_database()
    call = await saving(1250)  # 1,250 points are 5,002 rows
    with counted() as seen:
        await call()
    assert len(seen) == 3
    assert len(set(seen)) == 1
