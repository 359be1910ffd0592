"""Reading and writing on one engine: what is tried again, what is shielded, what is begun."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from typing import Any, NoReturn, TypeVar, cast

from sqlalchemy import Connection, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.background import standing_loop
from artigraph.db._bound import Bound, writes_on
from artigraph.db._errors import CommitFailed, ConnectionLost, ForeignKeyViolation, UniqueViolation, translate
from artigraph.db._lent import lent_mysql, lent_sqlite
from artigraph.db._shield import shielded
from artigraph.errors import DatabaseUnavailable, LabelConflictError, RetryableError, SyncCallError

__all__ = [
    "ATTEMPTS",
    "Committed",
    "Work",
    "commit",
    "open_transaction",
    "raise_typed",
    "read_on",
    "write_on",
    "writing",
]

T = TypeVar("T")
Work = Callable[[AsyncConnection], Awaitable[T]]
"""What is to be done on a connection: database calls and nothing else, as it may be done more than once."""
Committed = Callable[[AsyncConnection], Awaitable[bool]]
"""Says, on a fresh connection, whether a transaction whose COMMIT was not answered took effect."""

_PING = select(1)
_REFUSALS = (RetryableError, UniqueViolation, ForeignKeyViolation, LabelConflictError)
"""Errors after which a transaction is rolled back for certain, at COMMIT too."""

ATTEMPTS = 15
"""How often a transaction is tried at most; under a hostile load, seven were the most that were needed."""
_LOST_ATTEMPTS = 4
"""How often it is tried if the connection breaks each time."""
_PATIENCE = 60.0
"""Seconds after which no further attempt is begun."""


class _CommitUnanswered(ConnectionLost):
    """The connection broke while COMMIT was in flight."""

    def __init__(self, message: str, result: object) -> None:
        super().__init__(message)
        self.result = result
        """What the work returned."""


def raise_typed(error: Exception) -> NoReturn:
    """Raise the error of ours for a database's, and any other one as it is."""
    typed = translate(error)
    if typed is None or typed is error:
        raise error
    raise typed from error


async def read_on(bound: Bound, work: Work[T]) -> T:
    """Do work that only reads, on a connection of its own."""
    if bound.shared:
        # Cut off in the middle of a statement the one connection, and the database with it, would be given up.
        async with bound.known.turn:
            return await shielded(_read(bound, work))
    return await _read(bound, work)


async def _read(bound: Bound, work: Work[T]) -> T:
    retries = _Retries()
    while True:
        try:
            async with bound.reader.connect() as connection:
                return await work(connection)
        except Exception as error:  # noqa: BLE001 (raised again, typed)
            await retries.after(error)


async def write_on(bound: Bound, work: Work[T], *, committed: Committed | None = None) -> T:
    """Do work in a write transaction of its own and commit it.

    One attempt is shielded from cancellation as a whole; between attempts a cancellation goes through.
    """
    retries = _Retries()
    unanswered: _CommitUnanswered | None = None
    while True:
        try:
            async with _turn(bound, retries):
                return await shielded(_attempt(bound, work, committed))
        except _CommitUnanswered as error:
            if committed is None:
                raise
            unanswered = error
            await retries.after(error)
        except Exception as error:  # noqa: BLE001 (raised again, typed)
            if (
                unanswered is not None
                and committed is not None
                and isinstance(translate(error), (UniqueViolation, LabelConflictError))
                and await read_on(bound, committed)
            ):
                # The COMMIT was on its way still when we asked for it: it is our own rows that stand there.
                return cast("T", unanswered.result)
            await retries.after(error)


def _turn(bound: Bound, retries: _Retries) -> AbstractAsyncContextManager[object]:
    # SQLite has one writer at a time. Waiting for one's turn here is fair and free; waiting in SQLite is polling.
    # Elsewhere those who had to give way go one after the other, lest they meet again and again.
    return bound.known.turn if bound.sqlite or retries.conflicts else nullcontext()


async def _attempt(bound: Bound, work: Work[T], committed: Committed | None) -> T:
    async with writing(bound) as connection:
        result = await work(connection)
        try:
            await commit(connection)
        except Exception as error:
            typed = translate(error)
            if typed is None or isinstance(typed, _REFUSALS):
                raise
            if not isinstance(typed, DatabaseUnavailable):
                raise CommitFailed(str(typed)) from error
            msg = f"The connection broke during COMMIT, which may have taken effect: {typed}"
            lost = _CommitUnanswered(msg, result)
            if committed is None:
                raise lost from error
            unanswered, cause = lost, error
        else:
            return result
    if await _read(bound, committed):
        return result
    raise unanswered from cause


async def commit(connection: AsyncConnection) -> None:
    """Commit, or roll back if the database refuses that."""
    try:
        await connection.commit()
    except Exception:
        if not connection.invalidated:
            await connection.run_sync(_roll_back)
        raise


def _roll_back(connection: Connection) -> None:
    # SQLAlchemy takes a transaction whose COMMIT failed for ended: it would spare the rollback, and the pool lend the
    # connection on as it is. SQLite's would hold the lock of the writer meanwhile.
    driver: Any = connection.connection.dbapi_connection
    try:
        driver.rollback()
    except Exception:  # noqa: BLE001 (that the commit failed is what matters)
        connection.invalidate()


@asynccontextmanager
async def writing(bound: Bound) -> AsyncGenerator[AsyncConnection]:
    """Lend a connection in a write transaction; what the borrower does not commit is rolled back."""
    _refuse_to_wait_for_ever(bound)
    bound.known.writers += 1
    try:
        if not bound.ours and bound.sqlite:
            async with bound.engine.connect() as connection, lent_sqlite(connection):
                yield connection
        elif not bound.ours and bound.engine.dialect.name != "postgresql":
            async with bound.engine.connect() as connection, lent_mysql(connection):
                yield connection
        else:
            async with bound.writer.connect() as connection:
                yield connection
    finally:
        bound.known.writers -= 1


def _refuse_to_wait_for_ever(bound: Bound) -> None:
    """Raise if a sync call is to write where a task of the event loop is writing that stands still meanwhile."""
    standing = standing_loop()
    if bound.sqlite and standing is not None and writes_on(standing, bound.known.file):
        msg = (
            "A task of the event loop that is running here is writing to this SQLite database, to which one writes at "
            "a time, and a sync call has that loop stand still: both would wait for ever. Await the async function "
            "instead, or make the sync call in a thread: await asyncio.to_thread(function, ...)."
        )
        raise SyncCallError(msg)


async def open_transaction(bound: Bound, stack: AsyncExitStack) -> AsyncConnection:
    """Open a connection in a write transaction that lasts until the stack is closed."""
    retries = _Retries()
    while True:
        try:
            connection = await stack.enter_async_context(writing(bound))
            await connection.execute(_PING)  # begins, and shows a broken connection while it can be replaced
        except Exception as error:  # noqa: BLE001 (raised again, typed)
            await stack.aclose()
            await retries.after(error)
        else:
            return connection


class _Retries:
    """Decides after an error whether to try again, and waits before."""

    def __init__(self) -> None:
        self.conflicts = 0
        self._breaks = 0
        self._end = asyncio.get_running_loop().time() + _PATIENCE

    async def after(self, error: Exception) -> None:
        """Return when it is time for the next attempt, or raise the error, typed."""
        typed = translate(error)
        if isinstance(typed, RetryableError):
            self.conflicts += 1
            tries, limit = self.conflicts, ATTEMPTS
        elif isinstance(typed, ConnectionLost) or (isinstance(typed, DatabaseUnavailable) and self._breaks):
            # A connection that cannot even be made is worth waiting for only where there was one before.
            self._breaks += 1
            tries, limit = self._breaks, _LOST_ATTEMPTS
        else:
            raise_typed(error)
        if tries >= limit or asyncio.get_running_loop().time() > self._end:
            raise_typed(error)
        if tries > 1 or self.conflicts:
            await asyncio.sleep(random.uniform(0, min(0.5, 0.005 * 2**tries)))  # noqa: S311 (jitter)
