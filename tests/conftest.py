"""Databases for the tests that are fast and offline: SQLite, a fresh one for each test; and no connection elsewhere."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy.ext.asyncio import AsyncEngine

from artigraph.db import engine_context
from tests.support.isolation import alone
from tests.support.offline import offline, offline_guard

__all__ = ["alone", "database_url", "engine", "offline", "offline_guard"]

# On a busy machine Hypothesis generates slowly. That is no fault of a test.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

# Here, since a test of another folder may import it first.
pytest.register_assert_rewrite("artigraph.testing.storage")


def pytest_xdist_auto_num_workers() -> int:
    """Return the number of workers for `-n auto`: one more than there are cores, because some tests wait for files."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """The URL of a database that does not exist yet."""
    return f"sqlite:///{tmp_path}/artigraph.db"


@pytest.fixture
async def engine(database_url: str) -> AsyncGenerator[AsyncEngine]:
    """An engine in force for the test, with tables."""
    async with engine_context(database_url, create_tables=True) as engine:
        yield engine
