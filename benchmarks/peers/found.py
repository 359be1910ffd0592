"""The results of runs, and the file that keeps them.

A run replaces what the file has about its own jobs and databases, and keeps the rest. So a figure of one run is never
compared with that of another.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["Failure", "Figure", "Found", "Result"]


class Failure(NamedTuple):
    """A library that could not be measured, perhaps in one job only."""

    library: str
    database: str
    job: str
    """The way or the job, or "" for all."""
    reason: str

    def __str__(self) -> str:
        return f"{self.library} on {self.database}{self.job and ', '}{self.job}: {self.reason}"


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
    """Records in a round, or the size of the job."""
    rounds: int
    per_second: Figure | None
    """Records per second, of a save or a load."""
    milliseconds: Figure | None
    """The milliseconds of a call, of any other job."""
    ours_faster: Figure | None
    """How many times faster Artigraph was, round by round; None for Artigraph itself. Less than 1 if it was slower."""
    target: float | None = None
    met: bool | None = None
    date: str = field(default_factory=lambda: f"{datetime.now(UTC):%Y-%m-%d}")


@dataclass
class Found:
    """The results of a run, or of several."""

    results: list[Result] = field(default_factory=list[Result])
    failures: list[Failure] = field(default_factory=list[Failure])
    libraries: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    """The versions that each library ran with."""
    lacks: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    """For each library, the jobs that it has no figure for by its nature, each with the reason."""

    @classmethod
    def read(cls, path: Path) -> Found:
        """Return the results in a file, or none if there is no file."""
        if not path.exists():
            return cls()
        content = json.loads(path.read_text("utf-8"))
        return cls(
            [_result(each) for each in content["results"]],
            [Failure(**each) for each in content["failures"]],
            content["libraries"],
            content["lacks"],
        )

    def write(self, path: Path, about: dict[str, str], settings: str) -> None:
        """Write the results to a file, with a description of what they were measured with."""
        content = {
            "about": about,
            "settings": settings,
            "libraries": self.libraries,
            "lacks": self.lacks,
            "failures": [failure._asdict() for failure in self.failures],
            "results": [asdict(result) for result in self.results],
        }
        path.write_text(json.dumps(content, indent=1) + "\n", "utf-8", newline="\n")

    def updated(self, newer: Found, measured: Collection[tuple[str, str]]) -> Found:
        """Return these results with newer ones. `measured` has the ways and jobs of the newer run, with databases."""
        old = [one for one in self.results if (one.database, _way(one.job)) not in measured]
        databases = {database for database, _ in measured}
        failures = [
            one
            for one in self.failures
            if (one.database, one.job) not in measured and not (one.job == "" and one.database in databases)
        ]
        return Found(
            old + newer.results,
            failures + newer.failures,
            self.libraries | newer.libraries,
            self.lacks | newer.lacks,
        )


def _way(job: str) -> str:
    return job.removeprefix("save ").removeprefix("load ")


def _result(content: dict[str, Any]) -> Result:
    figures: dict[str, Any] = {
        name: None if content[name] is None else Figure(**content[name])
        for name in ("per_second", "milliseconds", "ours_faster")
    }
    return Result(**content | figures)
