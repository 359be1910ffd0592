"""How Alembic runs the migrations: on which connection, with which version table."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db._config import current_target
from artigraph.db._schema import schema_lock
from artigraph.db._target import Target
from artigraph.db._transaction import write_on
from artigraph.orm import version_table
from artigraph.orm.metadata import metadata

__all__ = ["run", "run_alone"]


def run(connection: Connection) -> None:
    """Run what Alembic was told to, on a connection in a transaction."""
    # Alembic would make a table of its own making: on MySQL and MariaDB in the server's default character set.
    version_table.create(connection, checkfirst=True)
    context.configure(connection=connection, target_metadata=metadata, version_table=version_table.name)
    with context.begin_transaction():
        context.run_migrations()


async def run_alone(url: str | None) -> None:
    """Run it on the database of a URL, or the one that is in force here."""
    target = Target(url, create_tables=False) if url else current_target()

    async def work(connection: AsyncConnection) -> None:
        async with schema_lock(connection):
            await connection.run_sync(run)

    await write_on(target.bound(), work)
    await target.dispose()
