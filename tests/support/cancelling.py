"""Turns of the event loop, and what a canceled save leaves behind."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from tests.support.check import Checker


async def turns(count: float) -> None:
    """Let the event loop go round so many times."""
    for _ in range(int(count)):
        await asyncio.sleep(0)


async def turns_of(work: Coroutine[Any, Any, object]) -> int:
    """Return how many times the loop goes round while something is done."""
    task, count = asyncio.ensure_future(work), 0
    while not task.done():
        await asyncio.sleep(0)
        count += 1
    await task
    return count


async def left_behind(engine: AsyncEngine, checker: Checker) -> list[str]:
    """Say what a save has not given back, after the moment that closing a connection may take."""
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
