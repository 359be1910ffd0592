"""Artigraph of this checkout, in the project's environment.

One by one: `save` and `load`, outside of any run and session. Nested: one model with an `ArtifactSequence` of the
records. In bulk: `save_artifacts` in a new run, so that the run's start and end are in the figure, and `load_artifacts`
after it ended.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from artigraph import ArtifactModel, ArtifactSequence, Run, RunManager
from artigraph.db import create_tables, set_engine
from benchmarks.peers.worker import Peer, Values, Way, serve


@dataclass
class Record(ArtifactModel):
    """The record as a model."""

    number: int
    score: float
    name: str
    accepted: bool
    details: dict[str, Any]


@dataclass
class Group(ArtifactModel):
    """A model that holds all records."""

    records: ArtifactSequence[Record]


class Ours(Peer):
    """Artigraph of this checkout."""

    distribution = "artigraph-core"

    async def open(self, url: str, folder: Path) -> None:
        set_engine(url)
        await create_tables()

    def make(self, records: list[Values]) -> list[Record]:
        return [Record(*record) for record in records]

    def read(self, loaded: list[Record]) -> list[Values]:
        return [Values(**vars(record)) for record in loaded]


async def save(models: list[Record]) -> list[UUID]:
    return [await model.save("record") for model in models]


async def load(ids: list[UUID]) -> list[Record]:
    return [await Record.load(node_id) for node_id in ids]


async def save_nested(models: list[Record]) -> UUID:
    return await Group(ArtifactSequence(models)).save("group")


async def load_nested(node_id: UUID) -> list[Record]:
    return list((await Group.load(node_id)).records)


async def save_in_bulk(models: list[Record]) -> RunManager:
    async with RunManager(Run()) as manager:
        await manager.save_artifacts({f"record {number}": model for number, model in enumerate(models)})
    return manager


async def load_in_bulk(manager: RunManager) -> list[Any]:
    return list((await manager.load_artifacts()).values())


Ours.ways = {
    "one by one": Way(save, load),
    "nested": Way(save_nested, load_nested),
    "in bulk": Way(save_in_bulk, load_in_bulk),
}

if __name__ == "__main__":
    serve(Ours())
