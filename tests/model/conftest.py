from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from artigraph.db import engine_context


@pytest_asyncio.fixture(autouse=True)
async def database(tmp_path: Path) -> AsyncIterator[None]:
    async with engine_context(f"sqlite+aiosqlite:///{tmp_path}/artigraph.db", create_tables=True):
        yield
