"""Migrations of the tables by Alembic, without an alembic.ini: one call, or one shell command.

    await artigraph.migrations.upgrade("postgresql://user@host/database")
    python -m artigraph.migrations upgrade postgresql://user@host/database

If you have an alembic.ini, set its `script_location` to this package: `artigraph:migrations`. The version of the tables
is in the table `artigraph_version`, not in Alembic's `alembic_version`, which an application on the same database may
use.
"""

from artigraph.migrations._run import current, downgrade, upgrade

__all__ = ["current", "downgrade", "upgrade"]
