"""Run long conversions cooperatively, so that they never block the event loop for long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import Any, TypeVar, cast

R = TypeVar("R")

SLICE = 512
"""The number of nodes converted before other tasks get a turn: a few milliseconds of work."""
ThreadWork = Callable[[], Any]
"""A call that takes long enough to run in a thread."""


async def run_in_slices(steps: Generator[ThreadWork | None, Any, R]) -> R:
    """Run a generator to its end. If it yields None, other tasks get a turn; if it yields work, a thread does it."""
    result: object = None
    while True:
        try:
            work = steps.send(result)
        except StopIteration as end:
            return cast("R", end.value)
        if work is None:
            await asyncio.sleep(0)
            result = None
        else:
            result = await asyncio.to_thread(work)


def run_here(steps: Generator[ThreadWork | None, Any, R]) -> R:
    """Run a generator to its end in this thread, without a break."""
    result: object = None
    while True:
        try:
            work = steps.send(result)
        except StopIteration as end:
            return cast("R", end.value)
        result = None if work is None else work()
