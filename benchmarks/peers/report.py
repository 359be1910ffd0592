"""The results as JSON, and as Markdown for the documentation."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from benchmarks.peers.environments import OURS, PEERS
from benchmarks.peers.measure import WAYS, Figure, Found, Result

__all__ = ["as_json", "as_markdown"]

_JOBS = [f"{half} {way}" for way in WAYS for half in ("save", "load")]
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


def as_json(found: Found, settings: str) -> str:
    """Return all results as JSON."""
    content = {
        "about": _about(found),
        "settings": settings,
        "failures": found.failures,
        "results": [asdict(result) for result in found.results],
    }
    return json.dumps(content, indent=1) + "\n"


def as_markdown(found: Found, settings: str) -> str:
    """Return two tables, of ratios and of rates, and a list of what could not be measured."""
    ordered = sorted(found.results, key=_place)
    parts = [
        f"{_INTRODUCTION} {_SETTINGS[settings]}\n",
        _table(
            ("job", "database", "peer", "ours, records/s", "peer, records/s", "ours is faster", "target", "met"),
            [_comparison(result, _ours(found.results, result)) for result in ordered if result.library != OURS],
        ),
        "Records per second:\n",
        _table(("library", "database", *_JOBS), _rates(ordered)),
    ]
    if found.failures:
        parts.append("Not measured:\n\n" + "".join(f"- {what}: {why}\n" for what, why in found.failures.items()))
    parts.append("".join(f"- {name}: {value}\n" for name, value in _about(found).items()))
    return "\n".join(parts)


def _about(found: Found) -> dict[str, str]:
    used = {_LIBRARIES[name]: libraries for name, libraries in found.libraries.items()}
    return {
        "Libraries": "; ".join(
            f"{name}: {', '.join(f'{library} {version}' for library, version in libraries.items())}"
            for name, libraries in used.items()
        ),
        "Python": f"{platform.python_version()}, SQLite {sqlite3.sqlite_version}, {platform.system()}",
        "Machine": f"{os.cpu_count()} cores, the server on the same machine",
        "Date": f"{datetime.now(UTC):%Y-%m-%d}",
    }


def _place(result: Result) -> tuple[int, int, int]:
    libraries = (OURS, *PEERS)
    return _JOBS.index(result.job), list(_DATABASES).index(result.database), libraries.index(result.library)


def _ours(results: Sequence[Result], like: Result) -> Result | None:
    found = [one for one in results if (one.job, one.database, one.library) == (like.job, like.database, OURS)]
    return found[0] if found else None


def _comparison(result: Result, ours: Result | None) -> tuple[str, ...]:
    return (
        result.job,
        _DATABASES[result.database],
        _LIBRARIES[result.library],
        f"{ours.per_second.median:,.0f}" if ours else "not measured",
        f"{result.per_second.median:,.0f}",
        _times(result.ours_faster) if result.ours_faster else "not measured",
        f"{result.target:.0f}x" if result.target else "",
        {True: "yes", False: "NO", None: ""}[result.met],
    )


def _times(figure: Figure) -> str:
    return f"{figure.median:.1f}x ({figure.low:.1f}-{figure.high:.1f})"


def _rates(results: Sequence[Result]) -> list[tuple[str, ...]]:
    rates = {(one.library, one.database, one.job): f"{one.per_second.median:,.0f}" for one in results}
    return [
        (_LIBRARIES[library], _DATABASES[database], *(rates.get((library, database, job), "-") for job in _JOBS))
        for database in _DATABASES
        for library in _LIBRARIES
        if any((library, database, job) in rates for job in _JOBS)
    ]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, ["---"] * len(head), *rows))
