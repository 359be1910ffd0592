"""A file from which no more than a number of bytes can be read."""

from __future__ import annotations

import io
from typing import Any, BinaryIO

from artigraph.raw_file import RawFile


class LimitedFile(RawFile):
    """Another file, of which at most `max_bytes` are read. Bytes that are read twice count twice.

    A read beyond that fails with an OSError before any byte of it is read, and sets `exceeded`. So the code that makes
    a preview lets a library read from it, and falls back to a summary if `exceeded` is set. Closing it does not close
    the other file.
    """

    def __init__(self, file: BinaryIO, max_bytes: int) -> None:
        super().__init__(file.seek(0, io.SEEK_END))
        self._file = file
        self.left: int = max(max_bytes, 0)
        """How many more bytes can be read."""
        self.exceeded: bool = False
        """Whether a read was refused."""

    @property
    def size(self) -> int:
        """The size of the file in bytes."""
        return self._size

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes, fewer only at the end of the file.

        Raises:
            OSError: they are more than can still be read.
        """
        left = max(self._size - self._position, 0)
        wanted = left if size is None or size < 0 else min(size, left)
        if wanted > self.left:
            self.exceeded = True
            msg = f"{wanted} bytes are more than the {self.left} that may still be read"
            raise OSError(msg)
        if not wanted:
            return b""
        self.left -= wanted
        self._file.seek(self._position)
        parts: list[bytes] = []
        while wanted and (part := self._file.read(wanted)):
            parts.append(part)
            wanted -= len(part)
            self._position += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def readinto(self, buffer: Any, /) -> int:
        into = memoryview(buffer).cast("B")
        data = self.read(len(into))
        into[: len(data)] = data
        return len(data)

    def read_at(self, start: int, size: int) -> bytes:
        """Return the bytes at a position, fewer only at the end of the file.

        Raises:
            OSError: they are more than can still be read.
        """
        self.seek(start)
        return self.read(size)
