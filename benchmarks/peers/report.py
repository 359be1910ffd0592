"""The results as Markdown for the documentation."""

from __future__ import annotations

import os
import platform
import sqlite3
from collections.abc import Sequence

from benchmarks.peers.environments import OURS, PEERS
from benchmarks.peers.found import Figure, Found, Result
from benchmarks.peers.measure import JOBS, WAYS

__all__ = ["about", "as_markdown"]

_HALVES = [f"{half} {way}" for way in WAYS for half in ("save", "load")]
_ORDER = [*_HALVES, *JOBS]
_TITLES = {
    "newest": "list the newest 50 of {:,} runs",
    "lineage": "find all ancestors in a shared graph of {:,} artifacts",
    "cached": "a cached call that is served",
    "delete": "delete a run with {:,} artifacts",
}
_DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
_LIBRARIES = {
    OURS: "this Artigraph",
    "artigraph_0_0_4": "artigraph 0.0.4",
    "artigraph_0_1_0": "artigraph 0.1.0",
    "aiida": "AiiDA",
    "mlflow": "MLflow",
    "redun": "redun",
}
_INTRODUCTION = (
    "The same records of five fields for all. Medians, with quartiles in brackets; the ratio is taken round by round, "
    "the libraries taking turns. A dash means that a library has no such call."
)
_SETTINGS = {
    "equal": "On SQLite all have WAL, synchronous=NORMAL and foreign keys.",
    "own": "On SQLite each library has the settings that it makes for itself.",
}


def as_markdown(found: Found, settings: str) -> str:
    """Return tables of saves, loads and other calls, a list of what Artigraph loses, and what was not measured."""
    ordered = sorted(found.results, key=_place)
    halves = [one for one in ordered if one.job in _HALVES]
    calls = [one for one in ordered if one.job in JOBS]
    parts = [f"{_INTRODUCTION} {_SETTINGS[settings]}\n"]
    if halves:
        head = ("job", "database", "peer", "ours, records/s", "peer, records/s", "ours is faster", "target", "met")
        parts += [
            _table(head, [_comparison(one, _ours(halves, one)) for one in halves if one.library != OURS]),
            "Records per second:\n",
            _table(("library", "database", *_HALVES), _rates(halves)),
        ]
    if calls:
        columns = ("call", "database", "peer", "ours, ms", "peer, ms", "ours is faster")
        parts += [
            "Milliseconds of other calls:\n",
            _table(columns, [_call(one, _ours(calls, one)) for one in calls if one.library != OURS]),
        ]
    if lost := [one for one in ordered if one.ours_faster is not None and one.ours_faster.median < 1]:
        parts.append("Where Artigraph is slower:\n\n" + "".join(map(_lost, lost)))
    if reasons := [
        f"- {_title(job, calls)}: {_LIBRARIES[library]} {lacks[job]}\n"
        for job in JOBS
        for library, lacks in found.lacks.items()
        if job in lacks and any(one.job == job for one in calls)
    ]:
        parts.append("Calls without a figure:\n\n" + "".join(reasons))
    if found.failures:
        parts.append("Not measured:\n\n" + "".join(f"- {failure}\n" for failure in found.failures))
    parts.append("".join(f"- {name}: {value}\n" for name, value in about(found).items()))
    return "\n".join(parts)


def about(found: Found) -> dict[str, str]:
    """Return what the results were measured with."""
    used = {_LIBRARIES[name]: libraries for name, libraries in found.libraries.items()}
    dates = sorted({result.date for result in found.results})
    return {
        "Libraries": "; ".join(
            f"{name}: {', '.join(f'{library} {version}' for library, version in libraries.items())}"
            for name, libraries in used.items()
        ),
        "Python": f"{platform.python_version()}, SQLite {sqlite3.sqlite_version}, {platform.system()}",
        "Machine": os.environ.get("ARTIGRAPH_BENCH_MACHINE", f"{os.cpu_count()} cores, the server on the same machine"),
        "Date": " and ".join(dates),
    }


def _place(result: Result) -> tuple[int, int, int]:
    libraries = (OURS, *PEERS)
    return _ORDER.index(result.job), list(_DATABASES).index(result.database), libraries.index(result.library)


def _ours(results: Sequence[Result], like: Result) -> Result | None:
    found = [one for one in results if (one.job, one.database, one.library) == (like.job, like.database, OURS)]
    return found[0] if found else None


def _comparison(result: Result, ours: Result | None) -> tuple[str, ...]:
    return (
        result.job,
        _DATABASES[result.database],
        _LIBRARIES[result.library],
        _rate(ours),
        _rate(result),
        _times(result.ours_faster) if result.ours_faster else "not measured",
        f"{result.target:.0f}x" if result.target else "",
        {True: "yes", False: "NO", None: ""}[result.met],
    )


def _call(result: Result, ours: Result | None) -> tuple[str, ...]:
    return (
        _title(result.job, [result]),
        _DATABASES[result.database],
        _LIBRARIES[result.library],
        _duration(ours),
        _duration(result),
        _times(result.ours_faster) if result.ours_faster else "not measured",
    )


def _lost(result: Result) -> str:
    faster = 1 / result.ours_faster.median if result.ours_faster else 0
    what = f"{_title(result.job, [result])} on {_DATABASES[result.database]}"
    return f"- {what}: {_LIBRARIES[result.library]} is {faster:.1f} times as fast.\n"


def _title(job: str, results: Sequence[Result]) -> str:
    return _TITLES.get(job, job).format(next((one.count for one in results if one.job == job), 0))


def _rate(result: Result | None) -> str:
    return f"{result.per_second.median:,.0f}" if result and result.per_second else "not measured"


def _duration(result: Result | None) -> str:
    if result is None or result.milliseconds is None:
        return "not measured"
    value = result.milliseconds.median
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _times(figure: Figure) -> str:
    digits = 2 if figure.median < 1 else 1
    return f"{figure.median:.{digits}f}x ({figure.low:.{digits}f}-{figure.high:.{digits}f})"


def _rates(results: Sequence[Result]) -> list[tuple[str, ...]]:
    rates = {(one.library, one.database, one.job): _rate(one) for one in results}
    return [
        (_LIBRARIES[library], _DATABASES[database], *(rates.get((library, database, job), "-") for job in _HALVES))
        for database in _DATABASES
        for library in _LIBRARIES
        if any((library, database, job) in rates for job in _HALVES)
    ]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, ["---"] * len(head), *rows))
