"""Work that ends before a cancellation goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["shielded"]

T = TypeVar("T")


async def shielded(work: Coroutine[Any, Any, T]) -> T:
    """Run the work to its end, whoever cancels the caller meanwhile; the cancellation goes on once it has ended.

    A transaction that is cut off between two messages leaves a lock, a connection or a savepoint behind.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError:  # asked again and again: still not before its end
                continue
        if not task.cancelled():
            task.exception()  # seen; the cancellation is what the caller hears of
        raise
