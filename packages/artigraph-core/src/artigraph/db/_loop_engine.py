"""An engine bound to its event loop: how to read and write with it, and the facts about its database."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import Pool, QueuePool, StaticPool

from artigraph.db._dialect import DialectName
from artigraph.db._engine import BEGIN
from artigraph.db._files import embedded_folder, is_memory, sqlite_file
from artigraph.db._watch import UNLIMITED, Timeouts
from artigraph.errors import DatabaseUnavailableError, WrongEventLoopError

_SESSIONS = 8
"""The most simultaneous sessions on an engine, fewer than the connections in the pool of one that Artigraph makes."""


@dataclass(frozen=True)
class Database:
    """The facts about a database."""

    dialect: DialectName
    """Its kind: SQLite, PostgreSQL, MySQL or MariaDB."""
    store_id: UUID
    """Its identity. Every key of an object to which it refers begins with it."""
    folder: Path | None = None
    """The `.artigraph` folder that contains the SQLite file; the folder's `objects` belong to this database."""


@dataclass(eq=False)
class PoolState:
    """State shared by all users of a pool. It refers to the pool weakly, so neither keeps the other alive."""

    loop: weakref.ref[asyncio.AbstractEventLoop]
    database: Database | None = None
    check: asyncio.Lock = field(default_factory=asyncio.Lock)
    failed: tuple[float, str] | None = None
    """The time and the message of the last check that found no database that answers."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by the task that writes to SQLite, uses the only connection, or retries a write elsewhere."""
    file: str | None = None
    """The path of the SQLite file, if it is one."""
    writers: int = 0
    """The number of write transactions that are open, or wait to begin."""
    reads_lock: bool = False
    """Whether the engine is a caller's, on MySQL or MariaDB, and SERIALIZABLE: plain reads there wait for writers."""
    inserted: int = 0
    """The number of rows inserted since the statistics of the tables were last checked."""
    most_sessions: int = _SESSIONS
    """The most sessions that may be open at once."""
    sessions: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self.sessions = asyncio.Semaphore(self.most_sessions)


@dataclass(eq=False)
class LoopEngine:
    """An engine on its event loop."""

    engine: AsyncEngine
    reader: AsyncEngine
    """Opens connections for reading. On an engine of Artigraph's, they use no transaction, to save round trips."""
    writer: AsyncEngine
    """Opens connections that begin a write transaction by themselves. For a caller's engine, only on PostgreSQL."""
    ours: bool
    state: PoolState
    create_tables: bool = False
    folder: Path | None = None
    memory: bool = False
    timeouts: Timeouts = field(default_factory=Timeouts)
    shared: bool = field(init=False)
    """Whether all users share one connection, so that readers take turns, too, and no call on it is cut off."""
    sqlite: bool = field(init=False)
    sets_lock_timeout: bool = field(init=False)
    """Whether each write transaction must set the limit for waits for locks (on PostgreSQL)."""
    pool: Pool = field(init=False)
    alone: bool = field(init=False)
    """Whether a session has no second connection to write on: the pool has one, or the database has one writer."""

    def __post_init__(self) -> None:
        self.pool = self.engine.sync_engine.pool
        self.shared = self.memory or isinstance(self.pool, StaticPool)
        self.sqlite = self.engine.dialect.name == "sqlite"
        self.alone = self.sqlite or self.shared or (not self.ours and _size(self.pool) == 1)
        # PgBouncer may assign another connection to each transaction, so the setting is made in each.
        pooled = self.engine.url.query.get("prepared_statement_cache_size") == "0"
        self.sets_lock_timeout = self.engine.dialect.name == "postgresql" and (pooled or not self.ours)
        if self.shared and self.sqlite:
            self.timeouts = replace(UNLIMITED, retry=self.timeouts.retry)

    @asynccontextmanager
    async def session_turn(self) -> AsyncGenerator[None]:
        """Wait until a session may be opened.

        Raises:
            DatabaseUnavailableError: the other sessions did not end in time.
        """
        if self.shared:
            async with self.state.turn:
                yield
            return
        if self.sqlite:
            yield
            return
        sessions, most, patience = self.state.sessions, self.state.most_sessions, self.timeouts.retry
        try:
            async with asyncio.timeout(patience):
                await sessions.acquire()
        except TimeoutError as error:
            msg = (
                f"No session could be opened within {patience:g} s: the engine's pool bears {most} at once, and none "
                "of those that are open ended. Close sessions sooner, or give the engine a larger pool. "
                "Timeouts(retry=...) says how long to wait."
            )
            raise DatabaseUnavailableError(msg) from error
        try:
            yield
        finally:
            sessions.release()


def _size(pool: Pool) -> int | None:
    """Return the number of connections that a pool keeps; None if it has no limit, or does not say."""
    size = pool.size() if isinstance(pool, QueuePool) else 0
    return size or None


def _most_sessions(pool: Pool) -> int:
    """Return the most sessions for a caller's pool. Each session may briefly need a second connection.

    One connection is left for that. A pool does not publish how far it may overflow, so the overflow does not count.
    """
    size = _size(pool)
    return _SESSIONS if size is None else max(1, min(_SESSIONS, size - 1))


_states: weakref.WeakKeyDictionary[Pool, PoolState] = weakref.WeakKeyDictionary()
"""State by pool: an engine that was disposed has a new pool, and may continue on another loop."""


def own(
    engine: AsyncEngine, *, create_tables: bool, folder: Path | None, memory: bool, timeouts: Timeouts
) -> LoopEngine:
    """Bind an engine that Artigraph made to the running event loop."""
    state = _state_of(engine, _SESSIONS)
    if engine.dialect.name == "sqlite":
        reader, writer = engine.execution_options(**{BEGIN: "none"}), engine.execution_options(**{BEGIN: "immediate"})
    else:
        reader = writer = engine
        if engine.driver == "asyncpg":
            reader = engine.execution_options(isolation_level="AUTOCOMMIT")
    return LoopEngine(
        engine,
        reader,
        writer,
        ours=True,
        state=state,
        create_tables=create_tables,
        folder=folder,
        memory=memory,
        timeouts=timeouts,
    )


def adopt(engine: AsyncEngine, timeouts: Timeouts, *, create_tables: bool = False) -> LoopEngine:
    """Bind a caller's engine to the running event loop, without changing it.

    Raises:
        WrongEventLoopError: the engine was used on another loop before.
    """
    state = _state_of(engine, _most_sessions(engine.sync_engine.pool))
    writer = engine
    if engine.dialect.name == "postgresql":
        writer = engine.execution_options(isolation_level="READ COMMITTED")
    folder = embedded_folder(sqlite_file(engine.url))
    return LoopEngine(
        engine,
        engine,
        writer,
        ours=False,
        state=state,
        create_tables=create_tables,
        folder=folder,
        timeouts=timeouts,
    )


def writes_on(loop: asyncio.AbstractEventLoop, file: str | None) -> bool:
    """Return whether any task of an event loop is writing to the SQLite database in this file."""
    pools = [pool for ref in _states.keyrefs() if (pool := ref()) is not None]  # other threads may add pools meanwhile
    found = [state for pool in pools if (state := _states.get(pool)) is not None]
    return file is not None and any(state.writers and state.file == file and state.loop() is loop for state in found)


def _state_of(engine: AsyncEngine, most_sessions: int) -> PoolState:
    loop = asyncio.get_running_loop()
    pool = engine.sync_engine.pool
    state = _states.get(pool)
    if state is None:
        state = _states[pool] = PoolState(weakref.ref(loop), most_sessions=most_sessions)
        if engine.dialect.name == "sqlite" and not is_memory(engine.url):
            state.file = engine.url.database
    elif state.loop() is not loop:
        msg = (
            "This engine was first used on another event loop, and its connections belong to that one. Give each loop "
            "an engine of its own, or hand over the URL: engines that Artigraph makes are one for each loop."
        )
        raise WrongEventLoopError(msg)
    return state
