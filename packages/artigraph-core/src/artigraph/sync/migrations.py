"""The sync twin of `artigraph.migrations`."""

from __future__ import annotations

from os import PathLike

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine

import artigraph.migrations as async_migrations
from artigraph.portal import wait_for

__all__ = ["current", "downgrade", "upgrade"]


def upgrade(url_or_engine: str | URL | PathLike[str] | AsyncEngine | None = None, revision: str = "head") -> None:
    """Upgrade the tables to a revision, and create them if they do not exist.

    Without a URL or engine it upgrades the current database. On PostgreSQL and SQLite it is one transaction. Several
    processes may call it at once.

    Raises:
        MissingDependencyError: Alembic is not installed.
        ConfigurationError: the engine cannot be used, or the revision does not exist.
        DatabaseError: the database refused.
    """
    wait_for(async_migrations.upgrade(url_or_engine, revision))


def downgrade(url_or_engine: str | URL | PathLike[str] | AsyncEngine | None = None, revision: str = "base") -> None:
    """Downgrade the tables to an older revision. `base` drops them with all their content.

    Raises:
        MissingDependencyError: Alembic is not installed.
        ConfigurationError: the engine cannot be used, or the revision does not exist.
        DatabaseError: the database refused.
    """
    wait_for(async_migrations.downgrade(url_or_engine, revision))


def current(url_or_engine: str | URL | PathLike[str] | AsyncEngine | None = None) -> str | None:
    """Return the revision of the tables, or None if they do not exist. This does not need Alembic."""
    return wait_for(async_migrations.current(url_or_engine))
