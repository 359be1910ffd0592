"""Making SQLite's file."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

__all__ = ["make_private"]


def make_private(path: Path) -> None:
    """Make a file that its owner alone may read, unless there is one; SQLite gives those beside it the same mode.

    One that is there is not opened: to close it would end all locks that this process has on it, as POSIX has it, and
    another process could take a database that a connection here is using for its own.

    Raises:
        OSError: it cannot be made.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
