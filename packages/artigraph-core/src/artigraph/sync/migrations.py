"""The sync twin of `artigraph.migrations`."""

from __future__ import annotations

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine

import artigraph.migrations as async_migrations
from artigraph.background import wait_for

__all__ = ["current", "downgrade", "upgrade"]


def upgrade(url_or_engine: str | URL | AsyncEngine | None = None, revision: str = "head") -> None:
    """Bring the tables to a revision, making them if there are none; without an engine, of the database in force here.

    On PostgreSQL and SQLite it is one transaction. Several processes may do so at once.

    Raises:
        MissingDependencyError: Alembic is not installed.
        ConfigurationError: the engine cannot be used, or there is no such revision.
        DatabaseError: the database refused.
    """
    wait_for(async_migrations.upgrade(url_or_engine, revision))


def downgrade(url_or_engine: str | URL | AsyncEngine | None = None, revision: str = "base") -> None:
    """Bring the tables back to an older revision; `base` drops them, with all that is in them.

    Raises:
        MissingDependencyError: Alembic is not installed.
        ConfigurationError: the engine cannot be used, or there is no such revision.
        DatabaseError: the database refused.
    """
    wait_for(async_migrations.downgrade(url_or_engine, revision))


def current(url_or_engine: str | URL | AsyncEngine | None = None) -> str | None:
    """Return the revision of the tables, or None if there are none; this needs no Alembic."""
    return wait_for(async_migrations.current(url_or_engine))
