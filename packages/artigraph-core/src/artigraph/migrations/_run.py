"""Run Alembic's commands on a connection of Artigraph's."""

from __future__ import annotations

import asyncio
import io
import threading
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import URL, Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from artigraph.db._mysql_settings import check_settings
from artigraph.db._schema import check_file, schema_lock, version_of
from artigraph.db._target import Target, current_target
from artigraph.db._transaction import read_on, write_on
from artigraph.errors import ConfigurationError, MissingDependencyError, MissingTablesError

if TYPE_CHECKING:
    from alembic.config import Config

_PAUSE = 0.01
_running = threading.Lock()


async def upgrade(url_or_engine: str | URL | PathLike[str] | AsyncEngine | None = None, revision: str = "head") -> None:
    """Upgrade the tables to a revision, and create them if they do not exist.

    Without a URL or engine it upgrades the current database. On PostgreSQL and SQLite it is one transaction. Several
    processes may call it at once.

    Raises:
        MissingDependencyError: Alembic is not installed.
        ConfigurationError: the engine cannot be used, or the revision does not exist.
        DatabaseError: the database refused.
    """
    await _run(url_or_engine, "upgrade", revision)


async def downgrade(
    url_or_engine: str | URL | PathLike[str] | AsyncEngine | None = None, revision: str = "base"
) -> None:
    """Downgrade the tables to an older revision. `base` drops them with all their content.

    Raises:
        MissingDependencyError: Alembic is not installed.
        ConfigurationError: the engine cannot be used, or the revision does not exist.
        DatabaseError: the database refused.
    """
    await _run(url_or_engine, "downgrade", revision)


async def current(url_or_engine: str | URL | PathLike[str] | AsyncEngine | None = None) -> str | None:
    """Return the revision of the tables, or None if they do not exist. This does not need Alembic."""
    target, ours = _target(url_or_engine)
    try:
        loop_engine = target.loop_engine()
        check_file(loop_engine)
        return await read_on(loop_engine, lambda connection: connection.run_sync(version_of))
    except MissingTablesError:
        return None
    finally:
        if ours:
            await target.dispose()


async def _run(url_or_engine: str | URL | PathLike[str] | AsyncEngine | None, command: str, revision: str) -> None:
    config = _config()
    target, ours = _target(url_or_engine)

    async def work(connection: AsyncConnection) -> None:
        if target.is_callers:
            await connection.run_sync(check_settings)
        async with schema_lock(connection):
            await connection.run_sync(_run_alembic, config, command, revision)

    async def again(_connection: AsyncConnection) -> bool:
        return False  # a retry finds completed migrations and repeats none

    # Alembic can run once at a time in a process: all threads and tasks share its `op` and `context`.
    while not _running.acquire(blocking=False):  # noqa: ASYNC110 (an event belongs to one loop, this lock to all threads)
        await asyncio.sleep(_PAUSE)
    try:
        loop_engine = target.loop_engine()
        if command != "upgrade":
            check_file(loop_engine)
        await write_on(loop_engine, work, committed=again, timeouts=replace(loop_engine.timeouts, command=None))
        loop_engine.state.database = None  # its tables have changed
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
        connection.commit()  # before the lock is released


def _config() -> Config:
    try:
        from alembic.config import Config
    except ImportError as error:
        msg = "Migrations need Alembic: pip install 'artigraph[migrations]'"
        raise MissingDependencyError(msg) from error
    config = Config(stdout=io.StringIO())
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config


def _target(url_or_engine: str | URL | PathLike[str] | AsyncEngine | None) -> tuple[Target, bool]:
    if url_or_engine is None:
        return current_target(), False
    return Target(url_or_engine, create_tables=False), True
