"""An engine as the library uses it: how to read, how to write, and what is known of its database."""

from __future__ import annotations

import asyncio
import weakref
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import Pool, StaticPool

from artigraph.db._dialect import DialectName
from artigraph.db._engine import BEGIN
from artigraph.db._url import is_memory
from artigraph.errors import WrongEventLoopError

__all__ = ["Bound", "Database", "adopt", "own", "writes_on"]

_SESSIONS = 8
"""Sessions at once on one of our engines: fewer than its pool has connections, so that each can get one more."""


@dataclass(frozen=True)
class Database:
    """The database that is used here."""

    dialect: DialectName
    """Which of the four it is."""
    store_id: UUID
    """Its identity; every key of an object that it refers to begins with it."""
    folder: Path | None = None
    """The `.artigraph` folder where the embedded default is in force."""


@dataclass(eq=False)
class Known:
    """What is found out once for a pool of connections. Only weakly tied to it: neither keeps the other alive."""

    loop: weakref.ref[asyncio.AbstractEventLoop]
    database: Database | None = None
    check: asyncio.Lock = field(default_factory=asyncio.Lock)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by the one who writes to SQLite, who uses an only connection, or who tries again elsewhere."""
    file: str | None = None
    """The file of the SQLite database that it is of."""
    writers: int = 0
    """Write transactions that are going on, or wait to begin."""
    sessions: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_SESSIONS))


@dataclass(eq=False)
class Bound:
    """An engine on its event loop."""

    engine: AsyncEngine
    reader: AsyncEngine
    """Opens connections for reading: on our own engines without a transaction, which saves its round trips."""
    writer: AsyncEngine
    """Opens connections that begin a write transaction by themselves; on a caller's engine, on PostgreSQL only."""
    ours: bool
    known: Known
    create_tables: bool = False
    folder: Path | None = None
    memory: bool = False
    shared: bool = field(init=False)
    """Whether one connection serves everybody, so that readers take turns too and nothing is cut off on it."""
    sqlite: bool = field(init=False)
    pool: Pool = field(init=False)

    def __post_init__(self) -> None:
        self.pool = self.engine.sync_engine.pool
        self.shared = self.memory or isinstance(self.pool, StaticPool)
        self.sqlite = self.engine.dialect.name == "sqlite"


_known: weakref.WeakKeyDictionary[Pool, Known] = weakref.WeakKeyDictionary()
"""By pool: an engine that was disposed has a new one, and may go on on another loop."""


def own(engine: AsyncEngine, *, create_tables: bool, folder: Path | None, memory: bool) -> Bound:
    """Make an engine that we made usable on the running loop."""
    known = _known_of(engine)
    if engine.dialect.name == "sqlite":
        reader, writer = engine.execution_options(**{BEGIN: "none"}), engine.execution_options(**{BEGIN: "immediate"})
    else:
        reader = writer = engine
        if engine.driver == "asyncpg":
            reader = engine.execution_options(isolation_level="AUTOCOMMIT")
    return Bound(
        engine, reader, writer, ours=True, known=known, create_tables=create_tables, folder=folder, memory=memory
    )


def adopt(engine: AsyncEngine, *, create_tables: bool = False) -> Bound:
    """Make a caller's engine usable without altering it.

    Raises:
        WrongEventLoopError: it was used on another loop before.
    """
    known = _known_of(engine)
    writer = engine
    if engine.dialect.name == "postgresql":
        writer = engine.execution_options(isolation_level="READ COMMITTED")
    return Bound(engine, engine, writer, ours=False, known=known, create_tables=create_tables)


def writes_on(loop: asyncio.AbstractEventLoop, file: str | None) -> bool:
    """Say whether something is writing to a SQLite database, if it is one in a file, on an event loop."""
    pools = [pool for ref in _known.keyrefs() if (pool := ref()) is not None]  # other threads may add some meanwhile
    found = [known for pool in pools if (known := _known.get(pool)) is not None]
    return file is not None and any(known.writers and known.file == file and known.loop() is loop for known in found)


def _known_of(engine: AsyncEngine) -> Known:
    loop = asyncio.get_running_loop()
    pool = engine.sync_engine.pool
    known = _known.get(pool)
    if known is None:
        known = _known[pool] = Known(weakref.ref(loop))
        if engine.dialect.name == "sqlite" and not is_memory(engine.url):
            known.file = engine.url.database
    elif known.loop() is not loop:
        msg = (
            "This engine was first used on another event loop, and its connections belong to that one. Give each loop "
            "an engine of its own, or hand over the URL: engines that Artigraph makes are one for each loop."
        )
        raise WrongEventLoopError(msg)
    return known
