"""The sync twin of `artigraph.db`."""

from __future__ import annotations

from contextlib import AbstractContextManager
from os import PathLike

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

import artigraph.db as async_db
from artigraph.db import Timeouts, current_session, set_bytes_in_flight, set_engine
from artigraph.db._engine import Synchronous
from artigraph.portal import entered, wait_for
from artigraph.storage import Storage
from artigraph.sync._twin import on_the_loop

__all__ = [
    "Timeouts",
    "create_tables",
    "current_session",
    "dispose_engines",
    "engine_context",
    "get_engine",
    "session_context",
    "set_bytes_in_flight",
    "set_engine",
]


def engine_context(
    url_or_async_engine: str | URL | PathLike[str] | AsyncEngine,
    create_tables: bool = False,
    *,
    sqlite_synchronous: Synchronous = "NORMAL",
    large_value_storage: Storage | None = None,
    inline_limit: int | None = None,
    timeouts: Timeouts | None = None,
    read_only: bool = False,
    read_url: str | URL | PathLike[str] | None = None,
) -> AbstractContextManager[AsyncEngine]:
    """Set the database for a block, in this thread.

    Takes the arguments of `set_engine`. `with` returns the engine, which belongs to the background loop. If the engine
    was made from a URL, the end of the block disposes of it.
    """
    return entered(
        async_db.engine_context(
            url_or_async_engine,
            create_tables,
            sqlite_synchronous=sqlite_synchronous,
            large_value_storage=large_value_storage,
            inline_limit=inline_limit,
            timeouts=timeouts,
            read_only=read_only,
            read_url=read_url,
        )
    )


def create_tables() -> None:
    """Create the tables in the current database if they do not exist. Any number of processes may call it at once.

    Raises:
        SchemaVersionError: the tables are of an older or newer release.
    """
    wait_for(async_db.create_tables())


def get_engine() -> AsyncEngine:
    """Return the current engine, for your own queries with `wait_for`.

    Raises:
        ConfigurationError: the URL in the environment cannot be used, or the default folder cannot be created.
    """
    return wait_for(on_the_loop(async_db.get_engine))


def session_context(session: AsyncSession | None = None) -> AbstractContextManager[AsyncSession]:
    """Run all calls of a block in one transaction. The end of the block commits it, and an error rolls it back.

    A block inside another one joins its transaction. Each call has a savepoint, so the session continues after an error
    that you catch. The session belongs to this thread only. `with` returns a session for use with `wait_for`:

        with session_context() as session:
            rows = wait_for(session.execute(statement))

    You may pass your own session if you use it on the background loop only. The calls then belong to its transaction,
    and you commit, roll back and close it.

    Raises:
        WrongEventLoopError: the session belongs to another event loop or thread.
        ConfigurationError: your session cannot hold a transaction as Artigraph needs it.
        RetryableError: the database aborted the transaction in favor of another one. Run the whole block again.
        DatabaseUnavailableError: the connection broke. After a broken COMMIT it is unknown whether it took effect.
    """
    return entered(async_db.session_context(session))


def dispose_engines() -> None:
    """Close the connections of all engines that Artigraph made on the background loop.

    Artigraph opens new connections when it needs them. A database in memory is lost. The end of the process closes all
    connections, too.
    """
    wait_for(async_db.dispose_engines())
