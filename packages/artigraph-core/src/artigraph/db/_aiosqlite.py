"""SQLite through aiosqlite, with as few thread hops as there can be.

aiosqlite runs each call of a cursor in the connection's thread by itself: to make the cursor, to execute, to fetch, to
close. A hop costs more than the statement does. Here a statement is one hop, with the BEGIN before it and the rows
after it, and what has no transaction to end does not hop at all.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Self, TypeVar, cast

import aiosqlite

__all__ = ["FastConnection", "connect"]

T = TypeVar("T")


class _Cursor:
    """A cursor as SQLAlchemy's adapter uses it; its rows are fetched as they are found."""

    arraysize = 1

    def __init__(self, connection: FastConnection) -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, statement: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> None:
        await self._connection.run(self._execute, statement, parameters)

    async def executemany(self, statement: str, parameters: Iterable[Any]) -> None:
        await self._connection.run(self._executemany, statement, parameters)

    def _execute(self, connection: sqlite3.Connection, statement: str, parameters: Any) -> None:
        cursor = connection.execute(statement, parameters)
        self.description, self.lastrowid = cursor.description, cursor.lastrowid
        self._rows = cursor.fetchall() if cursor.description else []
        self.rowcount = cursor.rowcount
        cursor.close()

    def _executemany(self, connection: sqlite3.Connection, statement: str, parameters: Any) -> None:
        cursor = connection.executemany(statement, parameters)
        self.rowcount = cursor.rowcount
        cursor.close()

    async def fetchone(self) -> Any:
        return self._rows.pop(0) if self._rows else None

    async def fetchmany(self, size: int | None = None) -> list[Any]:
        size = self.arraysize if size is None else size
        rows, self._rows = self._rows[:size], self._rows[size:]
        return rows

    async def fetchall(self) -> list[Any]:
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        self._rows = []

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        if not self._rows:
            raise StopAsyncIteration
        return self._rows.pop(0)


class FastConnection(aiosqlite.Connection):
    """A connection that begins when it is first needed to, and knows when there is nothing to end."""

    pending: str | None = None
    """The BEGIN that goes before the next statement."""
    opened: sqlite3.Connection | None = None
    """What was opened, from that moment on: whoever waited for it may have been cancelled, and aiosqlite knows of
    nothing to close then."""

    async def run(self, work: Callable[..., T], *arguments: Any) -> T:
        """Run work on the connection of sqlite3, in its thread, in a transaction if one is to begin."""
        begin, self.pending = self.pending, None

        def job() -> T:
            connection = self._conn
            if begin is not None:
                connection.execute(begin)
            return work(connection, *arguments)

        # What SQLAlchemy's own adapter reaches for, too (`_tx`): aiosqlite has no public way into its thread.
        return cast("T", await cast("Any", self)._execute(job))  # noqa: SLF001

    def cursor(self) -> Any:
        return _Cursor(self)

    def stop(self) -> None:
        """Close the connection and end its thread, without a word to any event loop.

        aiosqlite would tell the loop that is current here. Where a connection is given up by the garbage collector, or
        as its loop ends, that loop may be closed before the thread gets to it, and the thread would die of it loudly.
        """
        private = cast("Any", self)
        private._running = False  # noqa: SLF001
        private._tx.put_nowait((None, self._close_and_stop))  # noqa: SLF001

    def _close_and_stop(self) -> object:
        if self.opened is not None:
            self.opened.close()
            self.opened = cast("Any", self)._connection = None  # noqa: SLF001
        return getattr(aiosqlite.core, "_STOP_RUNNING_SENTINEL", None)

    async def commit(self) -> None:
        self.pending = None
        if self.in_transaction:
            await super().commit()

    async def rollback(self) -> None:
        self.pending = None
        if self.in_transaction:
            await super().rollback()


async def connect(pragmas: Iterable[str], *arguments: Any, **options: Any) -> FastConnection:
    """Open a connection whose transactions begin and end as they are told to, with settings of its own."""

    def connector() -> sqlite3.Connection:
        connection: sqlite3.Connection = cast("Any", sqlite3).connect(*arguments, isolation_level=None, **options)
        try:
            for pragma in pragmas:
                connection.execute(f"PRAGMA {pragma}")
        except BaseException:
            connection.close()
            raise
        made.opened = connection
        return connection

    made = FastConnection(connector, 64)
    # As SQLAlchemy does with those it makes: a connection that nobody closed does not keep the process alive.
    cast("Any", getattr(made, "_thread", made)).daemon = True
    await made
    return made
