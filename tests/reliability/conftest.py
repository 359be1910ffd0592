"""SQLite and files; integration/reliability runs the same tests on servers."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from tests.reliability.places import Place
from tests.reliability.system import small_disk, strace, unprivileged

__all__ = ["small_disk", "strace", "unprivileged"]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Where to save."""
    url = f"sqlite+aiosqlite:///{tmp_path}/artigraph.db"
    return Place("sqlite and files", url, f"reliability-{uuid4().hex}", folder=str(tmp_path / "objects"))
