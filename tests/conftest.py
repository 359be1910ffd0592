"""Databases for the tests that are fast and offline: SQLite, a fresh one for each test."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from artigraph.db import engine_context
from tests.isolation import alone

__all__ = ["alone", "database_url", "engine"]


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """The URL of a database that is not there yet."""
    return f"sqlite:///{tmp_path}/artigraph.db"


@pytest.fixture
async def engine(database_url: str) -> AsyncGenerator[AsyncEngine]:
    """An engine in force for the test, with tables."""
    async with engine_context(database_url, create_tables=True) as engine:
        yield engine
