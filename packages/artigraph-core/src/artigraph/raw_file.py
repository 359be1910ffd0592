"""The base of read-only files that read from elsewhere. It keeps the position."""

from __future__ import annotations

import io


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
