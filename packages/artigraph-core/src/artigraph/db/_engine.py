"""Make engines from a URL, tuned for Artigraph."""

from __future__ import annotations

import asyncio
import logging
import math
import re
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from operator import methodcaller
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import URL, event
from sqlalchemy import __version__ as sqlalchemy_version
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool
from sqlalchemy.util import await_only, greenlet_spawn

from artigraph.db._dialect import RECURSION_LIMIT
from artigraph.db._files import is_memory, make_private
from artigraph.db._hosts import connect_to_any, hosts_to_try, share_time
from artigraph.db._mysql_settings import check_server, read_settings
from artigraph.db._url import numbers_of
from artigraph.db._watch import CUT_OFF, Timeouts
from artigraph.errors import ConfigurationError
from artigraph.printable import quoted

if TYPE_CHECKING:
    from artigraph.db._sqlite import FastConnection


_log = logging.getLogger("artigraph.db")

Synchronous = Literal["NORMAL", "FULL"]
"""How SQLite commits: FULL waits for the disk at each commit, NORMAL only at the next checkpoint."""

BEGIN = "artigraph_begin"
"""An execution option of Artigraph's SQLite engines: `immediate`, `none`, or unset for a plain BEGIN."""
_FAST_DRIVER = "aiosqlite"
_FAST_LINES = ("2.0", "2.1")
"""The versions of SQLAlchemy that are tested with our connection to SQLite (docs/design/databases.md)."""
_BUSY = 5.0
"""The most seconds for one wait of SQLite for another process's lock. The connection's thread is blocked meanwhile."""
_MOST_SECONDS = 31_536_000
"""The most seconds that MySQL and MariaDB accept as the limit for a lock."""
_BAD_VALUE = re.compile(r"invalid \w+ value: |bad value for \w+|invalid value for parameter|-c \S+ requires a value")
"""Messages of libpq, psycopg and PostgreSQL about an invalid value of an argument."""
_IDLE = 30.0
"""Seconds without use after which a pooled connection is pinged before it is used."""
_ANSWER = 5.0
"""Seconds for the answer to the ping. After a firewall silently dropped the connection, none ever comes."""
LONGEST_PING = _ANSWER + 3.0
"""The most seconds until an idle connection is known to be dead: psycopg closes it after some cancellations."""


def make_engine(url: URL, *, synchronous: Synchronous, timeouts: Timeouts, read_only: bool = False) -> AsyncEngine:
    """Return an engine for one event loop. The database refuses all writes of one that is `read_only`.

    Raises:
        ConfigurationError: the folder of a SQLite file does not exist.
    """
    database = url.get_backend_name()
    if database == "sqlite":
        return _sqlite(url, synchronous, timeouts, read_only=read_only)
    if database in ("mysql", "mariadb") and "charset" not in url.query:
        url = url.update_query_dict({"charset": "utf8mb4"})
    # hide_parameters: values are the user's data, and must appear neither in logs nor in errors.
    arguments: dict[str, Any] = {**numbers_of(url)}
    pooled = url.get_driver_name() == "asyncpg" and arguments.get("prepared_statement_cache_size") == 0
    if pooled:
        # PgBouncer assigns a connection to one transaction only, so statements are unnamed, and are prepared with each
        # execution. (From 0.31 on, asyncpg leaves out the name by itself.)
        arguments |= {"statement_cache_size": 0, "prepared_statement_name_func": lambda: ""}
    engine = create_async_engine(url, isolation_level="READ COMMITTED", hide_parameters=True, connect_args=arguments)
    event.listen(engine.sync_engine, "do_connect", _connecting(timeouts.connect))
    if database in ("mysql", "mariadb"):
        event.listen(engine.sync_engine, "connect", _tuning_mysql(timeouts.lock, read_only=read_only))
    elif not pooled:
        event.listen(
            engine.sync_engine, "connect", _tuning_postgresql(engine.driver, timeouts.lock, read_only=read_only)
        )
    event.listen(engine.sync_engine, "checkin", _note_return)
    event.listen(engine.sync_engine, "checkout", _ping_idle(engine))
    return engine


def _connect(dialect: Any, arguments: Any, options: dict[str, Any]) -> Any:
    """Connect, and report as a ConfigurationError what the driver cannot use of the URL, such as an invalid value."""
    try:
        return dialect.connect(*arguments, **options)
    except Exception as error:
        # asyncpg raises a subclass of ValueError, which SQLAlchemy wraps. psycopg only says so in the message. asyncmy
        # does not wrap the error of a missing certificate file.
        reason: BaseException | None = next(
            (one for one in (error, error.__cause__) if isinstance(one, (TypeError, ValueError))), None
        )
        no_file = dialect.driver == "asyncmy" and isinstance(error, FileNotFoundError)
        if reason is None and (no_file or _BAD_VALUE.search(str(error))):
            reason = error
        if reason is None:
            raise
        secret = options.get("password")
        hidden = bool(secret) and str(secret) in str(reason)
        said = "its words hold the password" if hidden else reason
        msg = f"The driver {dialect.driver!r} cannot connect with what the database URL says: {said}. Correct the URL."
        raise ConfigurationError(msg) from (None if hidden else error)


def _sqlite(url: URL, synchronous: Synchronous, timeouts: Timeouts, *, read_only: bool) -> AsyncEngine:
    busy = _BUSY if timeouts.lock is None else min(_BUSY, timeouts.lock)
    path = "" if is_memory(url) else url.database or ""
    if path and not path.startswith("file:") and not Path(path).parent.is_dir():
        msg = f"The folder of the SQLite file {path!r} does not exist. Make it, or correct the path."
        raise ConfigurationError(msg)
    pragmas: tuple[str, ...] = ("foreign_keys=ON", "journal_mode=WAL", f"synchronous={synchronous}")
    if read_only:
        url, pragmas = _reading(url), ("query_only=ON",)
    if url.get_driver_name() != _FAST_DRIVER or not sqlalchemy_version.startswith(tuple(f"{x}." for x in _FAST_LINES)):
        engine = create_async_engine(url, hide_parameters=True, poolclass=AsyncAdaptedQueuePool, **_sizes(url))
        event.listen(engine.sync_engine, "connect", _tuning(busy, pragmas))
        event.listen(engine.sync_engine, "begin", _begin)
        return engine
    from artigraph.db._sqlite import begin_later, connect  # imported here, because other databases do not need it

    def creator() -> FastConnection:
        if path and not path.startswith("file:") and not read_only:
            with suppress(OSError):  # SQLite raises a better error
                make_private(Path(path))
        arguments, options = dialect.create_connect_args(url)
        return connect(pragmas, *arguments, **{"timeout": busy, **options})

    engine = create_async_engine(
        url, creator=creator, hide_parameters=True, poolclass=AsyncAdaptedQueuePool, **_sizes(url)
    )
    dialect = engine.dialect
    dialect.has_terminate = True  # our connections can terminate, with any aiosqlite
    event.listen(engine.sync_engine, "begin", begin_later)
    event.listen(engine.sync_engine, "invalidate", _give_up)
    return engine


def _reading(url: URL) -> URL:
    """Return the URL of a SQLite file as one that opens the file only to read."""
    database = url.database or ""
    if not database.startswith("file:"):
        database = Path(database).absolute().as_uri()
    return url.set(database=database).update_query_dict({"uri": "true", "mode": "ro"})


def log_of(file: Path) -> Path:
    """Return the path of the write-ahead log of a SQLite file. It exists as long as somebody has the file open."""
    return file.with_name(f"{file.name}-wal")


def make_reading_engine(file: Path) -> AsyncEngine:
    """Return an engine that reads an existing SQLite file, and changes neither it nor the folder around it.

    SQLite would make the files of its write-ahead log even to read. While they do not exist, nobody has the database
    open, and it is read as a file that does not change.
    """
    query = {"uri": "true", "mode": "ro"}
    if not log_of(file).exists():
        query["immutable"] = "1"
    url = URL.create("sqlite+aiosqlite", database=file.as_uri(), query=query)
    if not sqlalchemy_version.startswith(tuple(f"{x}." for x in _FAST_LINES)):
        return create_async_engine(url, hide_parameters=True, poolclass=AsyncAdaptedQueuePool)
    from artigraph.db._sqlite import begin_later, connect

    def creator() -> FastConnection:
        arguments, options = engine.dialect.create_connect_args(url)
        return connect((), *arguments, **{"timeout": _BUSY, **options})

    engine = create_async_engine(url, creator=creator, hide_parameters=True, poolclass=AsyncAdaptedQueuePool)
    engine.dialect.has_terminate = True
    event.listen(engine.sync_engine, "begin", begin_later)
    event.listen(engine.sync_engine, "invalidate", _give_up)
    return engine


def _sizes(url: URL) -> dict[str, Any]:
    # In memory, the connection is the database: there is only one, it is never closed, and users wait for it.
    return {"pool_size": 1, "max_overflow": 0} if is_memory(url) else {}


def _give_up(connection: Any, _record: object, _error: BaseException | None) -> None:
    # Older releases of SQLAlchemy close it instead, and would wait for a thread that may hang.
    connection.terminate()


def _begin(connection: Connection) -> None:
    from artigraph.db._sqlite import begin_statement

    statement = begin_statement(connection)
    if statement is not None:
        connection.exec_driver_sql(statement)


def _tuning(busy: float, pragmas: Iterable[str]) -> Callable[[Any, object], None]:
    def tune(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver begins no transaction by itself
        cursor = connection.cursor()
        for pragma in (f"busy_timeout={int(busy * 1000)}", *pragmas):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return tune


def _connecting(limit: float | None) -> Callable[..., Any]:
    """Return a listener that connects, login included, within a time limit."""

    def connect(dialect: Dialect, _record: object, arguments: list[Any], options: dict[str, Any]) -> Any:
        async def connecting() -> Any:
            hosts = hosts_to_try(options) if dialect.driver == "asyncpg" else []
            if hosts:
                return await connect_to_any(_connect, dialect, options, hosts, limit)
            if dialect.driver == "psycopg":
                share_time(options, limit)
            try:
                async with asyncio.timeout(limit):
                    return await greenlet_spawn(_connect, dialect, arguments, options)
            except TimeoutError as error:
                msg = f"no connection was made within {limit:g} s (Timeouts(connect=...))" if limit else str(error)
                raise TimeoutError(msg) from error

        return await_only(connecting())

    return connect


def whole_seconds(limit: float | None) -> int:
    """Return a limit in whole seconds, as MySQL and MariaDB need it."""
    return _MOST_SECONDS if limit is None else max(1, min(_MOST_SECONDS, math.ceil(limit)))


def _tuning_mysql(lock: float | None, *, read_only: bool) -> Callable[[Any, object], None]:
    seconds = whole_seconds(lock)

    def tune(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        settings = read_settings(cursor)
        if not read_only:
            try:
                check_server(cursor, settings)
            except ConfigurationError:
                connection.close()  # the pool would forget it, and leave it open
                raise
        limit = "max_recursive_iterations" if "mariadb" in settings["version"].lower() else "cte_max_recursion_depth"
        # Without a strict mode, MySQL cuts values that do not fit their column. A transaction that waits for a lock is
        # retried, so the default limits (50 seconds for a row, a day or a year for a table) are too long.
        cursor.execute(
            f"SET SESSION {limit} = {RECURSION_LIMIT}, SESSION innodb_lock_wait_timeout = {seconds}, "
            f"SESSION lock_wait_timeout = {seconds}, SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES'), "
            "SESSION foreign_key_checks = 1, SESSION unique_checks = 1"
        )
        if read_only:
            cursor.execute("SET SESSION TRANSACTION READ ONLY")
        cursor.close()

    return tune


def _tuning_postgresql(driver: str, lock: float | None, *, read_only: bool) -> Callable[[Any, object], None]:
    """Return a listener that limits waits for locks, where the server's default is no limit.

    It also sets READ COMMITTED for reads in autocommit mode. Writes say so when they begin.

    It does not use startup parameters, because PgBouncer refuses unknown ones. In PgBouncer's transaction mode the
    settings would stay on other clients' connections, so there each transaction sets its own.
    """
    setting = f"SET lock_timeout = {0 if lock is None else max(1, round(lock * 1000))}"
    setting += "; SET default_transaction_isolation = 'read committed'"
    if read_only:
        setting += "; SET default_transaction_read_only = on"

    def tune(connection: Any, _record: object) -> None:
        if driver == "asyncpg":  # a cursor of its adapter would begin a transaction
            connection.run_async(methodcaller("execute", setting))
            return
        cursor = connection.cursor()
        cursor.execute(setting)
        cursor.close()
        connection.commit()

    return tune


def _note_return(_connection: Any, record: Any) -> None:
    record.info["artigraph_returned"] = time.monotonic()


def _ping_idle(engine: AsyncEngine) -> Any:
    """Return a listener that replaces an idle connection if a server or firewall has dropped it."""
    dialect = engine.dialect

    def ping(connection: Any, record: Any, _proxy: object) -> None:
        returned = record.info.get("artigraph_returned")
        if returned is None or time.monotonic() - returned < _IDLE:
            return
        try:
            if dialect.driver in CUT_OFF:
                _ping_or_cut_off(dialect, connection)
            else:
                await_only(_ping_or_cancel(dialect, connection))
        except Exception as error:
            _log.warning("A connection that was idle no longer answers and is replaced: %s", quoted(str(error)))
            raise DisconnectionError(str(error)) from error

    return ping


def _ping_or_cut_off(dialect: Dialect, connection: Any) -> None:
    cut_off = getattr(connection.driver_connection, CUT_OFF[dialect.driver])
    timer = asyncio.get_running_loop().call_later(_ANSWER, cut_off)
    try:
        dialect.do_ping(connection)
    finally:
        timer.cancel()


async def _ping_or_cancel(dialect: Dialect, connection: Any) -> None:
    """Ping with a driver that cannot break off a connection: repeated cancellations make it close the connection."""
    task = asyncio.ensure_future(greenlet_spawn(dialect.do_ping, connection))
    wait = _ANSWER
    try:
        while not (await asyncio.wait([task], timeout=wait))[0]:
            task.cancel()
            wait = 1.0
    finally:
        task.cancel()
    if task.cancelled():
        msg = f"no answer within {_ANSWER:g} s"
        raise TimeoutError(msg)
    task.result()
