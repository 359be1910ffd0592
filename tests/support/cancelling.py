"""Turns of the event loop, and what a canceled save leaves behind."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from tests.support.check import Checker


async def turns(count: float) -> None:
    """Let the event loop run this number of turns."""
    for _ in range(int(count)):
        await asyncio.sleep(0)


async def turns_of(work: Coroutine[Any, Any, object]) -> int:
    """Return how many turns of the loop a call takes."""
    task, count = asyncio.ensure_future(work), 0
    while not task.done():
        await asyncio.sleep(0)
        count += 1
    await task
    return count


async def left_behind(engine: AsyncEngine, checker: Checker) -> list[str]:
    """Return what a save has not released. Closing a connection may take a moment."""
    found: list[str] = []
    for _ in range(100):
        found = [f"task {task}" for task in asyncio.all_tasks() - {asyncio.current_task()}]
        pool: Any = engine.sync_engine.pool
        if pool.checkedout():
            found.append(f"{pool.checkedout()} connections")
        if await checker.busy():
            found.append("a transaction")
        if not found:
            break
        await asyncio.sleep(0.05)
    return found
