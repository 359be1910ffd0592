"""Borrow a caller's connection for one transaction, and return it with its settings restored, or refuse it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.errors import ConfigurationError


class _Settings(NamedTuple):
    isolation_level: str | None
    foreign_keys: bool


@asynccontextmanager
async def caller_sqlite_transaction(connection: AsyncConnection) -> AsyncGenerator[None]:
    """Begin a write transaction with foreign keys on a fresh connection, and restore its settings at the end.

    It works with any settings of the engine: whether the driver or an event begins transactions, and whether foreign
    keys are on or off.
    """
    before = await connection.run_sync(_borrow)
    try:
        await connection.run_sync(_begin_immediately)
        yield
    finally:
        await _undo(connection, lambda sync: _give_back(sync, before))


def _borrow(connection: Connection) -> _Settings:
    driver: Any = connection.connection.dbapi_connection
    before = _Settings(driver.isolation_level, bool(_execute(driver, "PRAGMA foreign_keys")))
    driver.isolation_level = None
    if not before.foreign_keys:
        _execute(driver, "PRAGMA foreign_keys = ON")
        if not _execute(driver, "PRAGMA foreign_keys"):
            driver.isolation_level = before.isolation_level
            raise ConfigurationError(_NO_FOREIGN_KEYS)
    return before


def _begin_immediately(connection: Connection) -> None:
    driver: Any = connection.connection.dbapi_connection
    connection.begin()  # an event of the engine may begin a transaction here
    if driver.driver_connection.in_transaction:
        _execute(driver, "ROLLBACK")
    _execute(driver, "BEGIN IMMEDIATE")


def _give_back(connection: Connection, before: _Settings) -> None:
    connection.rollback()
    driver: Any = connection.connection.dbapi_connection
    if not before.foreign_keys:
        _execute(driver, "PRAGMA foreign_keys = OFF")
    driver.isolation_level = before.isolation_level


@asynccontextmanager
async def caller_mysql_transaction(connection: AsyncConnection, lock: int) -> AsyncGenerator[None]:
    """Begin a READ COMMITTED transaction on a fresh connection of MySQL or MariaDB, whatever its settings are.

    The isolation level applies to this transaction only, even on an engine in autocommit mode. `lock` is the limit for
    waits for locks, in seconds. It applies to the connection, and the previous limits are restored at the end.
    """
    try:
        await connection.run_sync(_begin_read_committed, lock)
        yield
    finally:
        await _undo(connection, _give_back_mysql)


def _begin_read_committed(connection: Connection, lock: int) -> None:
    driver: Any = connection.connection.dbapi_connection
    _execute(
        driver,
        "SET @artigraph_row = @@SESSION.innodb_lock_wait_timeout, @artigraph_table = @@SESSION.lock_wait_timeout, "
        f"SESSION innodb_lock_wait_timeout = {lock}, SESSION lock_wait_timeout = {lock}",
    )
    _execute(driver, "SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
    _execute(driver, "START TRANSACTION")


def _give_back_mysql(connection: Connection) -> None:
    driver: Any = connection.connection.dbapi_connection
    driver.rollback()  # SQLAlchemy may skip it on an engine in autocommit mode
    _execute(
        driver,
        "SET SESSION innodb_lock_wait_timeout = @artigraph_row, SESSION lock_wait_timeout = @artigraph_table, "
        "@artigraph_row = NULL, @artigraph_table = NULL",
    )


async def _undo(connection: AsyncConnection, give_back: Callable[[Connection], None]) -> None:
    """Restore the settings of a connection. If that fails, close the connection and ignore the error."""
    if connection.invalidated or connection.closed:
        return
    try:
        await connection.run_sync(give_back)
    except BaseException as error:
        with suppress(Exception):
            await connection.invalidate()
        if not isinstance(error, Exception):
            raise


def check_commits(connection: Connection) -> None:
    """Refuse a connection whose driver commits each statement by itself and ignores `commit`.

    That is `sqlite3.connect(..., autocommit=True)`, from Python 3.12 on.

    Raises:
        ConfigurationError: the connection is of that kind.
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
    """Ensure that a caller's connection is in a transaction, and that foreign keys are on.

    Its driver may not have begun a transaction yet. Outside of one, a savepoint would be a transaction, and releasing
    it would commit.

    Raises:
        ConfigurationError: foreign keys are off, and in a transaction they cannot be switched on.
    """
    driver: Any = connection.connection.dbapi_connection
    if not _execute(driver, "PRAGMA foreign_keys"):
        raise ConfigurationError(_NO_FOREIGN_KEYS)
    if not driver.driver_connection.in_transaction:
        _execute(driver, "BEGIN IMMEDIATE")


def _execute(driver: Any, statement: str) -> Any:
    """Execute without SQLAlchemy, which would first begin a transaction; return the first value of the result."""
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
