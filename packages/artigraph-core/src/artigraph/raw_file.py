"""Files that are only read: the base of those that read from elsewhere, and regular files of a disk."""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO


class RawFile(io.RawIOBase):
    """A file of a fixed size that can be read and sought. Subclasses implement `readinto`."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            msg = f"a position of {start + offset} is before the file"
            raise ValueError(msg)
        self._position = start + offset
        return self._position


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading. A pipe or a device could keep its reader waiting, or never end.

    Raises:
        OSError: it cannot be opened, or it is no regular file.
    """
    return _only_regular(open(path, "rb", opener=_without_waiting), path)


def _only_regular(file: BinaryIO, path: Path) -> BinaryIO:
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "this is not a regular file", str(path))
    return file


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # else opening a pipe waits for a writer


BENEATH = (
    {os.open, os.stat} <= os.supports_dir_fd
    and os.scandir in os.supports_fd
    and all(hasattr(os, flag) for flag in ("O_NOFOLLOW", "O_DIRECTORY"))
)
"""Whether this system opens names relative to an open folder, without following links."""


@contextmanager
def folder_beneath(root: Path, names: Sequence[str]) -> Generator[int]:
    """Open a folder below another one, name by name, and follow no link. Gives its descriptor. Needs `BENEATH`.

    Raises:
        OSError: a name is a link or no folder, or it cannot be opened.
    """
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    handle = os.open(root, flags)
    try:
        for index, name in enumerate(names):
            try:
                inner = os.open(name, flags, dir_fd=handle)
            except OSError as error:
                raise _described(error, root.joinpath(*names[: index + 1])) from error
            os.close(handle)
            handle = inner
        yield handle
    finally:
        os.close(handle)


def open_beneath(root: Path, names: Sequence[str]) -> BinaryIO:
    """Open a regular file below a folder for reading, and follow no link on the way.

    Raises:
        OSError: a name is a link, it cannot be opened, or it is no regular file.
    """
    path = root.joinpath(*names)
    if not BENEATH:
        _refuse_links(root, names)
        with ExitStack() as stack:
            file = stack.enter_context(open_regular(path))
            _refuse_links(root, names)  # one may have been there while the file was opened
            if not os.path.samestat(os.fstat(file.fileno()), path.lstat()):
                raise _described(OSError(errno.ELOOP, ""), path)
            stack.pop_all()
        return file
    with folder_beneath(root, names[:-1]) as folder:

        def opener(name: str, flags: int) -> int:
            try:
                return os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
            except OSError as error:
                raise _described(error, path) from error

        return _only_regular(open(names[-1], "rb", opener=opener), path)


def size_beneath(root: Path, names: Sequence[str]) -> int:
    """Return the size of a regular file below a folder, and follow no link on the way.

    Raises:
        OSError: a name is a link or does not exist, or it is no regular file.
    """
    path = root.joinpath(*names)
    if BENEATH:
        with folder_beneath(root, names[:-1]) as folder:
            found = os.stat(names[-1], dir_fd=folder, follow_symlinks=False)
    else:
        _refuse_links(root, names)
        found = path.lstat()
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "this is not a regular file", str(path))
    return found.st_size


def _refuse_links(root: Path, names: Sequence[str]) -> None:
    path = root
    for name in names:
        path /= name
        if path.is_symlink() or getattr(path, "is_junction", bool)():
            raise _described(OSError(errno.ELOOP, ""), path)


def _described(error: OSError, path: Path) -> OSError:
    if error.errno in (errno.ELOOP, errno.EMLINK, errno.ENOTDIR):
        return OSError(error.errno, "a link, or something else, replaced it", str(path))
    return OSError(error.errno, error.strerror, str(path))
