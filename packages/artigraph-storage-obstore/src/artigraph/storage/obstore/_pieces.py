"""Comparing an object with the parts that were sent."""

from __future__ import annotations

import asyncio
import hashlib
from typing import NamedTuple

_LONG = 1024 * 1024


class Piece(NamedTuple):
    """What is remembered of a part: enough to compare it with stored bytes."""

    size: int
    sha256: bytes


async def piece_of(data: bytes | memoryview) -> Piece:
    """Return what is remembered of bytes. Long ones are hashed in a thread."""
    hashed = await asyncio.to_thread(hashlib.sha256, data) if len(data) > _LONG else hashlib.sha256(data)
    return Piece(len(data), hashed.digest())
