"""The rounds: all libraries do the same work in turns, and each is compared with our time in the same round.

The speed of a shared machine drifts by a factor of two within minutes. So ratios are computed within each round, and
never between runs.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.peers.environments import OURS, PEERS, PeerError
from benchmarks.peers.found import Failure, Figure, Found, Result
from benchmarks.peers.process import Process
from integration.support.databases import fresh_database

__all__ = ["JOBS", "WAYS", "measure"]

WAYS = ("one by one", "nested", "in bulk")
JOBS = ("newest", "lineage", "cached", "delete")
"""What is one call with its own data. These are measured on SQLite only, where all libraries are."""
ON_SERVERS = ("artigraph_0_0_4", "artigraph_0_1_0")
"""The peers that are also measured on a server. The others use only SQLite."""
TARGETS = {"save one by one": 8.0, "save nested": 20.0, "load one by one": 8.0}
"""How many times faster than 0.0.4 Artigraph must be."""

Do = Callable[[Process, int], dict[str, float]]
"""Lets a process do its part of a round, by number. Returns the seconds of each job."""


def measure(
    database: str, peers: Sequence[str], counts: Mapping[str, int], rounds: int, settings: str, found: Found
) -> None:
    """Measure the peers and Artigraph on one database, each in a new database that is dropped at the end.

    `counts` has the number of records for each way, and the size of each job.
    """
    with ExitStack() as stack:
        running: list[Process] = []
        for name in (OURS, *PEERS):
            if name not in (OURS, *peers) or (database != "sqlite" and name not in (OURS, *ON_SERVERS)):
                continue
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="artigraph-peers-")))
            url = stack.enter_context(fresh_database(database, folder))
            try:
                process = Process(name, url, folder, settings)
            except PeerError as error:
                _fail(found, Failure(name, database, "", str(error)))
                continue
            stack.callback(process.close)
            found.libraries[name] = process.libraries
            found.lacks[name] = process.lacks
            running.append(process)
        for what, count in counts.items():
            if what in JOBS and database != "sqlite":
                continue
            having = [process for process in running if what in (*process.ways, *process.jobs)]
            seconds = _interleave(having, _part(what, count), rounds, database, what, found)
            found.results += _results(seconds, database, count)


def _part(what: str, count: int) -> Do:
    if what in JOBS:
        return lambda process, _: process.call(what, count)
    # Numbers that no other round of the run uses.
    return lambda process, number: process.round(what, count, (WAYS.index(what) * 1000 + number + 1) * count)


def _interleave(
    processes: list[Process], do: Do, rounds: int, database: str, what: str, found: Found
) -> dict[str, dict[str, list[float]]]:
    """Return the seconds of each round by job and library. A first round, which fills caches, does not count."""
    seconds: dict[str, dict[str, list[float]]] = {}
    taking_part = list(processes)
    for number in range(-1, rounds):
        start = number % len(processes)  # each round begins with another process, so none always follows the same one
        for process in processes[start:] + processes[:start]:
            if process not in taking_part:
                continue
            try:
                taken = do(process, number)
            except PeerError as error:
                _fail(found, Failure(process.name, database, what, str(error)))
                taking_part.remove(process)
                continue
            for job, value in taken.items() if number >= 0 else ():
                seconds.setdefault(job, {}).setdefault(process.name, []).append(value)
    for by_library in seconds.values():
        for name in [name for name, values in by_library.items() if len(values) < rounds]:
            del by_library[name]
    print(f"{database}, {what}: measured", flush=True)
    return seconds


def _fail(found: Found, failure: Failure) -> None:
    print(failure, flush=True)
    found.failures.append(failure)


def _results(seconds: Mapping[str, Mapping[str, list[float]]], database: str, count: int) -> list[Result]:
    results: list[Result] = []
    for job, by_library in seconds.items():
        ours = by_library.get(OURS, [])
        for name, taken in by_library.items():
            ratios = [one / other for one, other in zip(taken, ours, strict=True)] if ours and name != OURS else []
            faster = _figure(ratios) if ratios else None
            target = TARGETS.get(job) if name == "artigraph_0_0_4" else None
            results.append(
                Result(
                    job,
                    database,
                    name,
                    count,
                    len(taken),
                    per_second=None if job in JOBS else _figure([count / value for value in taken]),
                    milliseconds=_milliseconds(job, taken, count) if job in JOBS else None,
                    ours_faster=faster,
                    target=target,
                    met=None if target is None or faster is None else faster.median >= target,
                )
            )
    return results


def _milliseconds(job: str, taken: Sequence[float], count: int) -> Figure:
    """Return the milliseconds of a call. A round of the job `cached` has as many calls as its size."""
    calls = count if job == "cached" else 1
    return _figure([1000 * value / calls for value in taken])


def _figure(values: Sequence[float]) -> Figure:
    low, median, high = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else [values[0]] * 3
    return Figure(*(float(f"{value:.3g}") if value < 100 else round(value, 2) for value in (median, low, high)))
