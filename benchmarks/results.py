"""What was measured, as rows of one table and as curves, and the file that keeps them."""

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
    """The database, or what else the job ran on."""
    unit: str
    ours: Figure
    floors: Mapping[str, Figure] = field(default_factory=dict[str, Figure])
    """What the floors took: `raw` (the bare driver or library) and `core` (SQLAlchemy Core)."""
    ratios: Mapping[str, Figure] = field(default_factory=dict[str, Figure])
    """Ours divided by each floor, round by round."""
    against: str | None = None
    """What the target is a multiple of: a floor, or `ours` where the figure itself has a limit."""
    limit: float | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where there is none."""
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
    """Make a row of what `interleave` returned for `ours` and the floors; `each` is how often a round did the job."""
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
    """All rows and curves, and what they were measured with."""

    rows: list[Row] = field(default_factory=list[Row])
    curves: list[Curve] = field(default_factory=list[Curve])
    about: dict[str, str] = field(default_factory=dict[str, str])

    def add(self, found: Iterable[Row | Curve]) -> None:
        """Add rows and curves; each replaces the one of the same job and database, so that parts can be run again."""
        for item in found:
            if isinstance(item, Row):
                self.rows = [row for row in self.rows if (row.job, row.database) != (item.job, item.database)]
                self.rows.append(item)
            else:
                key = (item.plot, item.database, item.line)
                self.curves = [curve for curve in self.curves if (curve.plot, curve.database, curve.line) != key]
                self.curves.append(item)

    def write(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(_rounded(asdict(self)), indent=1) + "\n"
        partial = path.with_suffix(".partial")
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)

    @classmethod
    def read(cls, path: Path) -> Results:
        """Read a file; where there is none, there are no results."""
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
