"""Results as rows of a table and as curves, and the file that stores them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.harness import Figure, figure, ratio

__all__ = ["Curve", "Results", "Row", "compared"]


@dataclass(frozen=True)
class Row:
    """One row of the table: a job on a database."""

    job: str
    title: str
    database: str
    """The database, or the other system that the job ran on."""
    unit: str
    ours: Figure
    floors: Mapping[str, Figure] = field(default_factory=dict[str, Figure])
    """The time of each floor: `raw` (the bare driver or library) and `core` (SQLAlchemy Core)."""
    ratios: Mapping[str, Figure] = field(default_factory=dict[str, Figure])
    """Our time as a multiple of each floor's, round by round."""
    against: str | None = None
    """The base of the target: a floor, or `ours` if the target limits the figure itself."""
    limit: float | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is met, or None if there is no target."""
        if self.limit is None or self.against is None:
            return None
        return (self.ours if self.against == "ours" else self.ratios[self.against]).median <= self.limit


@dataclass(frozen=True)
class Curve:
    """Cost against size: one line of a plot."""

    plot: str
    database: str
    line: str
    sizes: Sequence[int]
    costs: Sequence[Figure]
    """Milliseconds for each size."""


def compared(
    seconds: Mapping[str, Sequence[float]],
    *,
    job: str,
    title: str,
    database: str,
    limit: float | None,
    against: str = "core",
    unit: str = "ms",
    each: int = 1,
    note: str = "",
) -> Row:
    """Make a row from the result of `interleave` for `ours` and the floors. `each` is the number of jobs in a round."""
    scale = {"ms": 1000.0, "s": 1.0}[unit] / each
    return Row(
        job,
        title,
        database,
        unit,
        figure(seconds["ours"], scale),
        {name: figure(values, scale) for name, values in seconds.items() if name != "ours"},
        {name: ratio(seconds["ours"], values) for name, values in seconds.items() if name != "ours"},
        against,
        limit,
        note,
    )


@dataclass
class Results:
    """All rows and curves, and a description of what they were measured with."""

    rows: list[Row] = field(default_factory=list[Row])
    curves: list[Curve] = field(default_factory=list[Curve])
    about: dict[str, str] = field(default_factory=dict[str, str])

    def add(self, found: Iterable[Row | Curve]) -> None:
        """Add rows and curves. Each replaces that of the same job and database, so parts of a run can be repeated."""
        for item in found:
            if isinstance(item, Row):
                self.rows = [row for row in self.rows if (row.job, row.database) != (item.job, item.database)]
                self.rows.append(item)
            else:
                key = (item.plot, item.database, item.line)
                self.curves = [curve for curve in self.curves if (curve.plot, curve.database, curve.line) != key]
                self.curves.append(item)

    def write(self, path: Path) -> None:
        """Write the file atomically."""
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(_rounded(asdict(self)), indent=1) + "\n"
        partial = path.with_suffix(".partial")
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)

    @classmethod
    def read(cls, path: Path) -> Results:
        """Read a file, or return no results if it does not exist."""
        if not path.exists():
            return cls()
        data: dict[str, Any] = json.loads(path.read_text("utf-8"))
        rows = [
            Row(
                **(
                    row
                    | {"ours": Figure(**row["ours"])}
                    | {key: {name: Figure(**value) for name, value in row[key].items()} for key in ("floors", "ratios")}
                )
            )
            for row in data["rows"]
        ]
        curves = [Curve(**(curve | {"costs": [Figure(**cost) for cost in curve["costs"]]})) for curve in data["curves"]]
        return cls(rows, curves, data["about"])


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list):
        return [_rounded(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return value
