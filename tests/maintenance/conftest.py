"""A registry of storages that the storages of other tests are not in, and a database in force."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from artigraph.db import engine_context
from tests.support.maintenance import alone

__all__ = ["alone", "database"]


@pytest_asyncio.fixture(autouse=True)
async def database(tmp_path: Path) -> AsyncIterator[None]:
    async with engine_context(f"sqlite+aiosqlite:///{tmp_path}/artigraph.db", create_tables=True):
        yield
