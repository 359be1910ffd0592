"""Set up Alembic's environment: the connection and the version table."""

from __future__ import annotations

from dataclasses import replace

from alembic import context
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.schema import SchemaItem

from artigraph.db._schema import schema_lock
from artigraph.db._target import Target, current_target
from artigraph.db._transaction import write_on
from artigraph.orm import version_table
from artigraph.orm.metadata import is_made, metadata


def run(connection: Connection) -> None:
    """Run Alembic's migrations on a connection that is in a transaction."""

    def included(item: SchemaItem, *_: object) -> bool:  # asked when somebody compares the tables with the classes
        return is_made(item, connection.dialect)

    # Alembic would create the table itself, on MySQL and MariaDB in the server's default character set.
    version_table.create(connection, checkfirst=True)
    context.configure(
        connection=connection,
        target_metadata=metadata,
        version_table=version_table.name,
        include_object=included,
    )
    with context.begin_transaction():
        context.run_migrations()


async def run_alone(url: str | None) -> None:
    """Run the migrations on the database of a URL, or on the current database."""
    target = Target(url, create_tables=False) if url else current_target()

    async def work(connection: AsyncConnection) -> None:
        async with schema_lock(connection):
            await connection.run_sync(run)

    loop_engine = target.loop_engine()
    await write_on(loop_engine, work, timeouts=replace(loop_engine.timeouts, command=None))
    await target.dispose()
