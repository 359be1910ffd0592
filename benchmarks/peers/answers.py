"""What every library is asked for in a call, and the answer that it must give.

The peers' scripts import this module, so it needs only Python.
"""

from __future__ import annotations

import random
from typing import NamedTuple

__all__ = ["FIRST_RATE", "LAYERS", "PAGE", "RunValues", "ancestors_of_last", "inputs", "newest", "run_values"]

PAGE = 50
"""How many of the newest runs are listed."""
LAYERS = 20
"""The layers of the graph. Each artifact was made by a run of its own, which used artifacts of the layer before."""
_INPUTS = 3
FIRST_RATE = 0.125


class RunValues(NamedTuple):
    """What is compared of a run in the list: its name, and a parameter that was recorded with it."""

    name: str
    rate: float


def run_values(number: int) -> RunValues:
    """Return the name and the parameter of a run."""
    return RunValues(f"run {number:08}", FIRST_RATE + number / 8)


def newest(count: int) -> list[RunValues]:
    """Return the newest of `count` runs, the newest first."""
    return [run_values(number) for number in reversed(range(max(0, count - PAGE), count))]


def inputs(count: int) -> list[list[int]]:
    """Return a graph of about `count` artifacts: for each, the numbers of those that its run used.

    A layer's artifacts are used by three runs of the next layer each, on average. Most artifacts are ancestors of the
    last one. There are 3**19 paths to it.
    """
    chance = random.Random(0)
    width = max(1, count // LAYERS)
    graph: list[list[int]] = [[] for _ in range(width)]
    for layer in range(1, LAYERS):
        before = range((layer - 1) * width, layer * width)
        graph += [sorted(chance.sample(before, min(_INPUTS, width))) for _ in range(width)]
    return graph


def ancestors_of_last(graph: list[list[int]]) -> list[int]:
    """Return the ancestors of the last artifact of a graph, by number."""
    found: set[int] = set()
    ahead = list(graph[-1])
    while ahead:
        number = ahead.pop()
        if number not in found:
            found.add(number)
            ahead += graph[number]
    return sorted(found)
