# /// script
# requires-python = ">=3.11"
# dependencies = ["artigraph==0.0.4", "sqlalchemy[asyncio]", "aiosqlite", "asyncpg"]
# ///
"""Artigraph 0.0.4, the first published release.

One by one: `save` and `load`. Nested: one model with an `ArtifactSequence` of the records, as in the current version.
It has no calls in bulk.

Delete: it has no call for a run, but functions to read the descendants of a node, and to delete nodes. The run's
artifacts are copies of the rows of one that `save_artifact` wrote.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import create_async_engine

from artigraph import ArtifactModel, ArtifactSequence, RunManager
from artigraph.api.node import delete_nodes, read_descendants
from artigraph.db import get_engine, set_engine
from artigraph.orm.base import Base
from artigraph.orm.node import Node
from artigraph.orm.run import Run
from benchmarks.peers.worker import Deleted, Job, Peer, Values, Way, serve, values


@dataclass
class Record(ArtifactModel, version=1):
    number: int
    score: float
    name: str
    accepted: bool
    details: dict[str, Any]


@dataclass
class Group(ArtifactModel, version=1):
    records: ArtifactSequence[Record]


class Artigraph004(Peer):
    distribution = "artigraph"

    async def open(self, url: str, folder: Path) -> None:
        engine = create_async_engine(url)
        set_engine(engine)
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)

    def make(self, records: list[Values]) -> list[Record]:
        return [Record(*record) for record in records]

    def read(self, loaded: list[Record]) -> list[Values]:
        return [Values(**vars(record)) for record in loaded]


async def save(models: list[Record]) -> list[int]:
    return [await model.save("record") for model in models]


async def load(ids: list[int]) -> list[Record]:
    return [await Record.load(node_id) for node_id in ids]


async def save_nested(models: list[Record]) -> int:
    return await Group(ArtifactSequence(models)).save("group")


async def load_nested(node_id: int) -> list[Record]:
    records = (await Group.load(node_id)).records
    return [records[index] for index in range(len(records))]  # iteration raises a KeyError in this version


async def make_run(count: int) -> tuple[int, int]:
    """Make a run with one artifact, and copy its rows with new ids. A parent's row is before its children's."""
    table = Node.__table__
    before = await count_rows()
    async with RunManager(Run(None)) as manager:
        await manager.save_artifact("0", Record(*values(0)))
    run_id = manager.run.node_id
    async with get_engine().begin() as connection:
        sample = [
            dict(row) for row in (await connection.execute(select(table).where(table.c.node_id > run_id))).mappings()
        ]
        next_id = sample[-1]["node_id"] + 1
        rows = []
        for number in range(1, count):
            ids = {run_id: run_id} | {row["node_id"]: next_id + place for place, row in enumerate(sample)}
            next_id += len(sample)
            for row in sample:
                label = str(number) if row["node_parent_id"] == run_id else row["artifact_label"]
                moved = {"node_id": ids[row["node_id"]], "node_parent_id": ids[row["node_parent_id"]]}
                rows.append(row | moved | {"artifact_label": label})
        if rows:
            await connection.execute(insert(table), rows)
    return run_id, before


async def delete_run(run: tuple[int, int]) -> tuple[int, int, int]:
    run_id, before = run
    below = await read_descendants(run_id)
    await delete_nodes([run_id, *(node.node_id for node in below)])
    return run_id, before, sum(node.node_parent_id == run_id for node in below)


async def read_deleted(run: tuple[int, int, int]) -> Deleted:
    _, before, artifacts = run
    return Deleted(artifacts, await count_rows() - before)


async def count_rows() -> int:
    async with get_engine().connect() as connection:
        return (await connection.execute(select(func.count()).select_from(Node.__table__))).scalar_one()


Artigraph004.jobs = {"delete": Job(lambda count: count, delete_run, read_deleted, make_run)}
Artigraph004.lacks = {
    "newest": "has no call that finds runs",
    "lineage": "records none: its nodes are a tree",
    "cached": "has no cache",
}
Artigraph004.ways = {"one by one": Way(save, load), "nested": Way(save_nested, load_nested)}

if __name__ == "__main__":
    serve(Artigraph004())
