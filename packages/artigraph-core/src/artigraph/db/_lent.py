"""A caller's connection: lent for one transaction and given back as it was, or found unfit for it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.errors import ConfigurationError

__all__ = ["check_commits", "join_transaction", "lent_mysql", "lent_sqlite"]


class _Lent(NamedTuple):
    isolation_level: str | None
    foreign_keys: bool


@asynccontextmanager
async def lent_sqlite(connection: AsyncConnection) -> AsyncGenerator[None]:
    """Begin a write transaction with foreign keys on a fresh connection; at the end put its settings back.

    The engine's own settings do not count: whether it has the driver begin transactions, or begins them in an event
    of its own, or has not switched foreign keys on.
    """
    before = await connection.run_sync(_borrow)
    try:
        await connection.run_sync(_begin_immediately)
        yield
    finally:
        if not connection.invalidated:
            await connection.run_sync(_give_back, before)


def _borrow(connection: Connection) -> _Lent:
    driver: Any = connection.connection.dbapi_connection
    before = _Lent(driver.isolation_level, bool(_execute(driver, "PRAGMA foreign_keys")))
    driver.isolation_level = None
    if not before.foreign_keys:
        _execute(driver, "PRAGMA foreign_keys = ON")
        if not _execute(driver, "PRAGMA foreign_keys"):
            driver.isolation_level = before.isolation_level
            raise ConfigurationError(_NO_FOREIGN_KEYS)
    return before


def _begin_immediately(connection: Connection) -> None:
    driver: Any = connection.connection.dbapi_connection
    connection.begin()  # an event of the engine may begin a transaction of its own kind here
    if driver.driver_connection.in_transaction:
        _execute(driver, "ROLLBACK")
    _execute(driver, "BEGIN IMMEDIATE")


def _give_back(connection: Connection, before: _Lent) -> None:
    connection.rollback()
    driver: Any = connection.connection.dbapi_connection
    if not before.foreign_keys:
        _execute(driver, "PRAGMA foreign_keys = OFF")
    driver.isolation_level = before.isolation_level


@asynccontextmanager
async def lent_mysql(connection: AsyncConnection) -> AsyncGenerator[None]:
    """Begin a transaction with READ COMMITTED on a fresh connection of MySQL or MariaDB, whatever its settings are.

    Both statements hold for this transaction alone, on an engine that commits each statement by itself too.
    """
    await connection.run_sync(_begin_read_committed)
    try:
        yield
    finally:
        if connection.in_transaction() and not connection.invalidated:
            await connection.run_sync(_roll_back)


def _begin_read_committed(connection: Connection) -> None:
    driver: Any = connection.connection.dbapi_connection
    _execute(driver, "SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
    _execute(driver, "START TRANSACTION")


def _roll_back(connection: Connection) -> None:
    driver: Any = connection.connection.dbapi_connection
    driver.rollback()  # SQLAlchemy may be told to spare it on an engine that commits by itself


def check_commits(connection: Connection) -> None:
    """Refuse a connection whose driver commits each statement by itself, and does nothing when told to commit.

    That is `sqlite3.connect(..., autocommit=True)`, from Python 3.12 on.

    Raises:
        ConfigurationError: it is such a one.
    """
    driver: Any = connection.connection.dbapi_connection
    if driver.driver_connection.in_transaction:
        return
    _execute(driver, "BEGIN")
    driver.rollback()
    if driver.driver_connection.in_transaction:
        _execute(driver, "ROLLBACK")
        msg = (
            "This SQLite engine connects with autocommit=True, so nothing could be rolled back. Leave `autocommit` out "
            "of connect_args, or hand over the URL instead of an engine."
        )
        raise ConfigurationError(msg)


def join_transaction(connection: Connection) -> None:
    """See to it that a caller's connection is in a transaction and keeps references whole.

    Its driver may not have begun one yet, and a savepoint outside of a transaction would be one: releasing it commits.

    Raises:
        ConfigurationError: foreign keys are off, and in a transaction they cannot be switched on.
    """
    driver: Any = connection.connection.dbapi_connection
    if not _execute(driver, "PRAGMA foreign_keys"):
        raise ConfigurationError(_NO_FOREIGN_KEYS)
    if not driver.driver_connection.in_transaction:
        _execute(driver, "BEGIN IMMEDIATE")


def _execute(driver: Any, statement: str) -> Any:
    """Execute past SQLAlchemy, which would begin a transaction first; return the first value of the answer, if any."""
    cursor = driver.cursor()
    try:
        cursor.execute(statement)
        row = cursor.fetchone() if cursor.description else None
    finally:
        cursor.close()
    return None if row is None else row[0]


_NO_FOREIGN_KEYS = (
    "Foreign keys are off on this SQLite connection, so references between rows would not be kept whole, and they "
    "cannot be switched on inside a transaction. Execute PRAGMA foreign_keys=ON on each new connection (an event "
    "listener for 'connect' on engine.sync_engine), or let Artigraph make the engine from the URL."
)
