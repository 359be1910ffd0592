"""What each call of the storage does to files, in a thread."""

# ruff: noqa: PTH118, PTH123
# (pathlib has no calls relative to an open folder)

from __future__ import annotations

import errno
import os
import secrets
import stat
import threading
from contextlib import suppress

from artigraph.errors import InvalidLocation, StorageError
from artigraph.storage.file._folder import Folder, Tree, is_link
from artigraph.storage.file._publish import publish
from artigraph.storage.file._sync import sync_file, sync_folder

__all__ = ["PARTIAL", "Cancelled", "delete_file", "file_exists", "read_file", "write_file"]

PARTIAL = ".artigraph-partial"
"""The folder below the root where files are written before they are objects. No key can name it (it has a dot); what a
killed process left there can go at any time that nothing is being written."""

_USUAL_MODE = 0o600
_CHUNK = 8 * 1024 * 1024
_COMMON = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
_READ = os.O_RDONLY | _COMMON | getattr(os, "O_NONBLOCK", 0)  # a pipe in the tree shall not hold us up
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _COMMON


class Cancelled(Exception):  # noqa: N818
    """The call that this work was for was cancelled; nobody sees this."""


def write_file(tree: Tree, location: str, data: bytes, file_mode: int, stop: threading.Event) -> None:
    """Put an object at a location: the whole of it, durably, or nothing.

    The bytes are written to a file of another name and to the device, then the file gets its name, which is refused if
    something has that name; then the name is written to the device.

    Raises:
        StorageError: other bytes are at the location.
        OSError: the system refused.
    """
    *parts, name = location.split("/")
    with tree.folder([PARTIAL], make=True) as partial, tree.folder(parts, make=True) as folder:
        temporary = f"{os.getpid()}-{secrets.token_hex(16)}"
        try:
            _write(partial, temporary, data, file_mode, stop, durable=tree.durable)
            try:
                publish(partial, temporary, folder, name)
            except FileExistsError as error:
                if not _holds(folder, name, data):
                    path = os.path.join(folder.path, name)
                    msg = (
                        f"{path} holds other bytes already; a key is used for one object only, and the first one stays"
                    )
                    raise StorageError(msg) from error
        finally:
            with suppress(FileNotFoundError):  # where it was renamed, or never made
                os.unlink(partial.at(temporary), dir_fd=partial.descriptor)
        if tree.durable:
            try:
                sync_folder(folder.descriptor)  # an equal object of somebody else may not be on the device yet either
            except OSError as error:
                msg = (
                    f"{os.path.join(folder.path, name)} was written, but the system cannot say that it would survive a "
                    f"power loss: {error.strerror or error}. Check the device and save again."
                )
                raise StorageError(msg) from error


def _write(folder: Folder, name: str, data: bytes, mode: int, stop: threading.Event, *, durable: bool) -> None:
    descriptor = os.open(folder.at(name), _WRITE, mode, dir_fd=folder.descriptor)
    try:
        if mode != _USUAL_MODE and hasattr(os, "fchmod"):
            os.fchmod(descriptor, mode)  # the process's umask may have taken something away
        rest = memoryview(data)
        while rest:
            if stop.is_set():
                raise Cancelled
            rest = rest[os.write(descriptor, rest[:_CHUNK]) :]
        if durable:
            sync_file(descriptor)
    finally:
        os.close(descriptor)  # can fail too: some network file systems only now notice that the disk is full
    if stop.is_set():
        raise Cancelled


def _holds(folder: Folder, name: str, data: bytes) -> bool:
    """Say whether the file of this name holds exactly these bytes, without reading all of them at once."""
    descriptor = _open(folder, name)
    try:
        rest = memoryview(data)
        if os.fstat(descriptor).st_size != len(rest):
            return False
        while rest:
            found = os.read(descriptor, min(_CHUNK, len(rest)))
            if not found or bytes(rest[: len(found)]) != found:
                return False
            rest = rest[len(found) :]
        return True
    finally:
        os.close(descriptor)


def read_file(tree: Tree, location: str) -> bytes:
    """Return the object at a location.

    Raises:
        FileNotFoundError: there is none.
        InvalidLocation: a link, or something else that no storage has made, is there.
    """
    *parts, name = location.split("/")
    with _nothing_there(location), tree.folder(parts) as folder:
        descriptor = _open(folder, name)
    with open(descriptor, "rb", buffering=0) as file:
        size = os.fstat(descriptor).st_size
        data = file.readall()
    if len(data) != size:  # objects never change: somebody else is at work here, or the device failed
        msg = (
            f"{os.path.join(tree.root, location)} changed while it was read ({size} bytes, then {len(data)}): try again"
        )
        raise StorageError(msg)
    return data


def file_exists(tree: Tree, location: str) -> bool:
    """Say whether there is an object at a location."""
    *parts, name = location.split("/")
    try:
        with _nothing_there(location), tree.folder(parts) as folder:
            return _is_object(folder, name)
    except FileNotFoundError:
        return False


def delete_file(tree: Tree, location: str) -> None:
    """Remove the object at a location, if there is one. Folders stay, since others may be about to use them."""
    *parts, name = location.split("/")
    with suppress(FileNotFoundError), _nothing_there(location), tree.folder(parts) as folder:
        if _is_object(folder, name):
            os.unlink(folder.at(name), dir_fd=folder.descriptor)


class _nothing_there:  # noqa: N801
    """Say "not found" where a part of the location is a file: then no object is below it."""

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
        return False  # the folder of other objects
    msg = f"{os.path.join(folder.path, name)} is a link or a device, not an object of this storage; nothing was done"
    raise InvalidLocation(msg)


def _open(folder: Folder, name: str) -> int:
    if not _is_object(folder, name):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
    try:
        return os.open(folder.at(name), _READ, dir_fd=folder.descriptor)
    except OSError as error:
        if error.errno == errno.ELOOP:  # a link took its place just now
            msg = f"{os.path.join(folder.path, name)} is a link, not an object of this storage; nothing was read"
            raise InvalidLocation(msg) from error
        raise
