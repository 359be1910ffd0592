"""Cutting a stream of bytes into the parts that S3 takes."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator

PIECE = 8 * 1024 * 1024
"""The bytes of a part. S3 requires at least 5 MiB."""

_ALIKE, _GROW_EVERY, _LARGEST = 4000, 500, 4 * 1024**3


def size_of_piece(number: int) -> int:
    """Return the bytes of a part, counted from 1.

    S3 takes at most 10,000 parts of at most 5 GiB. The first 4,000 have the same size (31 GiB together), because some
    servers require that. The size then doubles for each 500 parts, so that 10,000 parts can hold the largest object.
    """
    return min(PIECE << max(0, (number - 1 - _ALIKE) // _GROW_EVERY + 1), _LARGEST)


class Pieces:
    """Cuts the bytes of an iterator into pieces of requested sizes."""

    def __init__(self, parts: AsyncIterator[bytes | memoryview]) -> None:
        self._parts = parts
        self._rest = memoryview(b"")

    async def take(self, size: int) -> bytes:
        """Return the next `size` bytes, or fewer at the end."""
        piece = io.BytesIO()  # grows in place and returns its bytes without a copy
        while (missing := size - piece.tell()) and not await self.ended():
            piece.write(self._rest[:missing])
            self._rest = self._rest[missing:]
        return piece.getvalue()

    async def ended(self) -> bool:
        """Say whether no more bytes follow."""
        while not self._rest:
            part = await anext(self._parts, None)
            if part is None:
                return True
            if memoryview(part).nbytes:  # (an empty view cannot be cast)
                self._rest = memoryview(part).cast("B")
        return False
