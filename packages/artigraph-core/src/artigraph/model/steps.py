"""Driving conversions so that the event loop is never held up for long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import Any, TypeVar, cast

__all__ = ["SLICE", "Work", "run_here", "run_in_slices"]

R = TypeVar("R")

SLICE = 512
"""Nodes that are converted before others have a turn: a few milliseconds."""
Work = Callable[[], Any]
"""Something that takes long enough to be done in a thread."""


async def run_in_slices(steps: Generator[Work | None, Any, R]) -> R:
    """Run steps to their end: others have a turn where they yield None, and a thread does the work that they yield."""
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


def run_here(steps: Generator[Work | None, Any, R]) -> R:
    """Run steps to their end, all of it here and now."""
    result: object = None
    while True:
        try:
            work = steps.send(result)
        except StopIteration as end:
            return cast("R", end.value)
        result = None if work is None else work()
