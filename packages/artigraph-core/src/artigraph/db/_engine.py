"""Engines made from a URL: ours, so tuned as Artigraph wants its databases."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import URL, event
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from artigraph.db._dialect import RECURSION_LIMIT
from artigraph.db._files import make_private
from artigraph.db._url import is_memory
from artigraph.errors import ConfigurationError

if TYPE_CHECKING:
    from artigraph.db._aiosqlite import FastConnection

__all__ = ["BEGIN", "BUSY_TIMEOUT", "Synchronous", "make_engine"]

Synchronous = Literal["NORMAL", "FULL"]
"""What SQLite does at a commit: NORMAL leaves it to the next checkpoint to wait for the disk, FULL waits each time."""

BEGIN = "artigraph_begin"
"""Execution option of our SQLite engines: `immediate`, `none`, or (anybody who asks for the engine) a plain BEGIN."""
_FAST_DRIVER = "aiosqlite"
_BEGIN: dict[str | None, str | None] = {"immediate": "BEGIN IMMEDIATE", "none": None, None: "BEGIN"}
BUSY_TIMEOUT = 5.0
"""Seconds for which SQLite waits for another process's lock, each time."""
_LOCK_TIMEOUT = 10
"""Seconds for which MySQL and MariaDB wait for another transaction's lock, each time."""
_IDLE = 30.0
"""Seconds after which a connection of the pool is asked whether it still works, before it is used."""
_ANSWER = 5.0
"""Seconds that it has to answer in. Where a firewall has forgotten it without a word, it never will."""
_CUT_OFF = {"asyncpg": "terminate", "asyncmy": "close", "aiomysql": "close"}
"""By driver: what breaks a connection off at once, and whoever waits for its answer with it."""


def make_engine(url: URL, *, synchronous: Synchronous) -> AsyncEngine:
    """Return an engine for one event loop.

    Raises:
        ConfigurationError: the folder of an SQLite file is not there.
    """
    database = url.get_backend_name()
    if database == "sqlite":
        return _sqlite(url, synchronous)
    if database in ("mysql", "mariadb") and "charset" not in url.query:
        url = url.update_query_dict({"charset": "utf8mb4"})
    # hide_parameters: values are the user's, and belong neither into logs nor into errors.
    options: dict[str, Any] = {}
    if url.get_driver_name() == "asyncpg" and url.query.get("prepared_statement_cache_size") == "0":
        # Behind PgBouncer, which keeps a connection for a transaction only, a statement has no name, and is prepared
        # again together with its execution. (From 0.31 on, asyncpg leaves the name out by itself.)
        options["connect_args"] = {"statement_cache_size": 0, "prepared_statement_name_func": lambda: ""}
    engine = create_async_engine(url, isolation_level="READ COMMITTED", hide_parameters=True, **options)
    if database in ("mysql", "mariadb"):
        event.listen(engine.sync_engine, "connect", _tune_mysql)
    event.listen(engine.sync_engine, "checkin", _note_return)
    event.listen(engine.sync_engine, "checkout", _ping_idle(engine))
    return engine


def _sqlite(url: URL, synchronous: Synchronous) -> AsyncEngine:
    path = "" if is_memory(url) else url.database or ""
    if path and not path.startswith("file:") and not Path(path).parent.is_dir():
        msg = f"The folder of the SQLite file {path!r} does not exist. Make it, or correct the path."
        raise ConfigurationError(msg)
    pragmas = ("foreign_keys=ON", "journal_mode=WAL", f"synchronous={synchronous}")
    if url.get_driver_name() != _FAST_DRIVER:
        engine = create_async_engine(url, hide_parameters=True, poolclass=AsyncAdaptedQueuePool, **_sizes(url))
        event.listen(engine.sync_engine, "connect", _tuning(pragmas))
        event.listen(engine.sync_engine, "begin", _begin)
        return engine
    from artigraph.db._aiosqlite import connect  # not before: other databases have drivers of their own

    async def creator() -> FastConnection:
        if path and not path.startswith("file:"):
            with suppress(OSError):  # SQLite says what is wrong with it
                make_private(Path(path))
        arguments, options = dialect.create_connect_args(url)
        return await connect(pragmas, *arguments, **{"timeout": BUSY_TIMEOUT, **options})

    engine = create_async_engine(
        url, async_creator=creator, hide_parameters=True, poolclass=AsyncAdaptedQueuePool, **_sizes(url)
    )
    dialect = engine.dialect
    event.listen(engine.sync_engine, "begin", _begin_later)
    return engine


def _sizes(url: URL) -> dict[str, Any]:
    # In memory the connection is the database: there is one, it is never given up, and who wants it waits for it.
    return {"pool_size": 1, "max_overflow": 0} if is_memory(url) else {}


def _begin_later(connection: Connection) -> None:
    driver: Any = connection.connection.dbapi_connection
    driver.driver_connection.pending = _statement(connection)


def _begin(connection: Connection) -> None:
    statement = _statement(connection)
    if statement is not None:
        connection.exec_driver_sql(statement)


def _statement(connection: Connection) -> str | None:
    options = connection.get_execution_options()
    return None if options.get("isolation_level") == "AUTOCOMMIT" else _BEGIN[options.get(BEGIN)]


def _tuning(pragmas: Iterable[str]) -> Callable[[Any, object], None]:
    def tune(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself
        cursor = connection.cursor()
        for pragma in (f"busy_timeout={int(BUSY_TIMEOUT * 1000)}", *pragmas):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return tune


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
        timer = None
        if dialect.driver in _CUT_OFF:
            cut_off = getattr(connection.driver_connection, _CUT_OFF[dialect.driver])
            timer = asyncio.get_running_loop().call_later(_ANSWER, cut_off)
        try:
            dialect.do_ping(connection)
        except Exception as error:
            raise DisconnectionError(str(error)) from error
        finally:
            if timer is not None:
                timer.cancel()

    return ping
