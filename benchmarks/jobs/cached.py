"""A cached call that is served, beside a load of its result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from artigraph import ArtifactModel, tracked
from artigraph.tracking import cached_functions
from benchmarks.bench import Bench, Job
from benchmarks.floors.ways import nothing
from benchmarks.harness import Way, interleave
from benchmarks.models import Record, record
from benchmarks.results import Row, compared

__all__ = ["JOBS"]


@dataclass
class Weights(ArtifactModel, name="BenchmarkWeights"):
    """A model of one array."""

    values: Any


async def make_record(given: Record, number: int) -> Record:
    """Return a model of 6 fields."""
    del given
    return record(number)


async def make_weights(given: Record, size: int) -> Weights:
    """Return an array of random numbers."""
    del given
    return Weights(np.random.default_rng(0).random(size))


async def cached(bench: Bench) -> Sequence[Row]:
    """Call cached functions again, and load what they return."""
    rows: list[Row] = []
    cached_function = tracked(cache=True)  # used here only, because it makes loads remember the parts of models
    calls: tuple[tuple[str, Callable[..., Any], int], ...] = (
        ("a model of 6 fields", cached_function(make_record), 1),
        ("an array of 6.4 MB", cached_function(make_weights), 800_000),
    )
    given = record(0)
    await given.save("given")
    for what, call, size in calls:
        result = await call(given, size)
        node_id = await result.save(what)
        before = {each.function: each.hits for each in await cached_functions()}

        async def ours(_: object, call: Callable[..., Any] = call, size: int = size) -> None:
            await call(given, size)

        async def load(_: object, cls: Any = result.__class__, node_id: Any = node_id) -> None:
            await cls.load(node_id)

        ways = {"ours": Way(ours, nothing), "load": Way(load, nothing)}
        seconds = await interleave(ways, rounds=bench.effort.rounds)
        after = {each.function: each.hits for each in await cached_functions()}
        assert sum(after.values()) > sum(before.values()), "the calls were computed"
        title = f"a cached call that returns {what}, beside a load of the result"
        job = f"cached-{'model' if size == 1 else 'array'}"
        rows.append(compared(seconds, job=job, title=title, database=bench.database, limit=3, against="load"))
    return rows


JOBS = (Job("cached", cached),)
