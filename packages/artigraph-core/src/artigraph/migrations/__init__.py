"""Migrations of the tables, by Alembic, for those who have no alembic.ini: one call, or one line of a shell.

    await artigraph.migrations.upgrade("postgresql://user@host/database")
    python -m artigraph.migrations upgrade postgresql://user@host/database

An alembic.ini of one's own names this package as its `script_location`: `artigraph:migrations`. The tables are marked
in `artigraph_version`, not in Alembic's `alembic_version`, which an application on the same database may use.
"""

from artigraph.migrations._run import current, downgrade, upgrade

__all__ = ["current", "downgrade", "upgrade"]
