"""Create the tables, and recognize databases without tables, or with tables of an older or newer release."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from uuid import UUID

from sqlalchemy import Connection, func, insert, inspect, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db._caller_connection import check_commits
from artigraph.db._dialect import dialect_name, utc_now
from artigraph.db._errors import MISSING_TABLES_HINT, already_exists
from artigraph.db._files import sqlite_file
from artigraph.db._hosts import shown_url
from artigraph.db._loop_engine import Database, LoopEngine
from artigraph.db._mysql_settings import check_settings
from artigraph.db._transaction import read_on, write_on
from artigraph.errors import (
    DatabaseError,
    DatabaseUnavailableError,
    MissingTablesError,
    RetryableError,
    SchemaVersionError,
)
from artigraph.identifiers import new_id
from artigraph.orm import SCHEMA_VERSION, node_table, store_table, version_table
from artigraph.orm.metadata import metadata
from artigraph.printable import quoted

_log = logging.getLogger("artigraph.db")

_PATIENCE = 60
"""Seconds that MySQL and MariaDB wait while another process creates the tables."""
_ATTEMPTS = 20
"""The most attempts to make the tables that another node of a Galera cluster makes at the same time."""
_LOCK = 0x61727469_67726170
"""The key of PostgreSQL's advisory lock, a number: `artigrap` in ASCII."""


async def prepare(loop_engine: LoopEngine) -> Database:
    """Identify the database, and create its tables if requested; once for an engine.

    Raises:
        MissingTablesError: the database has no tables of Artigraph.
        SchemaVersionError: its tables are of an older or newer release.
    """
    state = loop_engine.state
    asked = asyncio.get_running_loop().time()
    async with state.check:
        if state.database is None and state.failed is not None and state.failed[0] >= asked:
            # Another task found this while this one waited. Else each would wait for the same server, one after the
            # other.
            raise DatabaseUnavailableError(state.failed[1])
        try:
            return await _find_out(loop_engine)
        except DatabaseUnavailableError as error:
            state.failed = asyncio.get_running_loop().time(), str(error)
            raise


async def _find_out(loop_engine: LoopEngine) -> Database:
    state = loop_engine.state
    if state.database is not None:
        return state.database
    if not loop_engine.create_tables:
        check_file(loop_engine)
    if not loop_engine.ours:
        if loop_engine.sqlite:
            await read_on(loop_engine, lambda connection: connection.run_sync(check_commits))
        else:
            state.reads_lock = await read_on(loop_engine, lambda connection: connection.run_sync(check_settings))
    try:
        store_id = await read_on(loop_engine, identify)
    except MissingTablesError:
        if not loop_engine.create_tables:
            raise
        await create(loop_engine)
        store_id = await read_on(loop_engine, identify)
    except SchemaVersionError:
        store_id = await read_on(loop_engine, _identify_in_turn)
    state.database = Database(dialect_name(loop_engine.engine.dialect), store_id, loop_engine.folder)
    report_store(loop_engine)
    return state.database


def report_store(loop_engine: LoopEngine) -> None:
    """Log the store of an engine once it is identified, without the password and arguments of the URL."""
    url = loop_engine.engine.url
    place = sqlite_file(url) or shown_url(url)
    whose = "" if loop_engine.ours else " (an engine of the application)"
    _log.info("The store in use is %s%s", quoted(str(place)), whose)


def check_file(loop_engine: LoopEngine) -> None:
    """Check that the SQLite file of an engine that Artigraph made exists, because SQLite would create an empty one.

    A caller's own engine may create its file, and so may a URI with `mode=rwc`.

    Raises:
        MissingTablesError: the file does not exist.
    """
    url = loop_engine.engine.url
    file = sqlite_file(url)
    if loop_engine.ours and file is not None and url.query.get("mode") != "rwc" and not file.exists():
        msg = (
            f"There is no store at {str(file)!r}: there is no such file. Correct the path, or make a new store there "
            "with set_engine(..., create_tables=True) or `await artigraph.migrations.upgrade(...)`."
        )
        raise MissingTablesError(msg)


async def identify(connection: AsyncConnection) -> UUID:
    """Check that the tables are of this release, and return the database's identity."""
    await connection.run_sync(_check_version)
    store_id: UUID | None = (await connection.execute(select(store_table.c.store_id))).scalar()
    if store_id is None:
        msg = f"The database's tables were not made to their end. {MISSING_TABLES_HINT}"
        raise MissingTablesError(msg)
    return store_id


async def _identify_in_turn(connection: AsyncConnection) -> UUID:
    """Identify the database when no one is migrating it: where each DDL statement commits, others see half of it."""
    async with schema_lock(connection):
        return await identify(connection)


def _check_version(connection: Connection) -> None:
    found = version_of(connection)
    if found is None:
        _refuse_ancient_tables(connection)
        msg = f"The database has no Artigraph tables. {MISSING_TABLES_HINT}"
        raise MissingTablesError(msg)
    if found < SCHEMA_VERSION:
        msg = (
            f"The tables are of version {found}, this release works with {SCHEMA_VERSION}. Make a backup and migrate "
            "them: `await artigraph.migrations.upgrade(...)`, or `python -m artigraph.migrations upgrade URL`."
        )
        raise SchemaVersionError(msg)
    if found > SCHEMA_VERSION:
        msg = (
            f"The tables are of version {found}, newer than the {SCHEMA_VERSION} of this release; nothing is written "
            "to them. Upgrade Artigraph: pip install --upgrade artigraph."
        )
        raise SchemaVersionError(msg)


def version_of(connection: Connection) -> str | None:
    """Return the recorded version of the tables, or None if there is no record."""
    if not inspect(connection).has_table(version_table.name):
        return None
    return connection.execute(select(func.max(version_table.c.version_num))).scalar()


def _refuse_ancient_tables(connection: Connection) -> None:
    inspector = inspect(connection)
    if inspector.has_table(node_table.name):
        columns = {column["name"] for column in inspector.get_columns(node_table.name)}
        if "tree_root_id" not in columns:
            msg = (
                "The database holds tables of an Artigraph before 1.0, which are not read by this release. Use another "
                "database, or another schema of it; the old tables are left alone."
            )
            raise SchemaVersionError(msg)


async def create(loop_engine: LoopEngine) -> None:
    """Create missing tables, record their version and give the database its identity.

    Any number of processes may call it at once.

    Raises:
        ConfigurationError: the database's settings are refused.
    """

    async def work(connection: AsyncConnection) -> None:
        if not loop_engine.ours:
            await connection.run_sync(check_settings)
        async with schema_lock(connection):
            await connection.run_sync(_create)

    async def again(_connection: AsyncConnection) -> bool:
        return False  # repeating it does no harm

    for remaining in reversed(range(_ATTEMPTS)):
        try:
            await write_on(loop_engine, work, committed=again)
        except DatabaseError as error:
            # A lock of a Galera node is not known to the others. Another node makes the tables at the same time.
            if not remaining or not already_exists(error):
                raise
            await asyncio.sleep(random.uniform(0.05, 0.5))  # noqa: S311 (jitter)
        else:
            return


def _create(connection: Connection) -> None:
    if version_of(connection) is None:
        _refuse_ancient_tables(connection)
        metadata.create_all(connection)
        _make_store_row(connection)
        connection.execute(insert(version_table).values(version_num=SCHEMA_VERSION))
    if connection.dialect.name in ("mysql", "mariadb"):
        connection.commit()  # before the lock is released, which does not end with the transaction


def _make_store_row(connection: Connection) -> None:
    """Give the database an identity if it has none."""
    if connection.execute(select(store_table.c.id)).first() is None:
        connection.execute(insert(store_table).values(id=1, store_id=new_id(), created_at=utc_now()))


@asynccontextmanager
async def schema_lock(connection: AsyncConnection) -> AsyncGenerator[None]:
    """Prevent others from creating or migrating the tables of this database until the transaction ends.

    On MySQL and MariaDB, where each DDL statement commits, the lock lasts until the end of the block. On SQLite a write
    transaction is the only one anyway.
    """
    if connection.dialect.name == "postgresql":
        await connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        yield
        return
    if connection.dialect.name not in ("mysql", "mariadb"):
        yield
        return
    name = func.concat(text("'artigraph.'"), func.left(func.sha2(func.database(), text("256")), text("40")))
    if (await connection.execute(select(func.get_lock(name, _PATIENCE)))).scalar() != 1:
        msg = f"Another process has been making or migrating the tables for {_PATIENCE} seconds; try again later"
        raise RetryableError(msg)
    try:
        yield
    finally:
        if not connection.invalidated:
            await connection.execute(select(func.release_lock(name)))
