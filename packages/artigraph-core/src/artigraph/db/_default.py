"""The embedded default: a folder `.artigraph`, found upward from the working folder as git finds its own."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from artigraph.db._files import make_private
from artigraph.errors import ConfigurationError

__all__ = ["FILE", "find_folder", "make_folder"]

FOLDER = ".artigraph"
FILE = "artigraph.db"
"""The SQLite file in the folder."""


def find_folder() -> Path:
    """Return the nearest `.artigraph` in the working folder and those above it, or where it would be made."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        candidate = folder / FOLDER
        if candidate.is_dir():
            return candidate
    return here / FOLDER


def make_folder(folder: Path) -> None:
    """Make the folder and the SQLite file in it, for the owner's eyes alone and ignored by git; keep what is there.

    Raises:
        ConfigurationError: the folder cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="ascii")
        make_private(folder / FILE)
        if not os.access(folder / FILE, os.R_OK | os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        msg = (
            f"The folder {str(folder)!r} for Artigraph's data cannot be made or written: {error.strerror}. Set a "
            "database with set_engine(url), or with the environment variable ARTIGRAPH_URL."
        )
        raise ConfigurationError(msg) from error
