"""Files that are only read: the base of those that read from elsewhere, and regular files of a disk."""

from __future__ import annotations

import errno
import io
import os
import stat
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
    file = open(path, "rb", opener=_without_waiting)  # noqa: SIM115 (it needs the opener; the caller closes it)
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "this is not a regular file", str(path))
    return file


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # else opening a pipe waits for a writer
