# /// script
# requires-python = ">=3.11"
# dependencies = ["artigraph==0.1.0", "sqlalchemy[asyncio]", "aiosqlite", "asyncpg"]
# ///
"""Artigraph 0.1.0, whose models are nodes with links to the nodes of their fields.

One by one: `write_one`, and `read_one` by id. Nested: one model with a list of the records. It stores the list as a
model of its own, as the current version does with an `ArtifactSequence`. In bulk: `write_many`, and one `read` of all
ids.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from sqlalchemy.ext.asyncio import create_async_engine

from artigraph import (
    GraphModel,
    NodeFilter,
    OrmBase,
    dataclass,
    json_serializer,
    read,
    read_one,
    set_engine,
    write_many,
    write_one,
)
from benchmarks.peers.worker import Peer, Values, Way, serve


@dataclass
class Record(GraphModel, version=1):
    number: int
    score: float
    name: str
    accepted: bool
    details: Annotated[dict[str, Any], json_serializer]


@dataclass
class Group(GraphModel, version=1):
    records: list[Record]


class Artigraph010(Peer):
    distribution = "artigraph"

    async def open(self, url: str, folder: Path) -> None:
        engine = create_async_engine(url)
        set_engine(engine)
        async with engine.begin() as connection:
            await connection.run_sync(OrmBase.metadata.create_all)

    def make(self, records: list[Values]) -> list[Record]:
        return [Record(*record) for record in records]

    def read(self, loaded: list[Record]) -> list[Values]:
        return [Values(*(getattr(record, name) for name in Values._fields)) for record in loaded]


async def save(models: list[Record]) -> list[UUID]:
    for model in models:
        await write_one(model)
    return [model.graph_id for model in models]


async def load(ids: list[UUID]) -> list[Record]:
    return [await read_one(Record, NodeFilter(id=graph_id)) for graph_id in ids]


async def save_nested(models: list[Record]) -> UUID:
    group = Group(models)
    await write_one(group)
    return group.graph_id


async def load_nested(graph_id: UUID) -> list[Record]:
    return (await read_one(Group, NodeFilter(id=graph_id))).records


async def save_in_bulk(models: list[Record]) -> list[UUID]:
    await write_many(models)
    return [model.graph_id for model in models]


async def load_in_bulk(ids: list[UUID]) -> list[Record]:
    return sorted(await read(Record, NodeFilter(id=ids)), key=lambda record: record.number)


Artigraph010.jobs = {}
Artigraph010.lacks = {
    "newest": "has no runs, and no call that orders or limits what it finds",
    "lineage": "has a filter for ancestors, but a read with it raises an error",
    "cached": "has no cache",
    "delete": "leaves the rows of a model's fields when it deletes the model",
}
Artigraph010.ways = {
    "one by one": Way(save, load),
    "nested": Way(save_nested, load_nested),
    "in bulk": Way(save_in_bulk, load_in_bulk),
}

if __name__ == "__main__":
    serve(Artigraph010())
