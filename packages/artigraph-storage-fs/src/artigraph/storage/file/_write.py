"""Writing a new object: all of it, durably, or nothing."""

from __future__ import annotations

import errno
import os
import secrets
import sys
import threading
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from artigraph.errors import StorageError
from artigraph.storage.file._files import COMMON, same_bytes
from artigraph.storage.file._folder import Folder, Tree, sync_file, sync_folder

# ruff: noqa: PTH104, PTH118
# (pathlib has no calls relative to an open folder)


_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
_LOCK = "lock"


def publish(partial: Folder, temporary: str, folder: Folder, name: str) -> None:
    """Give a file in one folder a name in another, atomically and without replacing a file.

    The temporary name may remain; the caller removes it.

    Raises:
        FileExistsError: the name is taken.
        OSError: the system refused.
    """
    if sys.platform == "win32":
        os.rename(partial.at(temporary), folder.at(name))  # on Windows, rename refuses to replace a file
        return
    try:
        os.link(
            partial.at(temporary),
            folder.at(name),
            src_dir_fd=partial.descriptor,
            dst_dir_fd=folder.descriptor,
            follow_symlinks=False,
        )
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        _rename(partial, temporary, folder, name)


def _rename(partial: Folder, temporary: str, folder: Folder, name: str) -> None:
    """Check that a name is free and rename, under a lock. For FAT and network file systems without hard links."""
    with _locked(partial):
        try:
            folder.look(name)
        except FileNotFoundError:
            os.rename(
                partial.at(temporary), folder.at(name), src_dir_fd=partial.descriptor, dst_dir_fd=folder.descriptor
            )
            return
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.path.join(folder.path, name))


@contextmanager
def _locked(folder: Folder) -> Generator[None, None, None]:
    """Hold the folder's lock file. The system releases the lock when the process dies."""
    import fcntl

    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(folder.at(_LOCK), flags, 0o600, dir_fd=folder.descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


# ruff: noqa: PTH118
# (pathlib has no calls relative to an open folder)


PARTIAL = ".artigraph-partial"
"""The folder below the root where files are written before they are objects.

Its dot keeps it apart from all keys. You may delete its content at any time when no process is writing.
"""

_USUAL_MODE = 0o600
_CHUNK = 8 * 1024 * 1024
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | COMMON


class CanceledWriteError(Exception):
    """The call that this work was for was canceled. The caller never sees it."""


@dataclass
class _Open:
    partial: Folder
    folder: Folder
    descriptor: int | None
    """The descriptor of the file; None once it is closed."""


class NewFile:
    """A file that is written under a temporary name and then renamed to its location. A taken location is refused.

    The methods block, and are called in one thread after another. Call `discard` at the end in every case; a published
    file stays. You may call it while another method still runs, because the file system may hang.
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
            CanceledWriteError: `stop` was set.
            OSError: the system refused.
        """
        with self._working() as opened:
            assert opened.descriptor is not None  # nothing is written after it was published
            rest = memoryview(data)
            rest = rest.cast("B") if rest.nbytes else rest  # (an empty view cannot be cast)
            while rest:
                if stop.is_set():
                    raise CanceledWriteError
                rest = rest[os.write(opened.descriptor, rest[:_CHUNK]) :]

    def publish(self, stop: threading.Event) -> None:
        """Write the bytes to the device, give the file its final name, and write that name to the device.

        Raises:
            StorageError: other bytes are at the location.
            CanceledWriteError: `stop` was set, and the file got no name.
            OSError: the system refused.
        """
        with self._working() as opened:
            self._close(opened, durable=self._tree.durable)
            if stop.is_set():
                raise CanceledWriteError
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
                    sync_folder(opened.folder.descriptor)  # another process's equal file may not be on the device
                except OSError as error:
                    msg = (
                        f"{path} was written, but the system cannot say that it would survive a power loss: "
                        f"{error.strerror or error}. Check the device and save again."
                    )
                    raise StorageError(msg) from error

    def discard(self) -> None:
        """Remove the temporary file, at once or when the method that still uses it has ended."""
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
                    raise CanceledWriteError
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
                os.fchmod(descriptor, self._mode)  # the process's umask may have removed some bits
        return self._open

    def _close(self, opened: _Open, *, durable: bool) -> None:
        if opened.descriptor is None:
            return
        descriptor, opened.descriptor = opened.descriptor, None
        try:
            if durable:
                sync_file(descriptor)
        finally:
            os.close(descriptor)  # can fail, too: some network file systems notice a full disk only now

    def _unlink(self, opened: _Open) -> None:
        with suppress(FileNotFoundError):  # it was renamed, or is already removed
            os.unlink(opened.partial.at(self._temporary), dir_fd=opened.partial.descriptor)
