"""Two SQLite files of one store, which stand for a primary and a replica that lags behind it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from artigraph import ArtifactModel, Run, RunManager
from artigraph.db import engine_context

__all__ = ["Kept", "Pair", "make_pair", "replicate"]


@dataclass
class Kept(ArtifactModel, name="replicas.Kept"):
    number: int


@dataclass
class Pair:
    """A primary and its replica. Each has an artifact and a run that the other one lacks."""

    primary: Path
    replica: Path
    both: UUID
    ours: UUID
    """The artifact that only the primary has."""
    theirs: UUID
    """The artifact that only the replica has."""
    our_run: UUID
    their_run: UUID

    def opened(self, **options: Any) -> engine_context:
        return engine_context(self.primary, read_url=self.replica, **options)


def replicate(primary: Path, replica: Path) -> None:
    """Let the replica have what the primary has."""
    with closing(sqlite3.connect(primary)) as source, closing(sqlite3.connect(replica)) as copy:
        source.backup(copy)


async def make_pair(folder: Path) -> Pair:
    """Make the two files. The run and the artifact of each have its name, or 1 and 2."""
    primary, replica = folder / "primary.db", folder / "replica.db"
    async with engine_context(primary, create_tables=True):
        both = await Kept(0).save("it")
    replicate(primary, replica)
    async with engine_context(primary):
        async with RunManager(Run(name="primary")) as manager:
            ours = await manager.save_artifact("it", Kept(1))
        our_run = manager.run.node_id
    async with engine_context(replica):
        async with RunManager(Run(name="replica")) as manager:
            theirs = await manager.save_artifact("it", Kept(2))
        their_run = manager.run.node_id
    return Pair(primary, replica, both, ours, theirs, our_run, their_run)
