"""Making the tables, and telling databases without them, with older or with newer ones apart."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from uuid import UUID

from sqlalchemy import Connection, func, insert, inspect, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db._bound import Bound, Database
from artigraph.db._dialect import dialect_name, utc_now
from artigraph.db._errors import MISSING_TABLES_HINT
from artigraph.db._lent import check_commits
from artigraph.db._transaction import read_on, write_on
from artigraph.errors import MissingTablesError, RetryableError, SchemaVersionError
from artigraph.ids import new_id
from artigraph.orm import SCHEMA_VERSION, node_table, store_table, version_table
from artigraph.orm.metadata import metadata

__all__ = ["create", "identify", "prepare", "schema_lock", "version_of"]

_PATIENCE = 60
"""Seconds for which MySQL and MariaDB wait while another process makes the tables."""
_LOCK = 0x61727469_67726170
"""PostgreSQL's advisory locks are numbers: `artigrap`."""


async def prepare(bound: Bound) -> Database:
    """Find out what database this is, making its tables if that was asked for; once for an engine.

    Raises:
        MissingTablesError: it has no tables of ours.
        SchemaVersionError: its tables are those of an older or a newer release.
    """
    known = bound.known
    async with known.check:
        if known.database is None:
            if bound.sqlite and not bound.ours:
                await read_on(bound, lambda connection: connection.run_sync(check_commits))
            try:
                store_id = await read_on(bound, identify)
            except MissingTablesError:
                if not bound.create_tables:
                    raise
                await create(bound)
                store_id = await read_on(bound, identify)
            except SchemaVersionError:
                store_id = await read_on(bound, _identify_in_turn)
            known.database = Database(dialect_name(bound.engine.dialect), store_id, bound.folder)
    return known.database


async def identify(connection: AsyncConnection) -> UUID:
    """Return the database's identity, having checked that its tables are those of this release."""
    await connection.run_sync(_check_version)
    store_id: UUID | None = (await connection.execute(select(store_table.c.store_id))).scalar()
    if store_id is None:
        msg = f"The database's tables were not made to their end. {MISSING_TABLES_HINT}"
        raise MissingTablesError(msg)
    return store_id


async def _identify_in_turn(connection: AsyncConnection) -> UUID:
    """Identify the database once nobody else is migrating it: where each change of a table commits, others see it."""
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
    """Return the mark of the tables' version, or None where there is none."""
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


async def create(bound: Bound) -> None:
    """Make the tables that are missing, mark their version and give the database its identity.

    Any number of processes may do so at once.
    """

    async def work(connection: AsyncConnection) -> None:
        async with schema_lock(connection):
            await connection.run_sync(_create)

    async def again(_connection: AsyncConnection) -> bool:
        return False  # doing it twice does no harm

    await write_on(bound, work, committed=again)


def _create(connection: Connection) -> None:
    if version_of(connection) is None:
        _refuse_ancient_tables(connection)
        metadata.create_all(connection)
        _make_store_row(connection)
        connection.execute(insert(version_table).values(version_num=SCHEMA_VERSION))
    if connection.dialect.name in ("mysql", "mariadb"):
        connection.commit()  # before the lock goes, which ends by itself and not with the transaction


def _make_store_row(connection: Connection) -> None:
    """Give the database its identity, if it has none."""
    if connection.execute(select(store_table.c.id)).first() is None:
        connection.execute(insert(store_table).values(id=1, store_id=new_id(), created_at=utc_now()))


@asynccontextmanager
async def schema_lock(connection: AsyncConnection) -> AsyncGenerator[None]:
    """Keep others from making or migrating the tables of this database until the transaction ends.

    On MySQL and MariaDB, where each change of a table commits, it is until the end of the block. A write transaction on
    SQLite is alone anyway.
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
