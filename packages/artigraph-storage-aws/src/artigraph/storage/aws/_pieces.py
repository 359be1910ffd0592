"""A stream of bytes, cut into the parts that S3 takes."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator

__all__ = ["PIECE", "Pieces", "size_of_piece"]

PIECE = 8 * 1024 * 1024
"""Bytes of a part; S3 wants 5 MiB at least."""

_ALIKE, _GROW_EVERY, _LARGEST = 4000, 500, 4 * 1024**3


def size_of_piece(number: int) -> int:
    """Return the bytes of a part, counted from 1.

    S3 takes 10,000 parts of 5 GiB at most. The first 4,000 are of one size (31 GiB; some servers want it so); the size
    doubles for each 500 that follow, so that 10,000 hold more than any object may have.
    """
    return min(PIECE << max(0, (number - 1 - _ALIKE) // _GROW_EVERY + 1), _LARGEST)


class Pieces:
    """What comes of an iterator, in pieces of the sizes that are asked for."""

    def __init__(self, parts: AsyncIterator[bytes | memoryview]) -> None:
        self._parts = parts
        self._rest = memoryview(b"")

    async def take(self, size: int) -> bytes:
        """Return the next bytes, that many but at the end."""
        piece = io.BytesIO()  # grows in place and gives its bytes away without a copy
        while (missing := size - piece.tell()) and not await self.ended():
            piece.write(self._rest[:missing])
            self._rest = self._rest[missing:]
        return piece.getvalue()

    async def ended(self) -> bool:
        """Say whether nothing follows."""
        while not self._rest:
            part = await anext(self._parts, None)
            if part is None:
                return True
            if memoryview(part).nbytes:  # (nothing cannot be cast)
                self._rest = memoryview(part).cast("B")
        return False
