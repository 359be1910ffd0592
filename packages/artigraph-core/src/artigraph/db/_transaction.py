"""Read and write on one engine, with retries, protection from cancellation, and transactions."""

from __future__ import annotations

import asyncio
import logging
import math
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from contextvars import ContextVar
from typing import Any, NoReturn, TypeVar, cast
from uuid import UUID

from sqlalchemy import Connection, String, bindparam, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.pool import QueuePool

from artigraph.db import _errors
from artigraph.db._caller_connection import caller_mysql_transaction, caller_sqlite_transaction
from artigraph.db._engine import LONGEST_PING, whole_seconds
from artigraph.db._kept import kept_connections
from artigraph.db._loop_engine import LoopEngine, writes_on
from artigraph.db._malformed import error_of, forget_frames, likeliest, may_be_a_row
from artigraph.db._watch import POLLS, Timeouts, Watch, connected, has_deadline
from artigraph.errors import DatabaseError, DatabaseUnavailableError, LabelConflictError, RetryableError, SyncCallError
from artigraph.portal import sync_caller
from artigraph.printable import quoted

T = TypeVar("T")
Work = Callable[[AsyncConnection], Awaitable[T]]
"""Work on a connection. It makes only database calls, because it may run more than once."""
Committed = Callable[[AsyncConnection], Awaitable[bool]]
"""Returns, on a fresh connection, whether a transaction took effect whose COMMIT was not answered."""

_log = logging.getLogger("artigraph.db")

_PING = select(1)
_LIMIT_LOCKS = text(
    "SELECT set_config('lock_timeout', :limit, true) WHERE current_setting('lock_timeout') = '0'"
).bindparams(bindparam("limit", type_=String))
_REFUSALS = (RetryableError, _errors.UniqueViolationError, _errors.ForeignKeyViolationError, LabelConflictError)
"""Errors after which a transaction is certainly rolled back, even at COMMIT."""
_OF_REFERENCES = (_errors.UniqueViolationError, _errors.ForeignKeyViolationError)
"""Errors that callers in this package catch, because they know what the rows are."""

ATTEMPTS = 15
"""The most attempts of a transaction. Under a hostile load, at most seven were needed."""
_LOST_ATTEMPTS = 4
"""The most attempts if the connection breaks each time."""

_MARGIN = 1.0
"""Seconds beyond the limit that connecting may take. The driver or the engine normally ends it at the limit."""


class _UnansweredCommitError(_errors.ConnectionLostError):
    """The connection broke while COMMIT was in flight."""

    def __init__(self, message: str, result: object) -> None:
        super().__init__(message, may_have_committed=True)
        self.result = result
        """The result of the work."""


def raise_typed(error: Exception, *, may_have_committed: bool = False) -> NoReturn:
    """Raise the public error for a database's error, and any other error unchanged.

    With `may_have_committed`, an earlier attempt is in doubt. So is the transaction, whatever ended the last attempt.
    """
    typed = _errors.translate(error)
    if isinstance(typed, (_errors.ConnectionLostError, _errors.ServerFullError)) or (
        may_have_committed and isinstance(typed, DatabaseError) and not isinstance(typed, _OF_REFERENCES)
    ):
        doubtful = may_have_committed or (isinstance(typed, DatabaseUnavailableError) and typed.may_have_committed)
        msg = str(typed)
        if not isinstance(typed, DatabaseUnavailableError):
            msg = f"COMMIT was sent and not answered, so it may have taken effect. Another attempt failed: {msg}"
        elif may_have_committed and not typed.may_have_committed:
            msg = f"COMMIT was sent and not answered, so it may have taken effect. {msg}"
        raise DatabaseUnavailableError(msg, may_have_committed=doubtful) from (
            typed.__cause__ if typed is error else error
        )
    if typed is None or typed is error:
        raise error
    raise typed from error


async def read_on(loop_engine: LoopEngine, work: Work[T]) -> T:
    """Run work that only reads, on a connection of its own."""
    if loop_engine.shared:
        # Cutting off a statement would close the only connection, and lose the database with it.
        async with loop_engine.state.turn:
            return await _read(loop_engine, work)
    return await _read(loop_engine, work)


async def _read(loop_engine: LoopEngine, work: Work[T]) -> T:
    retries = _Retries(loop_engine.timeouts)
    while True:
        watch = watch_on(loop_engine)
        try:
            look = _look(loop_engine, work, watch)
            return await (watch.shielded(look) if loop_engine.shared else watch.run(look))
        except Exception as error:  # raised again, typed
            await retries.after(error)


async def _look(loop_engine: LoopEngine, work: Work[T], watch: Watch) -> T:
    # Reads that lock rows or take turns on the only connection share none: to return it would roll a write back.
    kept = None if loop_engine.shared or loop_engine.state.reads_lock else kept_connections.get()
    async with connected(loop_engine.reader, watch) if kept is None else kept.lent(loop_engine, watch) as connection:
        if not loop_engine.state.reads_lock:
            return await run_naming_rows(connection, work)
        async with caller_mysql_transaction(connection, whole_seconds(loop_engine.timeouts.lock)):
            return await run_naming_rows(connection, work)


async def write_on(
    loop_engine: LoopEngine,
    work: Work[T],
    *,
    committed: Committed | None = None,
    timeouts: Timeouts | None = None,
    spare: bool = False,
) -> T:
    """Run work in its own write transaction and commit it.

    Each attempt is shielded from cancellation; between attempts a cancellation takes effect. With `spare`, the work is
    for a session, on a connection beside the session's own.

    Raises:
        NoSpareConnectionError: no such connection became free in a short time.
    """
    retries = _Retries(loop_engine.timeouts)
    unanswered: _UnansweredCommitError | None = None
    while True:
        try:
            # Tasks in the queue may wait for a lock of the session, so the session's own write must not queue behind
            # them.
            async with nullcontext() if spare else _turn(loop_engine, retries):
                watch = watch_on(loop_engine, timeouts, spare=spare)
                return await watch.shielded(_attempt(loop_engine, work, watch))
        except _UnansweredCommitError as error:
            if committed is None:
                raise_typed(error)
            if await _took_effect(loop_engine, committed):
                return cast("T", error.result)
            unanswered, retries.may_have_committed = error, True
            await retries.after(error)
        except Exception as error:  # raised again, typed
            if (
                unanswered is not None
                and committed is not None
                and isinstance(_errors.translate(error), (_errors.UniqueViolationError, LabelConflictError))
                and await read_on(loop_engine, committed)
            ):
                # The COMMIT was still in flight when `committed` was called: the conflicting rows are our own.
                return cast("T", unanswered.result)
            await retries.after(error)


def _turn(loop_engine: LoopEngine, retries: _Retries) -> AbstractAsyncContextManager[object]:
    # SQLite has one writer at a time. A queue here is fair and costs nothing, while SQLite itself polls. On the other
    # databases, transactions that gave way are retried one after the other, so that they do not conflict again.
    if not (loop_engine.sqlite or retries.conflicts):
        return nullcontext()
    turn = loop_engine.state.turn
    return turn if loop_engine.shared or not turn.locked() else _turn_in_time(turn, retries.end)


@asynccontextmanager
async def _turn_in_time(turn: asyncio.Lock, end: float) -> AsyncGenerator[None]:
    try:
        async with asyncio.timeout_at(None if end == math.inf else end):
            await turn.acquire()
    except TimeoutError as error:
        msg = (
            "This call waited in vain for its turn to write (Timeouts(retry=...)). Other tasks of this process write "
            "to the database, or wait for a lock that another process holds. Try again, with fewer of them at once."
        )
        raise RetryableError(msg) from error
    try:
        yield
    finally:
        turn.release()


async def _took_effect(loop_engine: LoopEngine, committed: Committed) -> bool:
    try:
        return await _read(loop_engine, committed)
    except DatabaseUnavailableError:
        return False  # unknown


async def _attempt(loop_engine: LoopEngine, work: Work[T], watch: Watch) -> T:
    async with writing(loop_engine, watch) as connection:
        result = await run_naming_rows(connection, work)
        await commit(connection, watch, result)
    return result


async def commit(connection: AsyncConnection, watch: Watch, result: object = None) -> None:
    """Commit, or roll back if the database refuses to commit.

    Raises:
        CommitFailedError: the database failed, and did not just refuse.
        ConnectionLostError: COMMIT was not answered, and may have taken effect.
    """
    try:
        await connection.commit()
    except Exception as error:
        if not connection.invalidated:
            await connection.run_sync(_roll_back)
        typed = _errors.translate(error)
        if typed is None or isinstance(typed, _REFUSALS):
            raise
        if not isinstance(typed, DatabaseUnavailableError):
            raise _errors.CommitFailedError(str(typed)) from error
        msg = f"The connection broke during COMMIT, which may have taken effect: {watch.why or typed}"
        raise _UnansweredCommitError(msg, result) from error
    except asyncio.CancelledError as error:
        if watch.why is None:
            raise
        msg = f"The connection broke during COMMIT, which may have taken effect: {watch.why}"
        raise _UnansweredCommitError(msg, result) from error


def _roll_back(connection: Connection) -> None:
    # SQLAlchemy regards a transaction whose COMMIT failed as ended. It would skip the rollback and return the
    # connection to the pool as it is. On SQLite it would still hold the writer's lock.
    driver: Any = connection.connection.dbapi_connection
    try:
        driver.rollback()
    except Exception:  # the failed commit is the error to report
        connection.invalidate()


@asynccontextmanager
async def writing(loop_engine: LoopEngine, watch: Watch) -> AsyncGenerator[AsyncConnection]:
    """Provide a connection in a write transaction. Without a commit, it is rolled back."""
    _refuse_to_wait_for_ever(loop_engine)
    loop_engine.state.writers += 1
    try:
        if not loop_engine.ours and loop_engine.sqlite:
            async with connected(loop_engine.engine, watch) as connection, caller_sqlite_transaction(connection):
                yield connection
        elif not loop_engine.ours and loop_engine.engine.dialect.name != "postgresql":
            lock = whole_seconds(loop_engine.timeouts.lock)
            async with connected(loop_engine.engine, watch) as connection, caller_mysql_transaction(connection, lock):
                yield connection
        else:
            async with connected(loop_engine.writer, watch) as connection:
                if loop_engine.sets_lock_timeout:
                    await limit_locks(connection, loop_engine.timeouts)
                yield connection
    finally:
        loop_engine.state.writers -= 1


def _refuse_to_wait_for_ever(loop_engine: LoopEngine) -> None:
    """Raise an error if a sync call would write to a SQLite database to which a task of the blocked loop is writing."""
    caller = sync_caller.get()
    if (
        loop_engine.sqlite
        and caller is not None
        and caller.loop is not None
        and writes_on(caller.loop, loop_engine.state.file)
    ):
        msg = (
            "A task of the event loop that is running here is writing to this SQLite database, to which one writes at "
            "a time, and a sync call has that loop stand still: both would wait for ever. Await the async function "
            "instead, or make the sync call in a thread: await asyncio.to_thread(function, ...)."
        )
        raise SyncCallError(msg)


async def limit_locks(connection: AsyncConnection, timeouts: Timeouts) -> bool:
    """Limit waits for locks in this transaction on PostgreSQL, unless it has a limit; return whether it was set.

    The statement begins the transaction even if it sets no limit.
    """
    if timeouts.lock is None:
        return False
    limit = str(max(1, round(timeouts.lock * 1000)))
    return (await connection.execute(_LIMIT_LOCKS, {"limit": limit})).first() is not None


async def open_transaction(loop_engine: LoopEngine, stack: AsyncExitStack) -> AsyncConnection:
    """Open a connection in a write transaction that lasts until the stack is closed.

    Each attempt is shielded from cancellation; between attempts a cancellation takes effect.
    """
    retries = _Retries(loop_engine.timeouts)
    while True:
        watch = watch_on(loop_engine)
        try:
            return await watch.shielded(_opened(loop_engine, stack, watch))
        except Exception as error:  # raised again, typed
            await retries.after(error)


async def _opened(loop_engine: LoopEngine, stack: AsyncExitStack, watch: Watch) -> AsyncConnection:
    try:
        connection = await stack.enter_async_context(writing(loop_engine, watch))
        await connection.execute(_PING)  # begins the transaction, and detects a broken connection
    except BaseException:
        await stack.aclose()
        raise
    return connection


class _Retries:
    """Decides after an error whether to retry, and waits before the retry."""

    def __init__(self, timeouts: Timeouts) -> None:
        self.conflicts = 0
        self.may_have_committed = False
        """Whether an earlier attempt may have taken effect."""
        self._breaks = 0
        self._refusals = 0
        self.end = math.inf if timeouts.retry is None else asyncio.get_running_loop().time() + timeouts.retry
        """The time, by the loop's clock, after which no attempt begins."""

    async def after(self, error: Exception) -> None:
        """Wait until the next attempt may begin, or raise the error as its public type."""
        typed = _errors.translate(error)
        limit: float
        if isinstance(typed, RetryableError):
            self.conflicts += 1
            tries, limit = self.conflicts, ATTEMPTS
        elif isinstance(typed, _errors.ServerFullError):
            # Connections of this pool and of other clients become free, and the next attempt may get one.
            self._refusals += 1
            tries, limit = self._refusals, math.inf
        elif isinstance(typed, _errors.ConnectionLostError) or (
            isinstance(typed, DatabaseUnavailableError) and self._breaks and not isinstance(error, TimeoutError)
        ):
            # If no connection can be made, retrying makes sense only if there was a connection before.
            self._breaks += 1
            tries, limit = self._breaks, _LOST_ATTEMPTS
        else:
            raise_typed(error, may_have_committed=self.may_have_committed)
        if tries >= limit or has_deadline() or asyncio.get_running_loop().time() > self.end:
            raise_typed(error, may_have_committed=self.may_have_committed)
        # Warn only the first time: under contention each transaction may need several attempts.
        level = logging.WARNING if self.conflicts + self._breaks + self._refusals == 1 else logging.DEBUG
        most = "any number" if limit == math.inf else limit
        _log.log(level, "Attempt %d of at most %s failed and is tried again: %s", tries, most, quoted(str(typed)))
        if tries > 1 or self.conflicts or self._refusals:
            await asyncio.sleep(random.uniform(0, min(0.5, 0.005 * 2 ** min(tries, 8))))  # noqa: S311 (jitter)


def watch_on(loop_engine: LoopEngine, timeouts: Timeouts | None = None, *, spare: bool = False) -> Watch:
    """Return a watch that ends a piece of work on a connection of an engine in time."""
    timeouts = timeouts or loop_engine.timeouts
    connect = timeouts.connect if loop_engine.ours else timeouts.command
    if connect is not None:
        connect += _MARGIN
        if (
            loop_engine.ours and loop_engine.engine.driver in POLLS
        ):  # the limit then covers the ping of an idle connection, too
            connect += LONGEST_PING
        if isinstance(loop_engine.pool, QueuePool) and loop_engine.pool.checkedout() >= loop_engine.pool.size():
            connect += loop_engine.pool.timeout()  # the time to wait for a connection to be returned
    return Watch(timeouts, loop_engine.engine.driver, connect=connect, spare=spare)


# Malformed rows ------------------------------------------------------------------------------------------------------

_declared: ContextVar[Collection[UUID]] = ContextVar("artigraph_declared", default=())


def declare_nodes(node_ids: Iterable[UUID]) -> None:
    """Declare which nodes the current work reads. Of several malformed rows, an error names one of theirs."""
    _declared.set(frozenset(node_ids))


async def run_naming_rows(connection: AsyncConnection, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    """Run work on a connection. If a malformed row makes it fail, raise an error that names the row.

    Raises:
        MalformedRowError: a column has a value that it cannot hold.
    """
    _declared.set(())
    try:
        return await work(connection)
    except Exception as error:
        if not may_be_a_row(error, sqlite=connection.dialect.name == "sqlite"):
            raise
        found = await likeliest(connection, error, frozenset(_declared.get()))
        if isinstance(error, DBAPIError) and not connection.in_nested_transaction():
            # The driver leaves the statement open, and the connection would keep reading this state of the database.
            # The tracebacks refer to the statement, so they are cleared, or the connection could not be closed.
            forget_frames(error)
            await connection.invalidate()
        if found is None:
            raise
        raise error_of(found) from error
