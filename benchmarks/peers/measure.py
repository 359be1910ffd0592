"""The rounds: all libraries do the same work in turns, and each is compared with our time in the same round.

The speed of a shared machine drifts by a factor of two within minutes. So ratios are computed within each round, and
never between runs.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.peers.environments import OURS, PEERS, PeerError
from benchmarks.peers.process import Process
from integration.support.databases import fresh_database

__all__ = ["WAYS", "Figure", "Found", "Result", "measure"]

WAYS = ("one by one", "nested", "in bulk")
ON_SERVERS = ("artigraph_0_0_4", "artigraph_0_1_0")
"""The peers that are also measured on a server. The others use only SQLite."""
TARGETS = {"save one by one": 8.0, "save nested": 20.0, "load one by one": 8.0}
"""How many times faster than 0.0.4 Artigraph must be."""


@dataclass(frozen=True)
class Figure:
    """The median and quartiles of several rounds."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Result:
    """The result of one library in one job on one database."""

    job: str
    database: str
    library: str
    count: int
    """Records in a round."""
    rounds: int
    per_second: Figure
    """Records per second."""
    ours_faster: Figure | None
    """How many times faster Artigraph was, round by round; None for Artigraph itself."""
    target: float | None = None
    met: bool | None = None


@dataclass
class Found:
    """The results of a run."""

    results: list[Result] = field(default_factory=list[Result])
    failures: dict[str, str] = field(default_factory=dict[str, str])
    """The libraries that could not be measured, perhaps on one database only, each with the reason."""
    libraries: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    """The versions that each library ran with."""


def measure(
    database: str, peers: Sequence[str], counts: Mapping[str, int], rounds: int, settings: str, found: Found
) -> None:
    """Measure the peers and Artigraph on one database, each in a new database that is dropped at the end.

    `counts` has the number of records for each way.
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
                _fail(found, f"{name} on {database}", error)
                continue
            stack.callback(process.close)
            found.libraries[name] = process.libraries
            running.append(process)
        for way in counts:
            having = [process for process in running if way in process.ways]
            seconds = _interleave(having, way, counts[way], rounds, database, found)
            found.results += _results(seconds, database, counts[way])


def _interleave(
    processes: list[Process], way: str, count: int, rounds: int, database: str, found: Found
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
                # Numbers that no other round of the run uses.
                taken = process.round(way, count, (WAYS.index(way) * 1000 + number + 1) * count)
            except PeerError as error:
                _fail(found, f"{process.name} on {database}, {way}", error)
                taking_part.remove(process)
                continue
            for job, value in taken.items() if number >= 0 else ():
                seconds.setdefault(job, {}).setdefault(process.name, []).append(value)
    for by_library in seconds.values():
        for name in [name for name, values in by_library.items() if len(values) < rounds]:
            del by_library[name]
    print(f"{database}, {way}: measured", flush=True)
    return seconds


def _fail(found: Found, what: str, error: PeerError) -> None:
    print(f"{what}: {error}", flush=True)
    found.failures[what] = str(error)


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
                    per_second=_figure([count / value for value in taken]),
                    ours_faster=faster,
                    target=target,
                    met=None if target is None or faster is None else faster.median >= target,
                )
            )
    return results


def _figure(values: Sequence[float]) -> Figure:
    low, median, high = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else [values[0]] * 3
    return Figure(round(median, 2), round(low, 2), round(high, 2))
