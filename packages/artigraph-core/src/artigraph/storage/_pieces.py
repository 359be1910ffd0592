"""Cutting a stream of bytes into pieces, for storages that upload in parts."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator


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
