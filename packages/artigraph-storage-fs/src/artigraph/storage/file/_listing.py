"""Listings of a folder, with ages by the clock of its file system. The functions block, so they run in a thread."""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
import threading
from collections.abc import Generator, Iterable, Sequence
from datetime import timedelta
from typing import TypeVar

from artigraph.errors import InvalidLocationError
from artigraph.storage import StoredEntry, check_key
from artigraph.storage.file._files import COMMON
from artigraph.storage.file._folder import Tree, is_link
from artigraph.storage.file._write import PARTIAL, CanceledWriteError

T = TypeVar("T")

_PARTIAL_NAME = re.compile(r"\d+-[0-9a-f]{32}")
_NO_FILE_THERE = {errno.EROFS, errno.EACCES, errno.EPERM}
_PROBE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | COMMON


def time_there(tree: Tree) -> int | None:
    """Return the file system's time in nanoseconds, or None if no file can be created to find it.

    The modification time of a new file shows it. This process may have another clock, because the folder may be on a
    server.
    """
    name = f"{os.getpid()}-{secrets.token_hex(16)}"
    try:
        with tree.folder([PARTIAL], make=True) as folder:
            os.close(os.open(folder.at(name), _PROBE, 0o600, dir_fd=folder.descriptor))
            try:
                return folder.look(name).st_mtime_ns
            finally:
                os.unlink(folder.at(name), dir_fd=folder.descriptor)
    except OSError as error:
        if error.errno in _NO_FILE_THERE:
            return None
        raise


def list_folder(tree: Tree, parts: Sequence[str], now: int | None) -> Generator[StoredEntry | tuple[str, ...]]:
    """Yield the objects in one folder, and the parts of the folders in it. Nothing if the folder does not exist.

    Links, devices and files whose name cannot be part of a key are not objects.

    Raises:
        InvalidLocationError: a folder of the path is a link.
        OSError: the system refused.
    """
    try:
        with (
            tree.folder(parts) as folder,
            os.scandir(folder.path if folder.descriptor is None else folder.descriptor) as names,
        ):
            for entry in names:
                location = "/".join((*parts, entry.name))
                if not _is_key(location):
                    continue
                try:
                    found = folder.look(entry.name)
                except FileNotFoundError:  # removed since
                    continue
                if is_link(found):
                    continue
                if stat.S_ISDIR(found.st_mode):
                    yield (*parts, entry.name)
                elif stat.S_ISREG(found.st_mode):
                    age = 0 if now is None else max(now - found.st_mtime_ns, 0)
                    yield StoredEntry(location, found.st_size, timedelta(microseconds=age // 1000))
    except (FileNotFoundError, NotADirectoryError):
        return


def take(items: Iterable[T], most: int, stop: threading.Event) -> list[T]:
    """Return the next items, at most `most`.

    Raises:
        CanceledWriteError: `stop` was set.
    """
    taken: list[T] = []
    for item in items:
        if stop.is_set():
            raise CanceledWriteError
        taken.append(item)
        if len(taken) >= most:
            break
    return taken


def remove_partials(tree: Tree, now: int | None, untouched: timedelta, *, dry_run: bool) -> tuple[int, int]:
    """Remove unfinished files that were not written to for `untouched`. Return their number and their bytes."""
    count = size = 0
    with (
        tree.folder([PARTIAL]) as folder,
        os.scandir(folder.path if folder.descriptor is None else folder.descriptor) as names,
    ):
        for entry in names:
            if not _PARTIAL_NAME.fullmatch(entry.name):
                continue
            try:
                found = folder.look(entry.name)
                age = timedelta() if now is None else timedelta(microseconds=(now - found.st_mtime_ns) // 1000)
                if not stat.S_ISREG(found.st_mode) or age < untouched:
                    continue
                if not dry_run:
                    os.unlink(folder.at(entry.name), dir_fd=folder.descriptor)
            except FileNotFoundError:  # it was finished, or another process removed it
                continue
            count += 1
            size += found.st_size
    return count, size


def _is_key(location: str) -> bool:
    try:
        check_key(location)
    except InvalidLocationError:
        return False
    return True
