"""The script that Alembic executes to run migrations; see `artigraph.migrations`."""

from __future__ import annotations

import asyncio

from alembic import context
from sqlalchemy import Connection

from artigraph.errors import ConfigurationError
from artigraph.migrations._environment import run

if context.is_offline_mode():
    msg = "Artigraph's migrations cannot be written as SQL: the first one gives each database an identity of its own"
    raise ConfigurationError(msg)

connection: Connection | None = context.config.attributes.get("connection")
if connection is not None:
    run(connection)
else:
    # Alembic's own command line, with an alembic.ini whose script_location is artigraph:migrations.
    from artigraph.migrations._environment import run_alone

    asyncio.run(run_alone(context.config.get_main_option("sqlalchemy.url")))
