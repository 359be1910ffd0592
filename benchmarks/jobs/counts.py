"""The number of statements of a call, which does not depend on the amount of data."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import event

from artigraph import ArtifactMapping, ArtifactModel, ArtifactModelConfig, Run, RunManager, delete, load_many, save_many
from artigraph.db import get_engine
from artigraph.storage import MemoryStorage
from benchmarks.bench import Bench, Job
from benchmarks.harness import Figure
from benchmarks.models import Record, group, record
from benchmarks.results import Row

__all__ = ["JOBS", "counted"]

_LITTLE, _MUCH = 1, 100

Call = Callable[[], Awaitable[Any]]


async def statements(bench: Bench) -> Sequence[Row]:
    """Count the statements of each call for a small and a large amount of data."""
    return [await _row(bench, job, title, prepare) for job, title, prepare in _CALLS]


async def _save_nested(count: int) -> Call:
    return lambda: group(count).save("benchmark")


async def _save_many(count: int) -> Call:
    return lambda: save_many((str(number), record(number)) for number in range(count))


async def _save_objects(count: int) -> Call:
    model = _holder(count)
    return lambda: model.save("benchmark")


async def _load_nested(count: int) -> Call:
    node_id = await group(count).save("benchmark")
    return lambda: ArtifactModel.load(node_id)


async def _load_objects(count: int) -> Call:
    model = _holder(count)
    node_id = await model.save("benchmark")
    return lambda: type(model).load(node_id)


async def _load_many(count: int) -> Call:
    ids = await save_many((str(number), record(number)) for number in range(count))
    return lambda: load_many(Record, ids)


async def _load_run(count: int) -> Call:
    async with RunManager(Run()) as manager:
        await manager.save_artifacts({str(number): record(number) for number in range(count)})
    return manager.load_artifacts


async def _load_child_runs(count: int) -> Call:
    async with RunManager(Run()) as manager:
        for _ in range(count):
            async with RunManager(Run()) as child:
                await child.save_artifacts({"one": record(1)})
    return manager.load_descendant_artifacts


async def _delete_nested(count: int) -> Call:
    node_id = await group(count).save("benchmark")
    return lambda: delete(node_id)


async def _delete_objects(count: int) -> Call:
    node_id = await _holder(count).save("benchmark")
    return lambda: delete(node_id)


async def _delete_child_runs(count: int) -> Call:
    async with RunManager(Run()) as manager:
        for _ in range(count):
            async with RunManager(Run()) as child:
                await child.save_artifacts({"one": record(1)})
    return lambda: delete(manager.run.node_id)


def _holder(count: int) -> ArtifactModel:
    """Return a model with this many objects, none of which was stored before."""
    storage = MemoryStorage(f"benchmark-{uuid.uuid4().hex}")

    @dataclass
    class Holder(ArtifactModel, name="BenchmarkObjects", config=ArtifactModelConfig(default_field_storage=storage)):
        values: ArtifactMapping[str, bytes]

    return Holder(ArtifactMapping({str(number): os.urandom(16) for number in range(count)}))


_CALLS: Sequence[tuple[str, str, Callable[[int], Awaitable[Call]]]] = (
    ("save-nested", "save a model with nested ones", _save_nested),
    ("save-many", "save models in one call", _save_many),
    ("save-objects", "save a model with objects", _save_objects),
    ("load-nested", "load a model with nested ones", _load_nested),
    ("load-objects", "load a model with objects", _load_objects),
    ("load-many", "load models in one call", _load_many),
    ("load-run", "load a run of models", _load_run),
    ("load-child-runs", "load the artifacts of child runs", _load_child_runs),
    ("delete-nested", "delete a model with nested ones", _delete_nested),
    ("delete-objects", "delete a model with objects", _delete_objects),
    ("delete-child-runs", "delete a run with child runs", _delete_child_runs),
)


async def _row(bench: Bench, job: str, title: str, prepare: Callable[[int], Awaitable[Call]]) -> Row:
    counts: list[int] = []
    for count in (_LITTLE, _MUCH):
        work = await prepare(count)
        async with counted() as seen:
            await work()
        counts.append(len(seen))
    little, much = (Figure(count, count, count, 1) for count in counts)
    share = counts[1] / counts[0]
    return Row(
        f"statements-{job}",
        title,
        bench.database,
        "",
        much,
        {"raw": little},
        {"raw": Figure(share, share, share, 1)},
        "raw",
        1.0,
    )


@asynccontextmanager
async def counted() -> AsyncGenerator[list[str]]:
    """Collect the statements that the current engine sends, without BEGIN and COMMIT."""
    seen: list[str] = []
    engine = get_engine().sync_engine

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


JOBS = (Job("statements", statements),)
