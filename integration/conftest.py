"""Databases for the tests against real servers.

`database_url` is the URL of an empty database, for SQLite and for each server; a test that asks for it runs once on
each. With `engine` it is also the one in force in the test, with tables.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from artigraph.db import current_database, engine_context
from integration.support.databases import DATABASES, SERVERS, fresh_database
from tests.support.isolation import alone

__all__ = ["alone", "database", "database_url", "engine", "server_url"]

_LONGEST = ("test_schema", "test_stopped_servers", "test_without_statistics")

# Here, since a test of another folder may import it first.
pytest.register_assert_rewrite("artigraph.testing.storage")


def pytest_xdist_auto_num_workers() -> int:
    """Return the number of workers for `-n auto`: four for each core, because most of the tests wait for servers.

    It is at most 16, because each worker's connections count against the servers' limits.
    """
    return min(4 * (os.cpu_count() or 1), 16)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that take longest, so that no worker is alone with one in the end."""
    items.sort(key=lambda item: not item.path.match("reliability/*") and item.path.stem not in _LONGEST)


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest) -> str:
    """The name of each database in turn."""
    return str(request.param)


@pytest.fixture
def database_url(database: str, tmp_path: Path) -> Generator[str]:
    """The URL of an empty database."""
    with fresh_database(database, tmp_path) as url:
        yield url


@pytest.fixture(params=SERVERS)
def server_url(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[str]:
    """The URL of an empty database on each server in turn."""
    with fresh_database(str(request.param), tmp_path) as url:
        yield url


@pytest.fixture
async def engine(database_url: str) -> AsyncGenerator[AsyncEngine]:
    """An engine in force for the test, with tables."""
    async with engine_context(database_url, create_tables=True) as engine:
        await current_database()
        yield engine
