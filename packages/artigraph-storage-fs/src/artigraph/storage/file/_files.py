"""Operations on objects that exist. They block, so the storage calls them in a thread."""

# ruff: noqa: PTH118
# (pathlib has no calls relative to an open folder)

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import BinaryIO

from artigraph.errors import InvalidLocationError, StorageError
from artigraph.storage.file._folder import Folder, Tree, is_link

_CHUNK = 8 * 1024 * 1024
COMMON = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
_READ = os.O_RDONLY | COMMON | getattr(os, "O_NONBLOCK", 0)  # opening a pipe in the tree must not block


def open_file(tree: Tree, location: str) -> BinaryIO:
    """Open the object at a location.

    Raises:
        FileNotFoundError: no object exists there.
        InvalidLocationError: the location holds something other than a regular file, for example a link.
    """
    *parts, name = location.split("/")
    with _nothing_there(location), tree.folder(parts) as folder:
        return open(_open(folder, name), "rb")


def read_file(tree: Tree, location: str) -> bytes:
    """Return the bytes of the object at a location; see `open_file`.

    Raises:
        StorageError: the file changed meanwhile.
    """
    with open_file(tree, location) as file:
        size = _size(file)
        data = file.read()  # into one buffer of the file's size, which becomes the result
    if len(data) != size:  # objects never change: another program writes here, or the device failed
        msg = (
            f"{os.path.join(tree.root, location)} changed while it was read ({size} bytes, then {len(data)}): try again"
        )
        raise StorageError(msg)
    return data


def read_part(tree: Tree, location: str, start: int, length: int) -> bytes:
    """Return some bytes of the object at a location, or fewer if it ends before; see `open_file`."""
    with open_file(tree, location) as file:
        if start >= _size(file):
            return b""
        file.seek(start)
        return file.read(min(length, _size(file) - start))


def same_bytes(first: Folder, name: str, second: Folder, other: str) -> bool:
    """Say whether two files hold the same bytes. Reads them in chunks."""
    with open(_open(first, name), "rb") as one, open(_open(second, other), "rb") as two:
        if _size(one) != _size(two):
            return False
        while chunk := one.read(_CHUNK):
            if two.read(len(chunk)) != chunk:  # a read of a local file is short only at its end
                return False
        return True


def file_exists(tree: Tree, location: str) -> bool:
    """Say whether an object exists at a location."""
    *parts, name = location.split("/")
    try:
        with _nothing_there(location), tree.folder(parts) as folder:
            return _is_object(folder, name)
    except FileNotFoundError:
        return False


def delete_file(tree: Tree, location: str) -> None:
    """Remove the object at a location, if it exists. Folders stay, because other calls may be about to use them."""
    *parts, name = location.split("/")
    with suppress(FileNotFoundError), _nothing_there(location), tree.folder(parts) as folder:
        if _is_object(folder, name):
            os.unlink(folder.at(name), dir_fd=folder.descriptor)


class _nothing_there:  # noqa: N801
    """Raise `FileNotFoundError` if a part of the location is a file: then no object is below it."""

    def __init__(self, location: str) -> None:
        self._location = location

    def __enter__(self) -> None: ...

    def __exit__(self, cls: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, NotADirectoryError):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self._location) from error


def _is_object(folder: Folder, name: str) -> bool:
    found = folder.look(name)
    if stat.S_ISREG(found.st_mode) and not is_link(found):
        return True
    if stat.S_ISDIR(found.st_mode) and not is_link(found):
        return False  # a folder that holds other objects
    msg = f"{os.path.join(folder.path, name)} is a link or a device, not an object of this storage; nothing was done"
    raise InvalidLocationError(msg)


def _size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


def _open(folder: Folder, name: str) -> int:
    if not _is_object(folder, name):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
    try:
        return os.open(folder.at(name), _READ, dir_fd=folder.descriptor)
    except OSError as error:
        if error.errno == errno.ELOOP:  # a link took its place just now
            msg = f"{os.path.join(folder.path, name)} is a link, not an object of this storage; nothing was read"
            raise InvalidLocationError(msg) from error
        raise
