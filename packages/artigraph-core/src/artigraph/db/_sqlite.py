"""An adapter between SQLAlchemy and SQLite that replaces the one for aiosqlite, with as few thread hops as possible.

SQLAlchemy's adapter makes one hop to the connection's thread for each call of a cursor: to create it, to execute, to
fetch and to close. A hop costs more than the statement. Here a statement is one hop, with the BEGIN before it and the
rows after it. A commit or rollback without a transaction makes no hop.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar, cast

from sqlalchemy.engine import AdaptedConnection, Connection
from sqlalchemy.exc import MissingGreenlet

from artigraph.db._engine import BEGIN

T = TypeVar("T")

_STATEMENTS: dict[str | None, str | None] = {"immediate": "BEGIN IMMEDIATE", "none": None, None: "BEGIN"}
"""Statements that begin a transaction, by the execution option."""

_CLOSING = 30.0
"""Seconds that `close` waits for the thread. The last connection to a file copies its log back when it closes."""


class _Job:
    """Work for the thread, and the future of the task that waits for it."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.work = work
        self.future: asyncio.Future[tuple[Any, BaseException | None]] = asyncio.get_running_loop().create_future()

    def answer(self, result: Any, error: BaseException | None = None) -> None:
        """Wake up the task, from any thread. The error is in the result, because a future accepts no StopIteration."""
        with suppress(RuntimeError):  # its loop is closed, so no task waits
            self.future.get_loop().call_soon_threadsafe(self._settle, (result, error))

    def _settle(self, answer: tuple[Any, BaseException | None]) -> None:
        if not self.future.done():
            self.future.set_result(answer)


class _Worker:
    """The thread's side. It does not refer to the `ThreadedConnection`, so that one can be garbage collected."""

    def __init__(self) -> None:
        self.connection: sqlite3.Connection | None = None
        self.in_transaction = False
        self.stopped = False
        """Whether no more jobs are accepted. Set by any thread, and by this thread when it ends."""
        self.closed = False
        """Whether the thread has closed the connection, which is its last action."""
        self.cause: BaseException | None = None
        """The error that ended the thread, if it was not told to end."""
        self.jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self.waiting: set[_Job] = set()
        self.closers: set[_Job] = set()
        self.lock = threading.RLock()
        """Held to interrupt the connection, and to remove it before it is closed."""
        # A daemon thread: a connection that was not closed must not keep the process alive.
        self.thread = threading.Thread(target=self._work, name="artigraph-sqlite", daemon=True)

    def _work(self) -> None:
        try:
            while (job := self.jobs.get()) is not None and not self.stopped:
                self._do(job)
                del job  # do not keep the last job alive while waiting for the next one
        except BaseException as error:  # reported to all current and later waiters
            self.cause = error
        finally:
            self._end()

    def _do(self, job: _Job) -> None:
        try:
            result = job.work()
        except Exception as error:  # raised again by the task that waits
            self._note()
            job.answer(None, error)
        else:
            self._note()
            job.answer(result)

    def _note(self) -> None:
        self.in_transaction = self.connection is not None and self.connection.in_transaction

    def _end(self) -> None:
        # Set before the waiting jobs are read: a task registers its job before it checks whether the thread has ended.
        self.stopped, self.in_transaction = True, False
        self.release()
        with self.lock:
            connection, self.connection = self.connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()
        self.closed = True
        for closer in self.closers.copy():
            closer.answer(None)

    def release(self) -> None:
        """Give all waiting jobs an error."""
        for job in self.waiting.copy():
            job.answer(None, self.gone())

    def gone(self) -> sqlite3.OperationalError:
        # SQLAlchemy recognizes a broken connection by these first words, and makes a new one.
        error = sqlite3.OperationalError(
            "no active connection: the thread of this SQLite connection has ended"
            + (f" ({type(self.cause).__name__}: {self.cause})" if self.cause is not None else "")
        )
        error.__cause__ = self.cause
        return error


class ThreadedConnection:
    """A connection of `sqlite3` whose work runs in its own thread.

    It begins a transaction with the first statement that needs one, and skips a commit or rollback without one. Neither
    costs a hop between threads. If it is garbage collected without `close`, its thread closes it without an event loop.
    """

    pending: str | None = None
    """The BEGIN to execute before the next statement."""

    def __init__(self) -> None:
        self._worker = _Worker()

    async def open(self, connector: Callable[[], sqlite3.Connection]) -> None:
        """Start the thread and make the connection in it. Call this once.

        If the caller is canceled meanwhile, the thread closes the connection.

        Raises:
            sqlite3.Error: the connection cannot be made, or no thread can be started.
        """
        worker = self._worker

        def connect() -> None:
            worker.connection = connector()

        try:
            worker.thread.start()
        except RuntimeError as error:
            msg = f"no thread for a connection: {error}"
            raise sqlite3.OperationalError(msg) from error
        try:
            await self._submit(connect)
        except BaseException:
            self.stop()
            raise

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction was open after the last job."""
        return self._worker.in_transaction

    async def run(self, work: Callable[..., T], *arguments: Any) -> T:
        """Call `work(connection, *arguments)` in the thread, after the pending BEGIN if there is one.

        Raises:
            sqlite3.OperationalError: the thread has ended, or ends before the work is done ("no active connection").
        """
        begin, self.pending = self.pending, None
        worker = self._worker

        def job() -> T:
            connection = cast("sqlite3.Connection", worker.connection)
            if begin is not None:
                connection.execute(begin)
            return work(connection, *arguments)

        return await self._submit(job)

    async def _submit(self, work: Callable[[], T]) -> T:
        worker = self._worker
        job = _Job(work)
        worker.waiting.add(job)
        try:
            if worker.stopped or not worker.thread.is_alive():  # it is not alive in a forked child, either
                raise worker.gone()
            worker.jobs.put(job)
            result, error = await job.future
        finally:
            worker.waiting.discard(job)
        if error is not None:
            try:
                raise error
            finally:
                del error, job  # avoid a reference cycle of the error and this frame
        return cast("T", result)

    async def commit(self) -> None:
        """Commit, if there is a transaction."""
        self.pending = None
        if self.in_transaction:
            await self.run(sqlite3.Connection.commit)

    async def rollback(self) -> None:
        """Roll back, if there is a transaction."""
        self.pending = None
        if self.in_transaction:
            await self.run(sqlite3.Connection.rollback)

    async def close(self) -> None:
        """Close the connection and end its thread. Wait for both within a limit, but not if it was stopped before."""
        worker = self._worker
        if worker.stopped:
            return
        closer = _Job(lambda: None)
        worker.closers.add(closer)
        try:
            self.stop()
            if (
                not worker.closed and worker.thread.is_alive()
            ):  # checked after the closer is registered, as in `_submit`
                await asyncio.wait([closer.future], timeout=_CLOSING)
        finally:
            worker.closers.discard(closer)

    def stop(self) -> None:
        """Tell the thread to close the connection and end, and give all waiting jobs an error. It never waits.

        A running statement is interrupted. A thread that hangs in its job is left behind.
        """
        worker = self._worker
        worker.stopped = True
        if worker.thread.is_alive():
            with worker.lock:
                if worker.connection is not None:
                    worker.connection.interrupt()
            worker.jobs.put(None)
        worker.release()

    def __del__(self) -> None:
        self.stop()


class _Cursor:
    """A cursor by PEP 249. It fetches all rows when it executes."""

    def __init__(self, connection: FastConnection) -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.arraysize = 1
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    def execute(self, statement: str, parameters: Sequence[Any] | dict[str, Any] | None = None) -> None:
        self._connection.run(self._execute, statement, () if parameters is None else parameters)

    def executemany(self, statement: str, parameters: Iterable[Any]) -> None:
        self._connection.run(self._executemany, statement, parameters)

    def _execute(self, connection: sqlite3.Connection, statement: str, parameters: Any) -> None:
        cursor = connection.execute(statement, parameters)
        self.description, self.lastrowid = cursor.description, cursor.lastrowid
        rows = cursor.fetchall() if cursor.description else []
        rows.reverse()
        self._rows, self.rowcount = rows, cursor.rowcount
        cursor.close()

    def _executemany(self, connection: sqlite3.Connection, statement: str, parameters: Any) -> None:
        cursor = connection.executemany(statement, parameters)
        self.rowcount = cursor.rowcount
        cursor.close()

    def fetchone(self) -> Any:
        return self._rows.pop() if self._rows else None

    def fetchmany(self, size: int | None = None) -> list[Any]:
        size = min(self.arraysize if size is None else size, len(self._rows))
        return [self._rows.pop() for _ in range(size)]

    def fetchall(self) -> list[Any]:
        rows, self._rows = self._rows, []
        rows.reverse()
        return rows

    def __iter__(self) -> Iterator[Any]:
        while self._rows:
            yield self._rows.pop()

    def setinputsizes(self, sizes: Sequence[Any]) -> None:
        """Do nothing, as PEP 249 allows."""

    def setoutputsize(self, size: Any, column: Any = None) -> None:
        """Do nothing, as PEP 249 allows."""

    def close(self) -> None:
        self._rows = []

    async def _async_soft_close(self) -> None:
        """Do nothing: nothing is open. SQLAlchemy, from 2.0.44 on, awaits this before it returns a result."""


class FastConnection(AdaptedConnection):
    """A connection by PEP 249 over an asynchronous one."""

    __slots__ = ()

    def __init__(self, connection: ThreadedConnection) -> None:
        self._connection: Any = connection

    @property
    def isolation_level(self) -> str | None:
        """None: the driver begins no transaction by itself. The engine's event sets which BEGIN to use."""
        return None

    @isolation_level.setter
    def isolation_level(self, value: str | None) -> None:
        """Ignore the level that SQLAlchemy sets for an engine or a connection, and keep None."""

    def run(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Run work in the connection's thread and await it; SQLAlchemy's greenlet waits for it."""
        return self.run_async(lambda connection: connection.run(work, *arguments))

    def cursor(self, server_side: bool = False) -> _Cursor:  # noqa: FBT001, FBT002 (as SQLAlchemy calls it)
        return _Cursor(self)

    def execute(self, statement: str, parameters: Sequence[Any] | dict[str, Any] | None = None) -> _Cursor:
        cursor = self.cursor()
        cursor.execute(statement, parameters)
        return cursor

    def create_function(self, *arguments: Any, **options: Any) -> None:
        def create(connection: sqlite3.Connection) -> None:
            connection.create_function(*arguments, **options)

        self.run(create)

    def commit(self) -> None:
        self.run_async(lambda connection: connection.commit())

    def rollback(self) -> None:
        self.run_async(lambda connection: connection.rollback())

    def close(self) -> None:
        try:
            self.run_async(lambda connection: connection.close())
        except MissingGreenlet:  # called by the garbage collector, or outside of an event loop
            self._connection.stop()

    def terminate(self) -> None:
        self._connection.stop()


def connect(pragmas: Iterable[str], *arguments: Any, **options: Any) -> FastConnection:
    """Open a connection with these PRAGMAs, on which Artigraph begins and ends the transactions."""

    def connector() -> sqlite3.Connection:
        connection: sqlite3.Connection = sqlite3.connect(*arguments, **{**options, "isolation_level": None})
        try:
            for pragma in pragmas:
                connection.execute(f"PRAGMA {pragma}")
        except BaseException:
            connection.close()
            raise
        return connection

    made = FastConnection(ThreadedConnection())
    made.run_async(lambda connection: connection.open(connector))
    return made


def begin_later(connection: Connection) -> None:
    driver: Any = connection.connection.dbapi_connection
    driver.driver_connection.pending = begin_statement(connection)


def begin_statement(connection: Connection) -> str | None:
    options = connection.get_execution_options()
    return None if options.get("isolation_level") == "AUTOCOMMIT" else _STATEMENTS[options.get(BEGIN)]
