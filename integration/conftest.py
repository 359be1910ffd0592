"""Databases for the tests against real servers.

`database_url` is the URL of an empty database, for SQLite and for each server; a test that asks for it runs once on
each. With `engine` it is also the one in force in the test, with tables.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from artigraph.db import current_database, engine_context
from integration.support.databases import (
    DATABASES,
    SERVERS,
    drop_kept_databases,
    fresh_database,
    kept_database,
)
from tests.support.isolation import alone

__all__ = ["alone", "database", "database_url", "engine", "server_url"]

_LONGEST = ("test_schema", "test_stopped_servers", "test_without_statistics")

_PLANS = ("test_query_plans", "test_statistics", "test_without_statistics")
"""Modules whose tests depend on what the database knows of its tables, so that each needs new ones."""

# Here, since a test of another folder may import it first.
pytest.register_assert_rewrite("artigraph.testing.storage")


def pytest_xdist_auto_num_workers() -> int:
    """Return the number of workers for `-n auto`: four for each core, because most of the tests wait for servers.

    It is at most 16, because each worker's connections count against the servers' limits.
    """
    return min(4 * (os.cpu_count() or 1), 16)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the tests that take longest, so that no worker is alone with one in the end.

    Tests that the fast tests run on SQLite already do not run on it again.
    """
    items.sort(key=lambda item: not item.path.match("reliability/*") and item.path.stem not in _LONGEST)
    again = [item for item in items if _ran_already(item)]
    if again:
        config.hook.pytest_deselected(items=again)
        items[:] = [item for item in items if item not in again]


def pytest_sessionfinish() -> None:
    """Drop the databases that were kept from test to test."""
    drop_kept_databases()


def _ran_already(item: pytest.Item) -> bool:
    made: Any = item  # a function with parameters
    if not hasattr(made, "callspec") or made.callspec.params.get("database") != "sqlite":
        return False
    return str(made.function.__module__).startswith("tests.")


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest) -> str:
    """The name of each database in turn."""
    return str(request.param)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, database: str, tmp_path: Path) -> Generator[str]:
    """The URL of an empty database. If the test asks for `engine`, it has the tables."""
    is_new = request.path.stem in _PLANS or "engine" not in request.fixturenames
    with (fresh_database if is_new else kept_database)(database, tmp_path) as url:
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
