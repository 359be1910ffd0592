"""Parse database URLs: add the async driver if none is named, and refuse URLs that can give no engine."""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from sqlalchemy import URL, Engine, make_url
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.ext.asyncio import AsyncEngine

from artigraph.db._files import file_in, is_memory, is_path
from artigraph.db._hosts import check_attributes, split_hosts, with_hosts
from artigraph.errors import ConfigurationError, MissingDependencyError

_SQLITE = frozenset({"uri", "timeout", "check_same_thread", "cached_statements"})
"""The arguments of `sqlite3.connect`, without `isolation_level` and `detect_types`: Artigraph begins its transactions
itself, and reads columns by types of its own."""
_SQLITE_URI = frozenset({"mode", "cache", "immutable", "vfs", "psow", "nolock"})
_SQLALCHEMY = {"asyncpg": frozenset({"prepared_statement_cache_size"})}
"""Arguments that SQLAlchemy itself uses, by driver."""
_OBJECTS = {
    "asyncpg": frozenset({"loop", "connection_class", "record_class", "server_settings"}),
    "asyncmy": frozenset(
        {"auth_plugin_map", "conv", "cursor_cls", "echo", "password_creator", "query_callback", "sock", "ssl"}
    ),
    "psycopg": frozenset({"context", "cursor_factory", "row_factory"}),
}
"""Arguments, by driver, whose values cannot be given as text."""
_NUMBERS: Mapping[str, Mapping[str, tuple[type[int | float], float]]] = {
    "asyncpg": {
        "timeout": (float, 0),
        "command_timeout": (float, 0),
        "statement_cache_size": (int, 0),
        "prepared_statement_cache_size": (int, 0),  # a negative size puts SQLAlchemy into an endless loop
        "max_cached_statement_lifetime": (int, 0),
        "max_cacheable_statement_size": (int, 0),
    },
    "asyncmy": {
        "connect_timeout": (int, 1),
        "read_timeout": (int, 1),
        "stmt_cache_size": (int, 0),
        "max_allowed_packet": (int, 1),
    },
    "psycopg": {"connect_timeout": (int, -1), "prepare_threshold": (int, 0)},
    "aiosqlite": {"timeout": (float, 0), "cached_statements": (int, 0)},
}
"""Arguments that are numbers, by driver: the type and the least value of each."""
_ALL_TEXT = {
    "asyncmy": ("charset", "utf8mb4", frozenset({"", "utf8mb4"})),
    "psycopg": ("client_encoding", "utf8", frozenset({"", "utf8", "utf-8", "unicode"})),
}
"""By driver: the argument for the connection's character set, and the values with which all text can be sent."""


def check_arguments(url: URL, dialect: type[Dialect]) -> None:
    """Check that the driver takes all arguments, and that their values can be read.

    The driver's own signature says which arguments it takes. Values that only the driver can judge are left to the
    first connection.

    Raises:
        ConfigurationError: an argument is unknown or cannot be read. Its value is not shown.
    """
    if not url.query:
        return
    driver, sqlite = url.get_driver_name(), url.get_backend_name() == "sqlite"
    if sqlite:
        _refuse(url, driver, _unknown_of_sqlite(url))
    try:
        options = dialect().create_connect_args(url)[1]
    except (ArgumentError, ValueError, TypeError):
        msg = f"The database URL has a value that cannot be read in {_shown(url, url.query)}. Correct it."
        raise ConfigurationError(msg) from None
    if not sqlite:
        objects = {name for name in _OBJECTS.get(_family(driver), ()) if url.query.get(name)}
        _refuse(url, driver, objects.union(_unknown(driver, options)))
        _check_text(driver, options)
    numbers_of(url)


def numbers_of(url: URL) -> dict[str, int | float]:
    """Return the arguments that are numbers. Drivers do not convert them from text themselves.

    Raises:
        ConfigurationError: an argument is not a number, or out of range. Its value is not shown.
    """
    found: dict[str, int | float] = {}
    for name, (kind, least) in _NUMBERS.get(_family(url.get_driver_name()), {}).items():
        text: Any = url.query.get(name)
        if not text:  # an empty value means the default
            continue
        try:
            found[name] = kind(text)
        except (ValueError, TypeError):
            msg = f"The database URL has a value that cannot be read in {_shown(url, [name])}. Correct it."
            raise ConfigurationError(msg) from None
        if not least <= found[name] < math.inf:
            msg = f"The database URL has a number that is out of range in {_shown(url, [name])}. Correct it."
            raise ConfigurationError(msg)
    return found


def _family(driver: str) -> str:
    return "psycopg" if driver == "psycopg_async" else driver


def _check_text(driver: str, options: Mapping[str, Any]) -> None:
    if _family(driver) not in _ALL_TEXT:
        return
    name, right, accepted = _ALL_TEXT[_family(driver)]
    if str(options.get(name, "")).lower() not in accepted or options.get("use_unicode") is False:
        wrong = "use_unicode" if options.get("use_unicode") is False else name
        msg = (
            f"The database URL asks for a connection that cannot send all text, in argument {wrong!r}. Remove it"
            f"{f', or write {name}={right}' if wrong == name else ''}."
        )
        raise ConfigurationError(msg)


def _refuse(url: URL, driver: str, unknown: Collection[str]) -> None:
    if unknown:
        msg = f"The driver {driver!r} takes no {_shown(url, unknown)} in a database URL. Correct or remove it."
        raise ConfigurationError(msg)


def _shown(url: URL, names: Collection[str]) -> str:
    """Return the names of arguments for a message, unless they may be part of a password with a raw `?` in it."""
    values = [value if isinstance(value, str) else "".join(value) for value in url.query.values()]
    if any("@" in text for text in (*url.query, *values)):
        return "argument after the first '?' (not shown, as it may be part of a password; write ? as %3F there)"
    return "argument " + ", ".join(repr(name) for name in sorted(names))


def _unknown_of_sqlite(url: URL) -> Collection[str]:
    if (url.database or "").startswith("file:") and url.query.get("uri"):
        return url.query.keys() - _SQLITE - _SQLITE_URI
    unknown = url.query.keys() - _SQLITE
    if unknown & _SQLITE_URI:
        msg = (
            f"SQLite takes {', '.join(sorted(unknown))} from a file URI only: write "
            "sqlite:///file:/folder/file.db?mode=ro&uri=true"
        )
        raise ConfigurationError(msg)
    return unknown


def _unknown(driver: str, options: Mapping[str, Any]) -> Collection[str]:
    if driver in ("psycopg", "psycopg_async"):
        return _unknown_of_psycopg(import_module(driver.partition("_")[0]), options)
    if driver not in ("asyncpg", "asyncmy"):
        return ()
    connect: Callable[..., object] = import_module(driver).connect
    try:
        parameters = inspect.signature(connect).parameters
    except ValueError:  # a C function without a signature: the first connection shows it
        return ()
    return options.keys() - parameters.keys() - _SQLALCHEMY.get(driver, frozenset())


def _unknown_of_psycopg(psycopg: Any, options: Mapping[str, Any]) -> Collection[str]:
    own = inspect.signature(psycopg.AsyncConnection.connect).parameters
    unknown: set[str] = set()
    for name in options.keys() - own.keys():
        try:
            psycopg.conninfo.make_conninfo("", **{name: ""})
        except psycopg.ProgrammingError:
            unknown.add(name)
    return unknown


_DRIVERS = {
    "sqlite": "aiosqlite",
    "postgresql": "asyncpg",
    "mysql": "asyncmy",
    "mariadb": "asyncmy",
}
"""The default driver of each database."""
_PACKAGES = {
    "asyncpg": "artigraph[postgresql]",
    "asyncmy": "artigraph[mysql]",
    "psycopg": "psycopg[binary]",
    "psycopg_async": "psycopg[binary]",
}
_EXAMPLES = (
    "Examples: sqlite:///folder/file.db, postgresql://user:password@host/database, "
    "mysql://user:password@host/database, mariadb://user:password@host/database, or the path of a SQLite file."
)


def parse_url(source: str | URL | os.PathLike[str]) -> URL:
    """Return the URL with an async driver, and with a relative SQLite path made absolute.

    A path, or a text that is one, means a SQLite file, or the store in a folder. Nothing is opened, and no connection
    is made. No error shows a password, or a text that may contain one.

    Raises:
        ConfigurationError: the URL is malformed, or names a database or driver that cannot be used.
        MissingDependencyError: the driver is not installed.
    """
    url = _parse(source)
    _check_characters(url)
    database, _, driver = url.drivername.partition("+")
    if database == "postgres":
        database = "postgresql"
    if database not in _DRIVERS:
        msg = f"Artigraph works on SQLite, PostgreSQL, MySQL and MariaDB, not on {database!r}. {_EXAMPLES}"
        raise ConfigurationError(msg)
    driver = driver or _DRIVERS[database]
    url = url.set(drivername=f"{database}+{driver}")
    dialect = _checked_dialect(url, database, driver)
    url = _sqlite_path(url) if database == "sqlite" else _checked_server(url, database)
    check_arguments(url, dialect)
    check_attributes(url)
    return url


def url_of(source: object) -> URL | None:
    """Return the URL of what sets an engine, or None if it is an engine.

    Raises:
        ConfigurationError, MissingDependencyError: it is neither; see `parse_url`.
    """
    if isinstance(source, AsyncEngine):
        return None
    if isinstance(source, (str, URL, os.PathLike)):
        return parse_url(cast("str | URL | os.PathLike[str]", source))
    if isinstance(source, Engine):
        msg = (
            "Artigraph needs an asynchronous engine: hand over one of sqlalchemy.ext.asyncio.create_async_engine, or "
            "the URL alone"
        )
        raise ConfigurationError(msg)
    msg = f"An engine is set by a URL, the path of a SQLite file, or an AsyncEngine, not by {type(source).__name__}"
    raise ConfigurationError(msg)


def _parse(source: str | URL | os.PathLike[str]) -> URL:
    if isinstance(source, URL):
        return with_hosts(source)
    if not isinstance(source, str):
        return _url_of_path(os.fspath(source))
    if source != source.strip():
        msg = (
            "The database URL begins or ends with white space (it is not shown, as it may hold a password). Remove it."
        )
        raise ConfigurationError(msg)
    if is_path(source):
        return _url_of_path(source)
    # SQLAlchemy's errors may contain the text, and the text a password: so it is neither shown nor chained.
    text, hosts = split_hosts(source) or (source, "")
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        msg = (
            "The database URL is malformed (it is not shown, as it may hold a password). Characters such as @ : / in a "
            f"user name or password are written percent-encoded (urllib.parse.quote_plus). {_EXAMPLES}"
        )
        raise ConfigurationError(msg) from None
    return with_hosts(url, hosts)


def _url_of_path(text: object) -> URL:
    if not isinstance(text, str) or not text:
        msg = f"The path of a SQLite file is a text or a Path, not {text!r}"
        raise ConfigurationError(msg)
    try:
        path = Path(text).expanduser()
    except RuntimeError as error:
        msg = f"The path {text!r} begins with the home directory of a user who is not known here"
        raise ConfigurationError(msg) from error
    return URL.create("sqlite", database=str(path.absolute()))


def _check_characters(url: URL) -> None:
    parts = {"user": url.username, "password": url.password, "host": url.host, "path or name": url.database}
    for name, part in parts.items():
        if part is not None and "\0" in str(part):
            msg = f"The {name} of the database has a NUL character in it, which no database takes. Remove it."
            raise ConfigurationError(msg)


def _checked_dialect(url: URL, database: str, driver: str) -> type[Dialect]:
    advice = f"write {database}+{_DRIVERS[database]}://... or leave the driver out ({database}://...)"
    try:
        dialect = url.get_dialect()
        dialect = dialect.get_async_dialect_cls(url)
    except NoSuchModuleError as error:
        msg = f"There is no driver {driver!r} for {database}; {advice}"
        raise ConfigurationError(msg) from error
    if not dialect.is_async:
        msg = f"The driver {driver!r} is not asynchronous; {advice}"
        raise ConfigurationError(msg)
    if driver == "aiomysql":  # seen with 0.3.2: it calls functions that current releases of PyMySQL removed
        msg = f"The driver 'aiomysql' fails on every value that is bytes; {advice}"
        raise ConfigurationError(msg)
    _import(dialect, driver)
    return dialect


def _import(dialect: type[Dialect], driver: str) -> None:
    try:
        dialect.import_dbapi()
    except ImportError as error:
        wanted = _PACKAGES.get(driver, driver)
        msg = f"The database driver {driver!r} is not installed or cannot be imported: pip install '{wanted}'"
        raise MissingDependencyError(msg) from error


def _checked_server(url: URL, database: str) -> URL:
    if url.port is not None and not 1 <= url.port <= 65535:  # noqa: PLR2004 (the ports of TCP)
        msg = f"The port in the database URL is a number from 1 to 65535, not {url.port}"
        raise ConfigurationError(msg)
    host = url.host or ""
    if not host and (url.username or url.port) and not {"host", "unix_socket", "service"} & url.query.keys():
        msg = (
            f"The database URL names no host: {database}://user:password@host/database. For a Unix socket add "
            f"{'?host=/folder/of/socket' if database == 'postgresql' else '?unix_socket=/path/of/socket'}."
        )
        raise ConfigurationError(msg)
    if not _may_be_host(host):
        msg = (
            "The host in the database URL cannot be the name of a host (it is not shown, as it may hold a part of a "
            "password). Characters such as @ : / in a password are written percent-encoded (urllib.parse.quote_plus)."
        )
        raise ConfigurationError(msg)
    if database != "postgresql" and not url.database and not {"db", "database", "read_default_file"} & url.query.keys():
        msg = f"The database URL names no database: {database}://user:password@host/database"
        raise ConfigurationError(msg)
    return url


def _may_be_host(host: str) -> bool:
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return not any(character.isspace() or not character.isprintable() for character in host)


def _sqlite_path(url: URL) -> URL:
    if url.username or url.password or url.port:
        msg = "A SQLite URL has neither user nor port: sqlite:///relative/file.db, sqlite:////absolute/file.db"
        raise ConfigurationError(msg)
    if url.host:  # sqlite://folder/file.db lacks a slash, but its meaning is clear
        path = "/".join(part for part in (url.host, url.database) if part)
        url = URL.create(url.drivername, database=path, query=url.query)
    if is_memory(url) or not url.database or url.database.startswith("file:"):
        return url
    # The working folder may change before the first connection is made.
    return url.set(database=str(file_in(Path(url.database).absolute())))
