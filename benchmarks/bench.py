"""The arguments of a job: a database with our tables, the floors on it, and the amount of work."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from artigraph.db import create_tables, engine_context
from benchmarks.floors.core import CoreFloor
from benchmarks.floors.raw import RawFloor, open_raw
from benchmarks.results import Curve, Row
from integration.support.databases import fresh_database, server_url

__all__ = ["Bench", "Effort", "Job", "is_there", "opened"]


@dataclass(frozen=True)
class Effort:
    """The amount of work of a run."""

    rounds: int = 7
    """Rounds of a job that takes little time."""
    heavy_rounds: int = 5
    """Rounds of a job that takes seconds."""
    divisor: int = 1
    """The divisor of sizes in a quick run, which shows that everything works but proves no target."""
    nodes: int = 10_000_000
    """The nodes of the large store that the job `growth` makes."""

    def of(self, size: int) -> int:
        """Return a size, divided for this run."""
        return max(1, size // self.divisor)


@dataclass(frozen=True)
class Bench:
    """A database for one job alone, set as Artigraph's current one, with the floors open on it."""

    database: str
    url: str
    core: CoreFloor
    raw: RawFloor
    effort: Effort
    folder: Path
    """A folder that is deleted after the job."""


@dataclass(frozen=True)
class Job:
    """A job that measures one or more rows of the table."""

    name: str
    measure: Callable[[Bench], Awaitable[Sequence[Row | Curve]]]
    databases: Sequence[str] = ("sqlite", "postgresql", "mysql", "mariadb")
    """The databases to measure it on, as far as they are available."""
    long: bool = False
    """Whether the job takes much time or memory."""
    quick: bool = True
    """Whether a quick run includes the job, in a second or two."""


def is_there(database: str) -> bool:
    """Return whether a database can be measured here."""
    return database == "sqlite" or server_url(database) is not None


@asynccontextmanager
async def opened(database: str, effort: Effort) -> AsyncGenerator[Bench]:
    """Make a database with our tables for one job, and drop it after the job."""
    with tempfile.TemporaryDirectory(prefix="artigraph-") as folder, fresh_database(database, Path(folder)) as url:
        async with engine_context(url, create_tables=True):
            await create_tables()
            core, raw = CoreFloor(url), await open_raw(url)
            try:
                yield Bench(database, url, core, raw, effort, Path(folder))
            finally:
                await core.close()
                await raw.close()
