"""A small store for the tests and the page of the command line: two runs, three reports and some data."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from artigraph import ArtifactModel, ArtifactSequence, Run, RunManager, series
from artigraph.db import engine_context
from artigraph.storage.file import FileSystem
from artigraph.tracking._sql import rows_of_call
from tests.support.cached_rows import insert_rows


@dataclass
class Data(ArtifactModel, name="Data"):
    name: str
    rows: int


@dataclass
class Score(ArtifactModel, name="Score"):
    name: str
    value: float


@dataclass
class Report(ArtifactModel, name="Report"):
    title: str
    accuracy: float
    data: Data
    scores: ArtifactSequence[Score]
    text: bytes


@dataclass(frozen=True)
class SmallStore:
    """What is in the store."""

    data: UUID
    reports: tuple[UUID, UUID, UUID]
    """The first one belongs to `train` of before, the second to the last `train`, the third to `evaluate`."""
    runs: tuple[UUID, UUID, UUID, UUID]
    """Two of the name `train`, one `evaluate` that failed, and one without a name below the second."""


async def fill(url: str, objects: Path, name: str) -> SmallStore:
    """Make tables, and save runs and artifacts. The text of each report is an object in a storage of this name."""
    storage = FileSystem(objects, name=name, durable=False)
    async with engine_context(url, create_tables=True, large_value_storage=storage, inline_limit=1024):
        return await _fill()


async def _fill() -> SmallStore:
    def report(title: str, accuracy: float) -> Report:
        scores = ArtifactSequence([Score("precision", accuracy - 0.1), Score("recall", accuracy + 0.05)])
        return Report(title, accuracy, Data("train", 3), scores, f"The text of {title}. ".encode() * 100)

    async with RunManager(Run(name="train", parameters={"rate": 0.1}, tags={"team": "vision"})) as first:
        data = await first.save_artifact("data", Data("train", 3))
        one = await first.save_artifact("report", report("First", 0.5))
    async with RunManager(Run(name="train", parameters={"rate": 0.01}, tags={"team": "vision"})) as second:
        await Data.load(data)
        two = await second.save_artifact("report", report("Second", 0.875))
        async with RunManager(Run(), record_use=False) as below:
            pass
    await series(Report, "report").set_alias("production", two)
    third = RunManager(Run(name="evaluate", parameters={"rate": 0.01}))
    three = await _fail(third, two, report("Third", 0.75))
    await _cache(first.run, 0.1)
    await _cache(second.run, 0.01)
    runs = (first.run.node_id, second.run.node_id, third.run.node_id, below.run.node_id)
    return SmallStore(data, (one, two, three), runs)


async def _cache(run: Run, rate: float) -> None:
    """Record a run as a computed call of a cached function."""
    parts = {
        "python": "3.13",
        "code": {"pipeline.train": "5f" * 32},
        "arguments": {"data": "1c" * 32, "rate": hashlib.sha256(repr(rate).encode()).hexdigest()},
        "shown": {"rate": repr(rate)},
        "not_followed": ["code of numpy, which is another distribution"],
    }
    key = hashlib.sha256(repr(parts).encode()).digest()
    await insert_rows(run.node_id, rows_of_call(run.node_id, key, "pipeline.train", parts, "artifact"))


async def _fail(manager: RunManager, used: UUID, made: Report) -> UUID:
    """Save a report in a run that uses another one, and then fails."""
    saved: list[UUID] = []
    with suppress(ValueError):
        async with manager:
            await Report.load(used)
            saved.append(await manager.save_artifact("report", made))
            msg = "no more data"
            raise ValueError(msg)
    return saved[0]
