"""Long operations: they let other tasks of the event loop run, and report their progress by one protocol."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any, TypeVar, cast

__all__ = ["Meter", "Progress", "ProgressCallback", "ProgressReporter"]

R = TypeVar("R")

SLICE = 512
"""The number of nodes converted before other tasks get a turn: a few milliseconds of work."""
ThreadWork = Callable[[], Any]
"""A call that takes long enough to run in a thread."""
_INTERVAL = 0.1
"""Seconds between two reports of a stage that advances all the time."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a long operation."""

    stage: str
    """The current stage, as text to show."""
    done: int
    """How much of this stage is done, in `unit`. A stage that is tried again begins at 0 again."""
    total: int | None
    """How much the stage has in all, or None if that is unknown. It may become known, or change, on the way."""
    unit: str = "items"
    """What is counted, in the plural: `objects`, `rows`, `models`, `checks` or `bytes`."""


ProgressCallback = Callable[[Progress], object]
"""Receives progress, on the event loop. An exception that it raises ends the operation and propagates unchanged."""


class Meter:
    """Counts what a stage has done, in any thread; see `ProgressReporter.metered`."""

    def __init__(self, total: int | None = None) -> None:
        self._lock = Lock()
        self.done: int = 0
        """How much is done."""
        self.total: int | None = total
        """How much there is in all, or None. You may set it as soon as it is known."""
        self.failure: Exception | None = None
        """The exception of the callback, once it has raised one."""

    def add(self, count: int) -> None:
        """Count more as done. If the callback has raised an exception meanwhile, raise it here to end the work."""
        if self.failure is not None:
            raise self.failure
        with self._lock:
            self.done += count


class ProgressReporter:
    """Reports progress to a callback, if there is one.

    report = ProgressReporter(progress)
    report("read rows", done, total, "rows")
    """

    def __init__(self, callback: ProgressCallback | None = None) -> None:
        self._callback = callback
        self._next = 0.0
        self._stage: str | None = None

    def __call__(self, stage: str, done: int, total: int | None = None, unit: str = "items") -> None:
        """Report the progress of a stage."""
        if self._callback is not None:
            self._callback(Progress(stage, done, total, unit))

    def paced(self, stage: str, done: int, total: int, unit: str = "items") -> None:
        """Report the progress of a stage that advances in small steps: its start, its end, and ten times a second."""
        if self._callback is None:
            return
        now = time.monotonic()
        if now >= self._next or done >= total or stage != self._stage:
            self._next, self._stage = now + _INTERVAL, stage
            self._callback(Progress(stage, done, total, unit))

    @asynccontextmanager
    async def metered(self, stage: str, total: int | None = None, unit: str = "bytes") -> AsyncGenerator[Meter]:
        """Report what the block counts with a `Meter`, in any thread: at the start, at the end, and ten times a second.

        The callback is called on the event loop. If it raises an exception, the next `Meter.add` raises it, and so does
        the end of the block, whatever the block made of it.
        """
        meter = Meter(total)
        if self._callback is None:
            yield meter
            return
        self(stage, 0, total, unit)
        watching = asyncio.create_task(self._watch(meter, stage, unit))
        try:
            yield meter
        except Exception as error:
            if meter.failure is None or error is meter.failure:
                raise
            raise meter.failure from None
        finally:
            watching.cancel()
            await asyncio.wait([watching])
        if meter.failure is not None:
            raise meter.failure
        if meter.total is not None:
            meter.done = meter.total  # what did not have to be read, such as columns that were not asked for
        self(stage, meter.done, meter.total, unit)

    async def _watch(self, meter: Meter, stage: str, unit: str) -> None:
        shown = 0
        while meter.failure is None:
            await asyncio.sleep(_INTERVAL)
            if meter.done != shown:
                shown = meter.done
                try:
                    self(stage, shown, meter.total, unit)
                except Exception as error:  # raised by the work that is watched
                    meter.failure = error


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
