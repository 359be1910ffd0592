"""One hop into a thread for each call, and a settled state when it is cancelled."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

__all__ = ["in_thread"]

T = TypeVar("T")


async def in_thread(work: Callable[[threading.Event], T]) -> T:
    """Run blocking work in a thread of the loop's executor.

    When the call is cancelled, the event that the work was given is set, and the cancellation goes on once the work has
    ended: nothing is written or left behind after it. A second cancellation does not wait (the file system may hang).
    """
    stop = threading.Event()
    future = asyncio.get_running_loop().run_in_executor(None, work, stop)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        stop.set()
        future.add_done_callback(_retrieve)
        await asyncio.wait([future])
        raise


def _retrieve(future: asyncio.Future[T]) -> None:
    """Take note of how abandoned work ended, so that the loop does not report an exception nobody asked for."""
    if not future.cancelled():
        future.exception()
