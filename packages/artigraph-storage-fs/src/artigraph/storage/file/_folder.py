"""Folders below a root, opened without following a link."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from artigraph.errors import InvalidLocationError

_NO_FOLDER_SYNC = {errno.EINVAL, errno.ENOTSUP}


def sync_file(descriptor: int) -> None:
    """Flush an open file, and return when its bytes are on the device.

    A failure is final: the kernel may have dropped the pages, so a second call would succeed without writing them.
    """
    if sys.platform == "darwin":
        import fcntl

        try:
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
        except OSError as error:
            if error.errno not in (errno.ENOTSUP, errno.EINVAL, errno.ENOTTY):
                raise  # macOS: fsync stops at the device's cache. Only foreign file systems lack F_FULLFSYNC
        else:
            return
    os.fsync(descriptor)


def sync_folder(descriptor: int | None) -> None:
    """Flush an open folder, and return when its entries are on the device. Without a descriptor (Windows), do nothing.

    Windows writes renames through its journal and has no such call. Some network file systems refuse it and have no
    substitute. Their refusal is ignored.
    """
    if descriptor is None:
        return
    try:
        sync_file(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise


# ruff: noqa: PTH101, PTH102, PTH112, PTH118, PTH120
# (pathlib has no calls relative to an open folder)


_BY_DESCRIPTOR = {os.open, os.stat, os.mkdir, os.unlink, os.link, os.rename} <= os.supports_dir_fd
"""Whether calls can name a file relative to an open folder (not on Windows), so that no link can replace the folder."""
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_REPARSE_POINT = 0x400  # stat.FILE_ATTRIBUTE_REPARSE_POINT: links and junctions of Windows
_USUAL_MODE = 0o700
_REMEMBERED = 10_000


@dataclass(frozen=True)
class Folder:
    """A folder and its open descriptor, or None where the system has no descriptors of folders."""

    path: str
    descriptor: int | None

    def at(self, name: str) -> str:
        """Return the path of an entry for a call that also gets this folder's descriptor."""
        return name if self.descriptor is not None else os.path.join(self.path, name)

    def look(self, name: str) -> os.stat_result:
        """Return the status of an entry, without following a link."""
        return os.stat(self.at(name), dir_fd=self.descriptor, follow_symlinks=False)


@dataclass(frozen=True)
class Tree:
    """A root folder, and which folders below it this process has already written to the device."""

    root: str
    mode: int
    durable: bool
    _kept: set[str] = field(default_factory=set[str])
    """Folders whose entry in their parent was written to the device since this process first opened them."""

    @contextmanager
    def folder(self, parts: Sequence[str], *, make: bool = False) -> Generator[Folder, None, None]:
        """Open the folder below the root that these parts lead to. With `make`, create missing folders.

        With `make`, in a durable tree, the entries of all folders of the path are on the device before the folder is
        opened. That includes folders that another process has just made, which may not have written them yet.

        Raises:
            FileNotFoundError: a folder is missing.
            NotADirectoryError: a part is not a folder.
            InvalidLocationError: a part is a link.
        """
        if make:
            self._make_root()
        here = Folder(self.root, os.open(self.root, _FOLDER) if _BY_DESCRIPTOR else None)
        try:
            for part in parts:
                below = self._enter(here, part, make=make)
                _close(here)
                here = below
            yield here
        finally:
            _close(here)

    def _enter(self, parent: Folder, part: str, *, make: bool) -> Folder:
        try:
            below = _open(parent, part)
        except FileNotFoundError:
            if not make:
                raise
            with suppress(FileExistsError):  # another task or process was faster
                os.mkdir(parent.at(part), self.mode, dir_fd=parent.descriptor)
                self._kept.discard(os.path.join(parent.path, part))
            below = _open(parent, part)
            if self.mode != _USUAL_MODE and below.descriptor is not None:
                os.fchmod(below.descriptor, self.mode)  # the process's umask may have removed some bits
        if make and self.durable and below.path not in self._kept:
            try:
                sync_folder(parent.descriptor)
            except BaseException:
                _close(below)
                raise
            self._keep(below.path)
        return below

    def _make_root(self) -> None:
        if self.root in self._kept and os.path.isdir(self.root):
            return
        missing: list[str] = []
        path = self.root
        while not os.path.isdir(path) and path not in missing:
            missing.append(path)
            path = os.path.dirname(path)
        for folder in reversed(missing):
            with suppress(FileExistsError):
                os.mkdir(folder, self.mode)
            if not os.path.isdir(folder):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), folder)
            if self.mode != _USUAL_MODE:
                os.chmod(folder, self.mode)
        if self.durable and _BY_DESCRIPTOR:
            made = {os.path.dirname(folder) for folder in missing}
            path = self.root
            while path != (parent := os.path.dirname(path)):
                self._sync_outside(parent, must=parent in made)
                path = parent
        self._keep(self.root)

    def _sync_outside(self, path: str, *, must: bool) -> None:
        """Write a folder above the root to the device. Raise errors only if `must`.

        A folder that existed before is not ours, and we may lack the permission to open it.
        """
        try:
            descriptor = os.open(path, _FOLDER)
            try:
                sync_folder(descriptor)
            finally:
                os.close(descriptor)
        except OSError:
            if must:
                raise

    def _keep(self, path: str) -> None:
        if len(self._kept) >= _REMEMBERED:
            self._kept.clear()  # bounds the memory; each folder that is opened again costs an fsync
        self._kept.add(path)


def is_link(found: os.stat_result) -> bool:
    """Say whether a status is that of a symbolic link, or of a junction of Windows."""
    return stat.S_ISLNK(found.st_mode) or bool(getattr(found, "st_file_attributes", 0) & _REPARSE_POINT)


def _open(parent: Folder, part: str) -> Folder:
    path = os.path.join(parent.path, part)
    if parent.descriptor is not None:
        try:
            return Folder(path, os.open(part, _FOLDER | _NO_LINK, dir_fd=parent.descriptor))
        except OSError as error:
            if error.errno not in (errno.ELOOP, errno.ENOTDIR, errno.EMLINK):
                raise
    found = parent.look(part)
    if is_link(found):
        msg = (
            f"{path} is a link, and a storage follows none below its folder, since it could lead anywhere. Put the "
            "folder itself there, or give the storage the folder that it leads to."
        )
        raise InvalidLocationError(msg)
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
    return Folder(path, None)


def _close(folder: Folder) -> None:
    if folder.descriptor is not None:
        os.close(folder.descriptor)
