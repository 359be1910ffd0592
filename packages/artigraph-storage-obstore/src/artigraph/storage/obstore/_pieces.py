"""Cutting a stream of bytes into parts of one size, and comparing an object with the parts that were sent."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator
from typing import NamedTuple

_LONG = 1024 * 1024


class Piece(NamedTuple):
    """What is remembered of a part: enough to compare it with stored bytes."""

    size: int
    sha256: bytes


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


async def piece_of(data: bytes | memoryview) -> Piece:
    """Return what is remembered of bytes. Long ones are hashed in a thread."""
    hashed = await asyncio.to_thread(hashlib.sha256, data) if len(data) > _LONG else hashlib.sha256(data)
    return Piece(len(data), hashed.digest())
