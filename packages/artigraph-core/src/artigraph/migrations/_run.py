"""Alembic's commands, on a connection of ours."""

from __future__ import annotations

import asyncio
import io
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import URL, Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from artigraph.db._config import current_target
from artigraph.db._schema import schema_lock, version_of
from artigraph.db._target import Target
from artigraph.db._transaction import read_on, write_on
from artigraph.errors import ConfigurationError, MissingDependencyError

if TYPE_CHECKING:
    from alembic.config import Config

__all__ = ["current", "downgrade", "upgrade"]

_PAUSE = 0.01
_running = threading.Lock()


async def upgrade(url_or_engine: str | URL | AsyncEngine | None = None, revision: str = "head") -> None:
    """Bring the tables to a revision, making them if there are none; without an engine, of the database in force here.

    On PostgreSQL and SQLite it is one transaction. Several processes may do so at once.

    Raises:
        MissingDependencyError: Alembic is not installed.
        ConfigurationError: the engine cannot be used, or there is no such revision.
        DatabaseError: the database refused.
    """
    await _run(url_or_engine, "upgrade", revision)


async def downgrade(url_or_engine: str | URL | AsyncEngine | None = None, revision: str = "base") -> None:
    """Bring the tables back to an older revision; `base` drops them, with all that is in them.

    Raises:
        MissingDependencyError: Alembic is not installed.
        ConfigurationError: the engine cannot be used, or there is no such revision.
        DatabaseError: the database refused.
    """
    await _run(url_or_engine, "downgrade", revision)


async def current(url_or_engine: str | URL | AsyncEngine | None = None) -> str | None:
    """Return the revision of the tables, or None if there are none; this needs no Alembic."""
    target, ours = _target(url_or_engine)
    try:
        return await read_on(target.bound(), lambda connection: connection.run_sync(version_of))
    finally:
        if ours:
            await target.dispose()


async def _run(url_or_engine: str | URL | AsyncEngine | None, command: str, revision: str) -> None:
    config = _config()
    target, ours = _target(url_or_engine)

    async def work(connection: AsyncConnection) -> None:
        async with schema_lock(connection):
            await connection.run_sync(_run_alembic, config, command, revision)

    async def again(_connection: AsyncConnection) -> bool:
        return False  # what is done already is not done again

    # Alembic knows one run at a time in a process: its `op` and `context` are the same for all threads and tasks.
    while not _running.acquire(blocking=False):  # noqa: ASYNC110 (an event belongs to one loop, this to all threads)
        await asyncio.sleep(_PAUSE)
    try:
        bound = target.bound()
        await write_on(bound, work, committed=again)
        bound.known.database = None  # its tables are others now
    finally:
        _running.release()
        if ours:
            await target.dispose()


def _run_alembic(connection: Connection, config: Config, command: str, revision: str) -> None:
    from alembic import command as commands
    from alembic.util import CommandError

    config.attributes["connection"] = connection
    try:
        if command == "upgrade":
            commands.upgrade(config, revision)
        else:
            commands.downgrade(config, revision)
    except CommandError as error:
        msg = f"Alembic refused to {command} to {revision!r}: {error}"
        raise ConfigurationError(msg) from error
    if connection.dialect.name in ("mysql", "mariadb"):
        connection.commit()  # before the lock goes


def _config() -> Config:
    try:
        from alembic.config import Config
    except ImportError as error:
        msg = "Migrations need Alembic: pip install 'artigraph[migrations]'"
        raise MissingDependencyError(msg) from error
    config = Config(stdout=io.StringIO())
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config


def _target(url_or_engine: str | URL | AsyncEngine | None) -> tuple[Target, bool]:
    if url_or_engine is None:
        return current_target(), False
    return Target(url_or_engine, create_tables=False), True
