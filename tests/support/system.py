"""What some tests need of the system: strace, a small disk, a user who is not root."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import pytest

__all__ = ["missing", "small_disk", "strace", "unprivileged"]

_IMPORTED_LATE = ("aiosqlite", "sqlite3")
"""What Artigraph imports only when a database is opened."""


def missing(reason: str) -> NoReturn:
    """Skip the test, or fail it where nothing may be missing."""
    if os.environ.get("ARTIGRAPH_TEST_REQUIRE_SERVERS", "") not in ("", "0"):
        pytest.fail(f"{reason} (ARTIGRAPH_TEST_REQUIRE_SERVERS is set)", pytrace=False)
    pytest.skip(reason)


@pytest.fixture
def strace() -> str:
    """The program."""
    if sys.platform != "linux":
        pytest.skip("strace is of Linux")
    found = shutil.which("strace")
    if found is None:
        missing("strace is not installed (apt-get install strace)")
    return found


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    if sys.platform != "linux":
        pytest.skip("tmpfs is of Linux")
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        missing("a small tmpfs can be mounted by root only, and not in every container")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A folder of a user who is not root, while the process is that user.

    That user may not read Python's own files, which are in the home of root on some machines. So import before it what
    the tests would import in their course.
    """
    if os.name == "nt" or not hasattr(os, "seteuid"):
        pytest.skip("users are of POSIX systems")
    folder = Path(tempfile.mkdtemp())
    root = os.geteuid() == 0
    for module in _IMPORTED_LATE:
        import_module(module)
    if root:
        os.chown(folder, 65534, 65534)
        os.seteuid(65534)
    yield folder
    if root:
        os.seteuid(0)
    shutil.rmtree(folder)
