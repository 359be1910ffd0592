"""A registry of storages that the storages of other tests are not in, and a database in force."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from artigraph.db import engine_context
from artigraph.registry import Registry
from artigraph.storage import Storage, base


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """gc looks at every storage that is registered: here at those of the test."""
    registry: Registry[Storage] = base._storages
    monkeypatch.setattr(registry, "_items", {})


@pytest_asyncio.fixture(autouse=True)
async def database(tmp_path: Path) -> AsyncIterator[None]:
    async with engine_context(f"sqlite+aiosqlite:///{tmp_path}/artigraph.db", create_tables=True):
        yield
