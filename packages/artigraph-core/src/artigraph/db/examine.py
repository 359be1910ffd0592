"""Examine the current database: which one it is and why, and reads that create and change nothing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar

from sqlalchemy import inspect, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.pool import QueuePool

from artigraph.db._dialect import DialectName, dialect_name
from artigraph.db._engine import log_of, make_reading_engine
from artigraph.db._files import embedded_folder, is_memory, sqlite_file
from artigraph.db._hosts import shown_url
from artigraph.db._loop_engine import Database, LoopEngine, own
from artigraph.db._schema import version_of
from artigraph.db._target import ENVIRONMENT, Target, current_target, engine_block, process_targets
from artigraph.db._transaction import Work, read_on
from artigraph.orm import store_table

__all__ = ["Chosen", "Examined", "StoreTables", "examined"]

T = TypeVar("T")

Chosen = Literal["engine_context", "set_engine", "environment", "folder"]
"""Who chose the database: a block, the process, the environment variable, or nobody."""


@dataclass(frozen=True, slots=True)
class StoreTables:
    """The tables of a database, as far as they are there."""

    dialect: DialectName
    names: frozenset[str]
    version: str | None
    """The recorded version of the tables. None if there is no record."""
    store: Database | None
    """None if the database has no identity, because its tables were not made to their end."""


class Examined:
    """The current database, to be looked at."""

    def __init__(self, target: Target, chosen: Chosen, loop_engine: LoopEngine | None) -> None:
        self._target = target
        self._loop_engine = loop_engine
        self.chosen: Chosen = chosen
        self.file: Path | None = sqlite_file(target.url)
        """The SQLite file, if it is one."""
        self.in_memory: bool = target.url.get_backend_name() == "sqlite" and is_memory(target.url)
        self.is_callers: bool = target.is_callers
        """Whether the engine is the caller's own."""
        self.creates_tables: bool = target.creates_tables
        self.synchronous: str = target.synchronous
        """How SQLite commits, on engines that Artigraph makes."""

        self.is_at_rest: bool = self.file is not None and not log_of(self.file).exists()
        """Whether nobody has the SQLite file open with a write-ahead log."""

    @property
    def name(self) -> str:
        """The path of the SQLite file, or the URL without its password and arguments."""
        return str(self.file or shown_url(self._target.url))

    @property
    def driver(self) -> str:
        """The name of the driver."""
        return self._target.url.get_driver_name()

    @property
    def pool(self) -> tuple[int | None, int] | None:
        """The connections that the pool keeps, if it says so, and the sessions at once. None for a SQLite file."""
        if self.file is not None or self._loop_engine is None:
            return None
        kept = self._loop_engine.pool
        return kept.size() if isinstance(kept, QueuePool) else None, self._loop_engine.state.most_sessions

    async def read(self, work: Work[T], seconds: float) -> T:
        """Run work that only reads, within a time limit.

        Raises:
            TimeoutError: it took longer.
            DatabaseError: the database failed.
        """
        assert self._loop_engine is not None  # the caller asked whether the file exists
        async with asyncio.timeout(seconds):
            return await read_on(self._loop_engine, work)

    async def tables(self, seconds: float) -> StoreTables:
        """Return which tables there are; see `read` for errors. Tables of any release do."""

        async def work(connection: AsyncConnection) -> StoreTables:
            names = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
            version = await connection.run_sync(version_of)
            dialect, store_id = dialect_name(connection.dialect), None
            if store_table.name in names:
                store_id = (await connection.execute(select(store_table.c.store_id))).scalar()
            folder = embedded_folder(self.file)
            store = None if store_id is None else Database(dialect, store_id, folder)
            return StoreTables(dialect, frozenset(names), version, store)

        return await self.read(work, seconds)


@asynccontextmanager
async def examined() -> AsyncGenerator[Examined]:
    """Examine the current database. It creates neither a file nor a table, and no setting is changed.

    A SQLite file is read on a connection of its own, which cannot write.

    Raises:
        ConfigurationError: the URL of the environment variable cannot be used.
    """
    target = current_target()
    found = Examined(target, _chosen(target), None)
    if found.file is not None and not found.file.exists():
        yield found
        return
    if found.file is None:
        loop_engine = target.loop_engine()
        brief = replace(loop_engine.timeouts, retry=1.0)
        yield Examined(target, found.chosen, replace(loop_engine, timeouts=brief))
        return
    engine = make_reading_engine(found.file)
    try:
        reading = own(engine, create_tables=False, folder=None, memory=False, timeouts=target.timeouts)
        yield Examined(target, found.chosen, reading)
    finally:
        await engine.dispose()


def _chosen(target: Target) -> Chosen:
    block = engine_block.get()
    if block is not None and block.target is target:
        return "engine_context"
    if process_targets and process_targets[-1] is target:
        return "set_engine"
    return "environment" if os.environ.get(ENVIRONMENT) else "folder"
