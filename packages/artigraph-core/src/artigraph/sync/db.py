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
) -> AbstractContextManager[AsyncEngine]:
    """Set the database for a block, in this thread.

    Takes the arguments of `set_engine`. `with` returns the engine, which belongs to the background loop, and at its end
    disposes it if it was made from a URL.
    """
    return entered(
        async_db.engine_context(
            url_or_async_engine,
            create_tables,
            sqlite_synchronous=sqlite_synchronous,
            large_value_storage=large_value_storage,
            inline_limit=inline_limit,
            timeouts=timeouts,
        )
    )


def create_tables() -> None:
    """Create the tables in the current database if they do not exist. Any number of processes may call it at once.

    Raises:
        SchemaVersionError: the tables are of an older or newer release.
    """
    wait_for(async_db.create_tables())


def get_engine() -> AsyncEngine:
    """Return the engine that is in force here, for queries of one's own with `wait_for`.

    Raises:
        ConfigurationError: the environment's URL cannot be used, or the default's folder cannot be made.
    """
    return wait_for(on_the_loop(async_db.get_engine))


def session_context(session: AsyncSession | None = None) -> AbstractContextManager[AsyncSession]:
    """Group the calls of a block in one transaction: all of it is committed at the end, or after an error nothing.

    Inside another one it joins that. Each call takes a savepoint, so the session goes on after an error that is caught.
    It is the session of this thread; others are not in it. What `with` returns is used with `wait_for`:

        with session_context() as session:
            rows = wait_for(session.execute(statement))

    A session of one's own can be handed in, if it is used on the background loop alone. Then the calls belong to its
    transaction, and committing, rolling back and closing stay with its owner.

    Raises:
        WrongEventLoopError: the session belongs to another event loop or thread.
        ConfigurationError: the session that was handed in cannot hold a transaction as Artigraph needs it.
        RetryableError: the transaction gave way to another one; do all of it again.
        DatabaseUnavailableError: the connection broke; during COMMIT, it is not known whether it took effect.
    """
    return entered(async_db.session_context(session))


def dispose_engines() -> None:
    """Close the connections of all engines that Artigraph made on the background loop.

    They are made again when they are needed; a database in memory is gone. At the end of the process this happens by
    itself.
    """
    wait_for(async_db.dispose_engines())
