"""gc against slow writers, case 5 of the contract, on SQLite and files; integration/ has the servers."""

from __future__ import annotations

from pathlib import Path

import pytest

from artigraph.storage.file import FileSystem
from artigraph.testing.faults import SlowStorage
from tests.support.churn import churn
from tests.support.sizes import sizes


@pytest.mark.parametrize("seconds", sizes(4, 60))
async def test_gc_beside_slow_writers_and_deleters_leaves_nothing_dangling(tmp_path: Path, seconds: float) -> None:
    storage = SlowStorage(FileSystem(tmp_path / "objects", durable=False), delay=0.003, name="slow").register()
    await churn(storage, seconds, "sqlite and files")
