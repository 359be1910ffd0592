"""What the tests of this folder run on here, and on servers in integration/reliability."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.places import Place
from tests.support.racing import Objects, files
from tests.support.system import small_disk, strace, unprivileged

__all__ = ["small_disk", "strace", "unprivileged"]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Where to save."""
    url = f"sqlite+aiosqlite:///{tmp_path}/artigraph.db"
    return Place("sqlite and files", url, f"reliability-{uuid4().hex}", folder=str(tmp_path / "objects"))


@pytest.fixture
def database() -> str:
    """The name of the database."""
    return "sqlite"


@pytest.fixture
def where() -> str:
    """What it runs on, for the figures."""
    return "sqlite and files"


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    """A storage that several processes can open."""
    return files(tmp_path / "objects")


@pytest.fixture
def fresh(tmp_path: Path) -> Callable[[], AbstractContextManager[str]]:
    """A function that lends an empty database, by its URL."""
    return lambda: nullcontext(f"sqlite:///{tmp_path}/{uuid4().hex}.db")
