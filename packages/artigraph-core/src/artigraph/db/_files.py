"""SQLite's files: find the file of a path or URL and its object folder, and create files privately."""

from __future__ import annotations

import errno
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from urllib.parse import unquote

from sqlalchemy import URL

from artigraph.errors import ConfigurationError
from artigraph.orm import INLINE_LIMIT, SMALLEST_INLINE_LIMIT
from artigraph.storage import Storage, register_storage

FOLDER = ".artigraph"
"""The name of the folder of an embedded store."""
FILE = "artigraph.db"
"""The name of the SQLite file in that folder."""
_ENDINGS = (".db", ".sqlite", ".sqlite3", FOLDER)
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


def is_path(text: str) -> bool:
    """Return whether a text is a path and not a URL.

    A path names an existing file, has a separator, or ends like a SQLite file. It contains neither `//` nor a colon,
    which a malformed URL would have.
    """
    rest = text[2:] if _DRIVE.match(text) else text
    if not rest or "//" in rest or ":" in rest or "\0" in rest:
        return False
    return os.sep in rest or "/" in rest or rest.endswith(_ENDINGS) or os.path.exists(text)  # noqa: PTH110 (text)


def file_in(path: Path) -> Path:
    """Return the SQLite file of a path. A folder means the store in it.

    Such a folder is a `.artigraph`, which may not exist yet, or contains one.

    Raises:
        ConfigurationError: the path is a folder without a store.
    """
    there = os.path.exists(path)  # noqa: PTH110 (also false if the path is too long or not accessible)
    folder = os.path.isdir(path)  # noqa: PTH112
    if path.name == FOLDER and (folder or not there):
        return path / FILE
    if not folder:
        return path
    if (path / FOLDER).is_dir():
        return path / FOLDER / FILE
    msg = (
        f"The folder {str(path)!r} holds no store: there is no {FOLDER!r} in it. Name a file that is a database, or "
        f"name {str(path / FOLDER)!r} with create_tables=True to make a store there."
    )
    raise ConfigurationError(msg)


def is_memory(url: URL) -> bool:
    """Return whether a SQLite URL means a database in memory."""
    return not url.database or ":memory:" in url.database or url.query.get("mode") == "memory"


def sqlite_file(url: URL) -> Path | None:
    """Return the file of a SQLite URL, which may be a SQLite URI; None for a database in memory."""
    if url.get_backend_name() != "sqlite" or is_memory(url) or not url.database:
        return None
    if not url.database.startswith("file:"):
        return Path(url.database).absolute()
    path = re.sub("^//[^/]*", "", url.database.removeprefix("file:").partition("?")[0])
    return Path(unquote(path)).absolute()


def embedded_folder(file: Path | None) -> Path | None:
    """Return the `.artigraph` folder that contains a SQLite file, whose `objects` belong to its database.

    Links are followed if the path itself has no such folder.
    """
    if file is None:
        return None
    real = Path(os.path.realpath(file))  # not `resolve`, which raises on circular links
    return next((parent for parent in (file.parent, real.parent) if parent.name == FOLDER), None)


def make_private(path: Path) -> None:
    """Create a file that only its owner can read, unless it exists. SQLite gives the files beside it the same mode.

    An existing file is not opened: by POSIX, closing it would release all locks of this process on it. Then another
    process could take over a database that a connection here is using.

    Raises:
        OSError: the file cannot be created.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def find_folder() -> Path:
    """Return the nearest `.artigraph` in the working folder or above it, or else the path where it would be made."""
    here = Path.cwd()
    for folder in chain([here], here.parents):  # mostly the first, so the others are not made yet
        candidate = folder / FOLDER
        if candidate.is_dir():
            return candidate
    return here / FOLDER


def make_folder(folder: Path, file: str = FILE) -> None:
    """Make the folder and its SQLite file, readable by the owner only and ignored by git. Existing files are kept.

    Raises:
        ConfigurationError: the folder cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="ascii")
        make_private(folder / file)
        if not os.access(folder / file, os.R_OK | os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        msg = (
            f"The folder {str(folder)!r} for Artigraph's data cannot be made or written: {error.strerror}. Set a "
            "database with set_engine(url), or with the environment variable ARTIGRAPH_URL."
        )
        raise ConfigurationError(msg) from error


@dataclass(frozen=True, slots=True)
class Placement:
    """The settings for the placement of values. None means the default for the database."""

    large_value_storage: Storage | None = None
    """The storage of values that exceed the limit and have no storage of their own."""
    inline_limit: int | None = None
    """The most bytes of a value in a row."""


def make_placement(storage: object, inline_limit: object) -> Placement:
    """Check the settings, and register the storage under its name.

    Raises:
        ConfigurationError: the storage is not a `Storage`, or the limit is invalid.
        RegistrationError: another storage has the same name.
    """
    if storage is not None and not isinstance(storage, Storage):
        msg = f"large_value_storage is an instance of Storage, not {storage!r}"
        raise ConfigurationError(msg)
    if inline_limit is not None and (
        type(inline_limit) is not int or not SMALLEST_INLINE_LIMIT <= inline_limit <= INLINE_LIMIT
    ):
        msg = f"inline_limit is a number of bytes from {SMALLEST_INLINE_LIMIT} to {INLINE_LIMIT}, not {inline_limit!r}"
        raise ConfigurationError(msg)
    return Placement(None if storage is None else register_storage(storage), inline_limit)
