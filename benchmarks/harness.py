"""Measuring several ways to do one job.

The speed of a shared machine drifts by a factor of two within minutes. So nothing here is compared with a measurement
of another run: the ways take turns, round by round, and their ratio is computed within each round.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Figure", "Way", "figure", "interleave", "ratio"]


@dataclass(frozen=True)
class Figure:
    """The median and quartiles of several measurements."""

    median: float
    low: float
    """The lower quartile."""
    high: float
    """The upper quartile."""
    rounds: int


@dataclass(frozen=True)
class Way:
    """One way to do a job."""

    run: Callable[[Any], Awaitable[object]]
    """The timed function. It takes the result of `prepare`."""
    prepare: Callable[[], Awaitable[Any]]
    """Makes the input of a round, new for each round and outside the timed part."""


async def interleave(ways: Mapping[str, Way], *, rounds: int, warm_up: int = 1) -> dict[str, list[float]]:
    """Run all ways in turns, and return the seconds of each way in each round.

    Each round begins with another way, so that none always follows the same one. The first `warm_up` rounds fill caches
    and make connections, and do not count.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    names = list(ways)
    for number in range(-warm_up, rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            prepared = await ways[name].prepare()
            gc.collect()  # one way's garbage must not be collected in another way's time
            start = time.perf_counter()
            await ways[name].run(prepared)
            taken = time.perf_counter() - start
            if number >= 0:
                seconds[name].append(taken)
    return seconds


def figure(values: Sequence[float], scale: float = 1.0) -> Figure:
    """Return the median and the quartiles of measurements, scaled to another unit."""
    scaled = [value * scale for value in values]
    if len(scaled) == 1:
        return Figure(scaled[0], scaled[0], scaled[0], 1)
    low, median, high = statistics.quantiles(scaled, n=4, method="inclusive")
    return Figure(median, low, high, len(scaled))


def ratio(ours: Sequence[float], floor: Sequence[float]) -> Figure:
    """Return our time as a multiple of the floor's, computed round by round."""
    return figure([one / other for one, other in zip(ours, floor, strict=True)])
