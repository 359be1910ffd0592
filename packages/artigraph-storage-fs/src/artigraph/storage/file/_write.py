"""An object on its way into the tree: the whole of it, durably, or nothing."""

# ruff: noqa: PTH118
# (pathlib has no calls relative to an open folder)

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from artigraph.errors import StorageError
from artigraph.storage.file._files import COMMON, same_bytes
from artigraph.storage.file._folder import Folder, Tree
from artigraph.storage.file._publish import publish
from artigraph.storage.file._sync import sync_file, sync_folder

__all__ = ["PARTIAL", "Cancelled", "NewFile"]

PARTIAL = ".artigraph-partial"
"""The folder below the root where files are written before they are objects. No key can name it (it has a dot); what a
killed process left there can go at any time that nothing is being written."""

_USUAL_MODE = 0o600
_CHUNK = 8 * 1024 * 1024
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | COMMON


class Cancelled(Exception):  # noqa: N818
    """The call that this work was for was cancelled; nobody sees this."""


@dataclass
class _Open:
    partial: Folder
    folder: Folder
    descriptor: int | None
    """Of the file; None once it was closed."""


class NewFile:
    """A file that is written under another name and then given that of its object, which is refused if it is taken.

    The methods block, and are called in one thread after another. `discard` may come while another one still runs (the
    file system may hang), and has to come in the end whatever happened; what was published stays.
    """

    def __init__(self, tree: Tree, location: str, mode: int) -> None:
        *self._parts, self._name = location.split("/")
        self._tree = tree
        self._mode = mode
        self._temporary = f"{os.getpid()}-{secrets.token_hex(16)}"
        self._exits = ExitStack()
        self._open: _Open | None = None
        self._busy = threading.Lock()
        self._discarded = False

    def write(self, data: bytes | bytearray | memoryview, stop: threading.Event) -> None:
        """Append bytes.

        Raises:
            Cancelled: `stop` was set.
            OSError: the system refused.
        """
        with self._working() as opened:
            assert opened.descriptor is not None  # noqa: S101 (nothing is written after it was published)
            rest = memoryview(data)
            rest = rest.cast("B") if rest.nbytes else rest  # (nothing cannot be cast)
            while rest:
                if stop.is_set():
                    raise Cancelled
                rest = rest[os.write(opened.descriptor, rest[:_CHUNK]) :]

    def publish(self, stop: threading.Event) -> None:
        """Write the bytes to the device, give the file its name, and write that to the device.

        Raises:
            StorageError: other bytes are at the location.
            Cancelled: `stop` was set, and the file has no name.
            OSError: the system refused.
        """
        with self._working() as opened:
            self._close(opened, durable=self._tree.durable)
            if stop.is_set():
                raise Cancelled
            path = os.path.join(opened.folder.path, self._name)
            try:
                publish(opened.partial, self._temporary, opened.folder, self._name)
            except FileExistsError as error:
                if not same_bytes(opened.partial, self._temporary, opened.folder, self._name):
                    msg = (
                        f"{path} holds other bytes already; a key is used for one object only, and the first one stays"
                    )
                    raise StorageError(msg) from error
            self._unlink(opened)
            if self._tree.durable:
                try:
                    sync_folder(opened.folder.descriptor)  # an equal object of somebody else may not be on the device
                except OSError as error:
                    msg = (
                        f"{path} was written, but the system cannot say that it would survive a power loss: "
                        f"{error.strerror or error}. Check the device and save again."
                    )
                    raise StorageError(msg) from error

    def discard(self) -> None:
        """Remove the file under its other name, at once or when what works on it has ended."""
        self._discarded = True
        if not self._busy.acquire(blocking=False):
            return
        try:
            if self._open is not None:
                opened, self._open = self._open, None
                try:
                    self._close(opened, durable=False)
                finally:
                    self._unlink(opened)
        finally:
            self._exits.close()
            self._busy.release()

    @contextmanager
    def _working(self) -> Generator[_Open, None, None]:
        try:
            with self._busy:
                if self._discarded:
                    raise Cancelled
                yield self._opened()
        finally:
            if self._discarded:
                self.discard()

    def _opened(self) -> _Open:
        if self._open is None:
            partial = self._exits.enter_context(self._tree.folder([PARTIAL], make=True))
            folder = self._exits.enter_context(self._tree.folder(self._parts, make=True))
            descriptor = os.open(partial.at(self._temporary), _WRITE, self._mode, dir_fd=partial.descriptor)
            self._open = _Open(partial, folder, descriptor)
            if self._mode != _USUAL_MODE and hasattr(os, "fchmod"):
                os.fchmod(descriptor, self._mode)  # the process's umask may have taken something away
        return self._open

    def _close(self, opened: _Open, *, durable: bool) -> None:
        if opened.descriptor is None:
            return
        descriptor, opened.descriptor = opened.descriptor, None
        try:
            if durable:
                sync_file(descriptor)
        finally:
            os.close(descriptor)  # can fail too: some network file systems only now notice that the disk is full

    def _unlink(self, opened: _Open) -> None:
        with suppress(FileNotFoundError):  # where it was renamed, or is gone already
            os.unlink(opened.partial.at(self._temporary), dir_fd=opened.partial.descriptor)
