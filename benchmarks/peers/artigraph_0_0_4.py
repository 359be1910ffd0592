# /// script
# requires-python = ">=3.11"
# dependencies = ["artigraph==0.0.4", "sqlalchemy[asyncio]", "aiosqlite", "asyncpg"]
# ///
"""Artigraph 0.0.4, the first published release.

One by one: `save` and `load`. Nested: one model with an `ArtifactSequence` of the records, as in the current version.
It has no calls in bulk.

It has no call that deletes a run. `read_descendants` and `delete_nodes` could, but the table has no index on the
parent. So with foreign keys, SQLite compares each row that it deletes with all rows. A run with 10,000 artifacts has
60,001 rows, which takes about a minute of CPU time.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import create_async_engine

from artigraph import ArtifactModel, ArtifactSequence
from artigraph.db import set_engine
from artigraph.orm.base import Base
from benchmarks.peers.worker import Peer, Values, Way, serve


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


Artigraph004.jobs = {}
Artigraph004.lacks = {
    "newest": "has no call that finds runs",
    "lineage": "records none: its nodes are a tree",
    "cached": "has no cache",
    "delete": "has no call for it, and its functions take a minute: no index serves the foreign key",
}
Artigraph004.ways = {"one by one": Way(save, load), "nested": Way(save_nested, load_nested)}

if __name__ == "__main__":
    serve(Artigraph004())
