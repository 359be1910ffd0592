"""Finding database servers to test with, and fresh databases on them.

For each server, in this order: the URL in an environment variable, a server on this machine, a container of
testcontainers where Docker runs. A missing server skips the test, or fails it if ARTIGRAPH_TEST_REQUIRE_SERVERS is
set.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import socket
import subprocess
import sys
import uuid
from collections.abc import Coroutine, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import pytest
from sqlalchemy import URL, Executable, func, make_url, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from artigraph.db import current_database, engine_context
from artigraph.orm import store_table, version_table
from artigraph.orm.metadata import metadata

DATABASES = ("sqlite", "postgresql", "mysql", "mariadb")
SERVERS = ("postgresql", "mysql", "mariadb")
REQUIRE = "ARTIGRAPH_TEST_REQUIRE_SERVERS"

_LOCAL = {
    "postgresql": ("postgresql+asyncpg://postgres@127.0.0.1:5432/postgres",),
    "mysql": (
        "mysql+asyncmy://root@127.0.0.1:3306/",
        "mysql+asyncmy://root@127.0.0.1:3307/",
        "mysql+asyncmy://root@127.0.0.1:53307/",
    ),
    "mariadb": ("mysql+asyncmy://root@127.0.0.1:3306/", "mysql+asyncmy://root@127.0.0.1:3307/"),
}
_IMAGES = {"postgresql": "postgres:17", "mysql": "mysql:9", "mariadb": "mariadb:11"}

T = TypeVar("T")


@contextmanager
def fresh_database(database: str, folder: Path, *, template: str | None = None) -> Generator[str]:
    """Yield the URL of an empty database, and drop it at the end; skip the test if there is no server.

    On PostgreSQL, `template` names a database to copy, to which nobody is connected. The copy has no statistics that
    the template has not.
    """
    if database == "sqlite":
        yield f"sqlite+aiosqlite:///{folder}/artigraph-{uuid.uuid4().hex[:8]}.db"
        return
    server = server_url(database)
    if server is None:
        places = " or ".join(map(_place, _LOCAL[database]))
        missing(f"no {database} server: set {_variable(database)}, start one at {places}, or start Docker")
    name = f"artigraph_test_{uuid.uuid4().hex[:12]}"
    copy = f" TEMPLATE {template}" if template else ""
    run_apart(_execute(server, f"CREATE DATABASE {name}{copy}"))
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        force = " WITH (FORCE)" if database == "postgresql" else ""
        run_apart(_execute(server, f"DROP DATABASE {name}{force}"))


def missing(reason: str) -> NoReturn:
    """Skip the test, or fail it where every server is required."""
    if os.environ.get(REQUIRE, "") not in ("", "0"):
        pytest.fail(f"{reason} ({REQUIRE} is set)", pytrace=False)
    pytest.skip(reason)


@contextmanager
def kept_database(database: str, folder: Path) -> Generator[str]:
    """Yield the URL of a database that has the tables and no rows, as `fresh_database` and `create_tables` make it.

    On MySQL and MariaDB, making the tables takes most of the time of a short test. So this process keeps the database
    for its next test, without the rows. It is dropped if the test changed a table or the version of the tables, or if
    it still holds a lock.
    """
    if database not in _KEEPING or server_url(database) is None:
        with fresh_database(database, folder) as url:
            yield url
        return
    if database not in _kept:
        held = ExitStack()
        url = held.enter_context(fresh_database(database, folder))
        run_apart(_make_tables(url))
        _kept[database] = held, url, run_apart(_tables_of(url))
    held, url, tables = _kept.pop(database)
    with held:
        yield url
        with suppress(SQLAlchemyError):
            if run_apart(_tables_of(url)) == tables:
                run_apart(_delete_rows(url))
                _kept[database] = held.pop_all(), url, tables


_KEEPING = ("mysql", "mariadb")
_kept: dict[str, tuple[ExitStack, str, list[str]]] = {}
"""For each server, what drops the database that is kept, its URL, and a description of its tables."""


def drop_kept_databases() -> None:
    """Drop what `kept_database` keeps. Call it after the last test."""
    while _kept:
        _kept.popitem()[1][0].close()


async def _make_tables(url: str) -> None:
    async with engine_context(url, create_tables=True):
        await current_database()


async def _tables_of(url: str) -> list[str]:
    """Return the definitions of all tables, their version, and how many identities there are."""
    engine = _server_engine(make_url(url))
    try:
        async with engine.connect() as connection:
            names = sorted((await connection.execute(text("SHOW TABLES"))).scalars())
            facts: list[Executable] = [text(f"SHOW CREATE TABLE {name}") for name in names]
            facts += [select(version_table.c.version_num), select(func.count()).select_from(store_table)]
            return [str((await connection.execute(fact)).all()) for fact in facts]
    finally:
        await engine.dispose()


async def _delete_rows(url: str) -> None:
    """Delete all rows but the version of the tables. The database gets another identity, as a new one has."""
    engine = _server_engine(make_url(url))
    try:
        async with engine.connect() as connection:
            await connection.execute(
                text("SET foreign_key_checks = 0, lock_wait_timeout = 5, innodb_lock_wait_timeout = 5")
            )
            for table in metadata.tables.values():
                if table.name not in (version_table.name, store_table.name):
                    await connection.execute(table.delete())
            unset = dict.fromkeys((column.name for column in store_table.c if column.nullable), None)
            await connection.execute(store_table.update().values(store_id=uuid.uuid4(), **unset))
    finally:
        await engine.dispose()


@cache
def server_url(database: str) -> URL | None:
    """Return where a server is, or None."""
    given = os.environ.get(_variable(database))
    if given:
        url = make_url(given)
        if "+" not in url.drivername:
            url = url.set(drivername=f"{url.drivername}+{'asyncpg' if database == 'postgresql' else 'asyncmy'}")
        return url
    for candidate in map(make_url, _LOCAL[database]):
        if _listens(candidate) and _version(candidate, database):
            return candidate
    return _container(database)


def run_apart(work: Coroutine[Any, Any, T]) -> T:
    """Run work on an event loop of its own in a thread of its own, whatever runs in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def _variable(database: str) -> str:
    return f"ARTIGRAPH_TEST_{database.upper()}_URL"


def _place(url: str) -> str:
    parsed = make_url(url)
    return f"{parsed.host}:{parsed.port}"


def _listens(url: URL) -> bool:
    try:
        with socket.create_connection((url.host, url.port), timeout=1):
            return True
    except OSError:
        return False


def _version(url: URL, database: str) -> bool:
    """Say whether the server accepts us, and is of this kind: MySQL and MariaDB use the same port."""
    try:
        version = run_apart(_first(url, "SELECT version()"))
    except (SQLAlchemyError, OSError):
        return False
    return database == "postgresql" or ("mariadb" in version.lower()) == (database == "mariadb")


@cache
def _docker_answers() -> bool:
    # In a process of its own: where Docker does not run, its client leaves the socket open that it tried.
    command = [sys.executable, "-c", "import docker; docker.from_env().ping()"]
    try:
        return subprocess.run(command, check=False, capture_output=True, timeout=60).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def _container(database: str) -> URL | None:
    """Start a server in a container that lasts as long as this process."""
    if not _docker_answers():
        return None
    if database == "postgresql":
        from testcontainers.postgres import PostgresContainer

        container: Any = PostgresContainer(_IMAGES[database], driver="asyncpg")
    else:
        from testcontainers.mysql import MySqlContainer

        # The root user may make databases; the image's own user may not.
        container = MySqlContainer(_IMAGES[database], dialect="asyncmy", username="root", root_password="test")
    container.start()
    atexit.register(container.stop)
    return make_url(container.get_connection_url())


def _server_engine(url: URL) -> AsyncEngine:
    return create_async_engine(url, isolation_level="AUTOCOMMIT")


async def _execute(url: URL, statement: str) -> None:
    engine = _server_engine(url)
    try:
        async with engine.connect() as connection:
            await connection.execute(text(statement))
    finally:
        await engine.dispose()


async def _first(url: URL, statement: str) -> str:
    engine = _server_engine(url)
    try:
        async with engine.connect() as connection:
            return str((await connection.execute(text(statement))).scalar_one())
    finally:
        await engine.dispose()
