"""Limits of time: if a database does not answer in time, its connection is closed and the task gets an error."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, fields
from typing import Any, Generic, Literal, TypeVar
from weakref import WeakKeyDictionary

import sqlalchemy.exc
from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from artigraph.db._errors import ConnectionLostError, ServerFullError, translate
from artigraph.errors import ConfigurationError

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long calls wait for a database, in seconds; None means no limit.

        set_engine(url, timeouts=Timeouts(command=30, lock=5))

    Raises:
        ConfigurationError: a limit is neither None nor a positive, finite number.
    """

    connect: float | None = 10
    """Seconds to make a connection, login included. Your own engines use the limit of their driver instead."""
    lock: float | None = 10
    """Seconds for each wait for a lock of another transaction. The transaction is then retried (see `retry`).

    MySQL and MariaDB count in whole seconds, at least one. SQLite waits for at most 5 seconds each time.
    """
    command: float | None = 300
    """Seconds for the answer to one command. Then the connection is closed, and the call raises
    `DatabaseUnavailableError`.

    A call with many commands may take longer, if each is answered in time. Migrations have no such limit.
    """
    cancel: float | None = 5
    """Seconds for a canceled call to end normally. Then its connection is closed, which rolls back its transaction."""
    retry: float | None = 60
    """Seconds during which a transaction that gave way, or lost its connection, is retried."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value: object = getattr(self, field.name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
                msg = f"Timeouts({field.name}=...) is a positive number of seconds, or None for no limit, not {value!r}"
                raise ConfigurationError(msg)


UNLIMITED = Timeouts(connect=None, lock=None, command=None, cancel=None)
"""For a SQLite database with a single connection: closing it would lose a database in memory."""
CUT_OFF = {"asyncpg": "terminate", "asyncmy": "close", "aiomysql": "close"}
"""By driver: the method that breaks off a connection at once, and with it any wait for an answer."""
POLLS = frozenset({"psycopg"})
"""Drivers that wake up many times during one wait, so that a suspension is not the start of a new wait."""
_COMMANDS = (
    "before_cursor_execute",
    "after_cursor_execute",
    "savepoint",
    "rollback_savepoint",
    "release_savepoint",
    "commit",
    "rollback",
)
"""Events of a connection. Between two of them it waits for one answer."""
_INSIST = 1.0
"""Seconds after closing the connection, and between further attempts, before work that does not end is canceled."""

_SPARE = 2.0
"""Seconds that a session waits for a second connection, without which it can continue."""

_deadline: ContextVar[float | None] = ContextVar("artigraph_deadline", default=None)
"""The time, by the loop's clock, at which work that begins here is cut off."""


class NoSpareConnectionError(Exception):
    """The pool, or the server, has no free connection beside the session's own."""


@contextmanager
def deadline(seconds: float | None) -> Generator[None]:
    """Cut off database work of this block that does not end within a number of seconds.

    It is for work after a cancellation, such as recording the end of a run or rolling back. None means no limit.
    """
    if seconds is None:
        yield
        return
    token = _deadline.set(asyncio.get_running_loop().time() + seconds)
    try:
        yield
    finally:
        _deadline.reset(token)


def has_deadline() -> bool:
    """Return whether work here must end soon, so that nothing is retried."""
    return _deadline.get() is not None


class Watch:
    """Ends a piece of work on a connection if the database does not answer in time.

    The work is one coroutine. Whenever it is suspended, it waits for the database: for an answer, or for a connection.
    No such wait lasts longer than the limit. The limit restarts with each command on the connection, and not with each
    suspension, because some drivers poll. If the work is canceled and does not end in time, the connection is closed.
    """

    def __init__(
        self, timeouts: Timeouts, driver: str = "", *, connect: float | None = None, spare: bool = False
    ) -> None:
        self.spare = spare
        """Whether the connection is a session's second one."""
        self._timeouts = timeouts
        self._limit = connect
        self._cut_off = CUT_OFF.get(driver)
        self._polls = driver in POLLS
        self._loop = asyncio.get_running_loop()
        self._connection: Any = None
        self._task: asyncio.Task[Any] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._since = 0.0
        self._end: float | None = _deadline.get()
        self._cancels = 0
        self._reason: Literal["connecting", "silent", "cancelled"] | None = None

    def hold(self, connection: AsyncConnection) -> None:
        """Set the connection to close if the database does not answer."""
        with suppress(Exception):  # the connection may be broken already
            raw = connection.sync_connection
            if raw is not None and not raw.invalidated:
                self._connection = raw.connection.driver_connection
                self._limit = self._timeouts.command
                self._since = self._loop.time()
                if self._polls:
                    _follow(raw, self)
                self._arm()

    def let_go(self) -> None:
        """Forget the connection, which another task may use from now on."""
        self._connection = None

    def abandon(self) -> None:
        """Record that the work was canceled. It has a limited time to end."""
        if self._timeouts.cancel is not None and self._reason is None:
            end = self._loop.time() + self._timeouts.cancel
            if self._end is None or end < self._end:
                self._end = end
                self._arm()

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run the work in this task.

        Raises:
            ConnectionLostError: the database did not answer in time.
            TimeoutError: no connection was made in time.
        """
        task = self._task = asyncio.current_task()
        assert task is not None  # a coroutine of ours runs in one
        before = task.cancelling()
        self._since = self._loop.time()
        self._arm()
        try:
            return await _Steps(work, self)
        except BaseException as error:
            if self._reason is None:
                raise
            if task.cancelling() - self._cancels > before:  # by another caller
                if isinstance(error, asyncio.CancelledError):
                    raise
                raise asyncio.CancelledError from error
            if isinstance(error, ConnectionLostError):
                raise
            if self._reason == "connecting":
                raise TimeoutError(self._words()) from error
            raise ConnectionLostError(self._words()) from error
        finally:
            for _ in range(self._cancels):
                task.uncancel()
            self._task = None
            if self._timer is not None:
                self._timer.cancel()

    async def shielded(self, work: Coroutine[Any, Any, T]) -> T:
        """Run the work in its own task. A cancellation is raised when the work has ended or was cut off."""
        task = asyncio.ensure_future(self.run(work))
        return await outlive(task, self.abandon)

    @property
    def why(self) -> str | None:
        """The reason why the connection was closed, or None."""
        return None if self._reason is None else self._words()

    def step(self) -> None:
        """Record that the work is suspended again. This begins another wait, unless the driver polls."""
        if not self._polls:
            self._since = self._loop.time()

    def next_command(self) -> None:
        """Record that a command begins or was answered."""
        self._since = self._loop.time()

    def _words(self) -> str:
        if self._reason == "connecting":
            return f"no connection was made within {self._limit:g} s"
        if self._reason == "silent":
            return (
                f"The database did not answer for {self._limit:g} s, and the connection was closed. See "
                "whether its server runs and who blocks it; Timeouts(command=...) is for commands that take longer"
            )
        return "The call was cancelled, the database did not answer any more, and the connection was closed"

    def _due(self) -> float | None:
        silent = None if self._limit is None else self._since + self._limit
        return min((due for due in (silent, self._end) if due is not None), default=None)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        due = self._due()
        self._timer = None if due is None else self._loop.call_at(due, self._look)

    def _look(self) -> None:
        due, now = self._due(), self._loop.time()
        if due is None or self._task is None:
            return
        if now < due:
            self._timer = self._loop.call_at(due, self._look)
            return
        if self._end is not None and now >= self._end:
            self._reason = "cancelled"
        else:
            self._reason = "connecting" if self._connection is None else "silent"
        if self._connection is not None and self._cut_off is not None:
            with suppress(Exception):  # it may be closed already
                getattr(self._connection, self._cut_off)()
            self._timer = self._loop.call_later(_INSIST, self._insist)
        else:
            self._insist()

    def _insist(self) -> None:
        if self._task is not None:
            self._cancels += 1
            self._task.cancel()
            self._timer = self._loop.call_later(_INSIST, self._insist)


_followed: WeakKeyDictionary[Connection, Watch] = WeakKeyDictionary()
"""The watch of the current work, by connection."""


def _follow(connection: Connection, watch: Watch) -> None:
    """Notify a watch of each command on a connection. The listeners belong to this connection only."""
    if connection not in _followed:
        for name in _COMMANDS:
            event.listen(connection, name, _next_command)
    _followed[connection] = watch


def _next_command(connection: Connection, *_: object) -> None:
    watch = _followed.get(connection)
    if watch is not None:
        watch.next_command()


class _Steps(Generic[T]):
    """Awaits a coroutine, and notifies a watch when the coroutine is suspended or canceled."""

    __slots__ = ("_watch", "_work")

    def __init__(self, work: Coroutine[Any, Any, T], watch: Watch) -> None:
        self._work = work
        self._watch = watch

    def __await__(self) -> Generator[Any, Any, T]:
        work, watch = self._work, self._watch
        try:
            waiting = work.send(None)
            while True:
                watch.step()
                try:
                    yield waiting
                except GeneratorExit:
                    work.close()
                    raise
                except BaseException as error:  # thrown on into the work
                    if isinstance(error, asyncio.CancelledError):
                        watch.abandon()
                    waiting = work.throw(error)
                else:
                    waiting = work.send(None)
        except StopIteration as stop:
            result: T = stop.value
            return result


@asynccontextmanager
async def connected(engine: AsyncEngine, watch: Watch) -> AsyncGenerator[AsyncConnection]:
    """Provide a connection of an engine for watched work. A connection that cannot be returned properly is closed.

    That raises no error: by then the work has succeeded, or has raised its own error.
    """
    connection = await open_connection(engine, watch)
    watch.hold(connection)
    try:
        yield connection
    finally:
        try:
            await put_back(connection)
        finally:
            watch.let_go()


async def open_connection(engine: AsyncEngine, watch: Watch) -> AsyncConnection:
    """Open a connection for watched work. The caller must return it by `put_back`."""
    try:
        return await (_spare(engine) if watch.spare else engine.connect())
    except AssertionError as error:  # a dialect of SQLAlchemy does not understand the version, as of CockroachDB
        msg = (
            f"SQLAlchemy's dialect for {engine.dialect.name} does not know this server ({error}). Use PostgreSQL, "
            "MySQL, MariaDB or SQLite itself."
        )
        raise ConfigurationError(msg) from error


async def _spare(engine: AsyncEngine) -> AsyncConnection:
    try:
        async with asyncio.timeout(_SPARE):
            return await engine.connect()
    except (TimeoutError, sqlalchemy.exc.TimeoutError) as error:
        raise NoSpareConnectionError from error
    except Exception as error:
        if isinstance(translate(error), ServerFullError):
            raise NoSpareConnectionError from error
        raise


async def put_back(connection: AsyncConnection) -> None:
    """Return a connection to the pool. One that cannot be returned properly is closed, without an error."""
    try:
        await connection.close()
    except BaseException as error:
        with suppress(Exception):
            if not connection.closed:
                await connection.invalidate()
                await connection.close()
        if not isinstance(error, Exception):
            raise


async def shielded(work: Coroutine[Any, Any, T], grace: float | None) -> T:
    """Run the work to its end even if the caller is canceled. The cancellation is raised once the work has ended.

    After a cancellation the work has `grace` seconds to end. Then it is canceled itself, and ends as watched work does.
    """
    task = asyncio.ensure_future(work)
    timers: list[asyncio.TimerHandle] = []

    def abandon() -> None:
        if grace is not None and not timers:
            timers.append(asyncio.get_running_loop().call_later(grace, task.cancel))

    try:
        return await outlive(task, abandon)
    finally:
        for timer in timers:
            timer.cancel()


async def outlive(task: asyncio.Task[T], abandon: Callable[[], None]) -> T:
    """Wait for a task even if the caller is canceled. Then `abandon` is called, which must make the task end."""
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if not task.done():
            abandon()
        while not task.done():
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError:  # repeated cancellations do not end the wait
                continue
        if not task.cancelled():
            task.exception()  # mark it as retrieved; the caller gets the cancellation
        raise
