"""Engines made from a URL: ours, so tuned as Artigraph wants its databases."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import URL, event
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from artigraph.db._dialect import RECURSION_LIMIT
from artigraph.db._url import is_memory
from artigraph.errors import ConfigurationError

__all__ = ["BEGIN", "BUSY_TIMEOUT", "Synchronous", "make_engine"]

Synchronous = Literal["NORMAL", "FULL"]
"""What SQLite does at a commit: NORMAL leaves it to the next checkpoint to wait for the disk, FULL waits each time."""

BEGIN = "artigraph_begin"
"""Execution option of our SQLite engines: `immediate`, `none`, or (anybody who asks for the engine) a plain BEGIN."""
BUSY_TIMEOUT = 5.0
"""Seconds for which SQLite waits for another process's lock, each time."""
_LOCK_TIMEOUT = 10
"""Seconds for which MySQL and MariaDB wait for another transaction's lock, each time."""
_IDLE = 30.0
"""Seconds after which a connection of the pool is asked whether it still works, before it is used."""


def make_engine(url: URL, *, synchronous: Synchronous) -> AsyncEngine:
    """Return an engine for one event loop.

    Raises:
        ConfigurationError: the folder of an SQLite file is not there.
    """
    database = url.get_backend_name()
    if database == "sqlite":
        return _sqlite(url, synchronous)
    options: dict[str, Any] = {}
    if database in ("mysql", "mariadb") and "charset" not in url.query:
        url = url.update_query_dict({"charset": "utf8mb4"})
    # hide_parameters: values are the user's, and belong neither into logs nor into errors.
    engine = create_async_engine(url, isolation_level="READ COMMITTED", hide_parameters=True, **options)
    if database in ("mysql", "mariadb"):
        event.listen(engine.sync_engine, "connect", _tune_mysql)
    event.listen(engine.sync_engine, "checkin", _note_return)
    event.listen(engine.sync_engine, "checkout", _ping_idle(engine))
    return engine


def _sqlite(url: URL, synchronous: Synchronous) -> AsyncEngine:
    memory = is_memory(url)
    if not memory and url.database and not url.database.startswith("file:") and not Path(url.database).parent.is_dir():
        msg = f"The folder of the SQLite file {url.database!r} does not exist. Make it, or correct the path."
        raise ConfigurationError(msg)
    options: dict[str, Any] = {"connect_args": {"timeout": BUSY_TIMEOUT}, "poolclass": AsyncAdaptedQueuePool}
    if memory:
        # The connection is the database: there is one, it is never given up, and who wants it waits for it.
        options |= {"pool_size": 1, "max_overflow": 0}
    engine = create_async_engine(url, hide_parameters=True, **options)

    def tune(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself
        cursor = connection.cursor()
        for pragma in ("foreign_keys=ON", "journal_mode=WAL", f"synchronous={synchronous}"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    event.listen(engine.sync_engine, "connect", tune)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _begin_sqlite(connection: Connection) -> None:
    kind = connection.get_execution_options().get(BEGIN)
    if kind == "immediate":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    elif kind is None:
        connection.exec_driver_sql("BEGIN")


def _tune_mysql(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("SELECT VERSION()")
    mariadb = "mariadb" in str(cursor.fetchone()[0]).lower()
    limit = "max_recursive_iterations" if mariadb else "cte_max_recursion_depth"
    # Without a strict mode what does not fit a column is cut to fit. A transaction that waits for a lock is tried
    # again, so it need not wait for the 50 seconds that are the default.
    cursor.execute(
        f"SET SESSION {limit} = {RECURSION_LIMIT}, SESSION innodb_lock_wait_timeout = {_LOCK_TIMEOUT}, "
        "SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES')"
    )
    cursor.close()


def _note_return(_connection: Any, record: Any) -> None:
    record.info["artigraph_returned"] = time.monotonic()


def _ping_idle(engine: AsyncEngine) -> Any:
    """Return a listener that replaces a connection which a server or a firewall dropped while nobody used it."""
    dialect = engine.dialect

    def ping(connection: Any, record: Any, _proxy: object) -> None:
        returned = record.info.get("artigraph_returned")
        if returned is None or time.monotonic() - returned < _IDLE:
            return
        try:
            dialect.do_ping(connection)
        except Exception as error:
            raise DisconnectionError(str(error)) from error

    return ping
