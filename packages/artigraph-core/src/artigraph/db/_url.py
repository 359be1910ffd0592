"""Database URLs: with the async driver that they leave out, and refused early where no engine can come of them."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from artigraph.errors import ConfigurationError, MissingDependencyError

__all__ = ["is_memory", "parse_url"]

_DRIVERS = {
    "sqlite": "aiosqlite",
    "postgresql": "asyncpg",
    "mysql": "asyncmy",
    "mariadb": "asyncmy",
}
"""The driver of a URL that names none."""
_EXTRAS = {"asyncpg": "postgresql", "asyncmy": "mysql"}
_EXAMPLES = (
    "Examples: sqlite:///folder/file.db, postgresql://user:password@host/database, "
    "mysql://user:password@host/database, mariadb://user:password@host/database."
)


def parse_url(text: str | URL) -> URL:
    """Return the URL with its async driver named and a relative SQLite path made absolute.

    Raises:
        ConfigurationError: it is malformed, or names a database or a driver that cannot be used.
        MissingDependencyError: its driver is not installed.
    """
    url = _parse(text)
    database, _, driver = url.drivername.partition("+")
    if database == "postgres":
        database = "postgresql"
    if database not in _DRIVERS:
        msg = f"Artigraph works on SQLite, PostgreSQL, MySQL and MariaDB, not on {database!r}. {_EXAMPLES}"
        raise ConfigurationError(msg)
    driver = driver or _DRIVERS[database]
    url = url.set(drivername=f"{database}+{driver}")
    _check_driver(url, database, driver)
    return _sqlite_path(url) if database == "sqlite" else url


def is_memory(url: URL) -> bool:
    """Say whether a SQLite URL means a database in memory."""
    return not url.database or ":memory:" in url.database or url.query.get("mode") == "memory"


def _parse(text: str | URL) -> URL:
    # SQLAlchemy's own errors may hold the text, and the text a password: it is neither shown nor chained.
    try:
        return make_url(text)
    except (ArgumentError, ValueError):
        msg = (
            "The database URL is malformed (it is not shown, as it may hold a password). Characters such as @ : / in a "
            f"user name or password are written percent-encoded (urllib.parse.quote_plus). {_EXAMPLES}"
        )
        raise ConfigurationError(msg) from None


def _check_driver(url: URL, database: str, driver: str) -> None:
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
    if driver == "aiomysql":  # seen with 0.3.2: it calls what current releases of PyMySQL do not have
        msg = f"The driver 'aiomysql' fails on every value that is bytes; {advice}"
        raise ConfigurationError(msg)
    _import(dialect, driver)


def _import(dialect: type[Dialect], driver: str) -> None:
    try:
        dialect.import_dbapi()
    except ImportError as error:
        wanted = f"artigraph[{_EXTRAS[driver]}]" if driver in _EXTRAS else driver
        msg = f"The database driver {driver!r} is not installed or cannot be imported: pip install '{wanted}'"
        raise MissingDependencyError(msg) from error


def _sqlite_path(url: URL) -> URL:
    if url.username or url.password or url.port:
        msg = "A SQLite URL has neither user nor port: sqlite:///relative/file.db, sqlite:////absolute/file.db"
        raise ConfigurationError(msg)
    if url.host:  # sqlite://folder/file.db: one slash short, and clear enough
        path = "/".join(part for part in (url.host, url.database) if part)
        url = URL.create(url.drivername, database=path, query=url.query)
    if is_memory(url) or not url.database or url.database.startswith("file:"):
        return url
    # The working folder may change before the first connection is made.
    return url.set(database=str(Path(url.database).absolute()))
