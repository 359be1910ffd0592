"""The results as Markdown tables, and the page of the documentation that shows them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.harness import Figure
from benchmarks.results import Results, Row

__all__ = ["counts", "page", "table", "tables"]

_HEAD = ("job", "on", "ours", "raw", "Core", "x raw", "x Core", "target", "met")
COUNTS = "statements"
"""The prefix of the names of rows that count statements."""
_ORDER = ("sqlite", "postgresql", "mysql", "mariadb")
_NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mysql": "MySQL", "mariadb": "MariaDB"}
_INTRODUCTION = """\
How fast Artigraph is beside what it is built on, on each database. Made by `just bench`, `just bench-long` and
`just bench-report`; [benchmarks/README.md](../../benchmarks/README.md) says how to measure it again.
"""
_HOW_TO_READ = """\
Raw is the bare driver or library, Core is SQLAlchemy Core, both on the same tables with the same values, transactions
and durability. A ratio is the median of the rounds' ratios, its quartiles in brackets; below 1 Artigraph is faster. The
target names what it is a multiple of.
"""
_COUNTS = """\
How many statements a call sends, for 1 model (object, run) / for 100: the number does not grow, but by one for each
chunk of some thousands.
"""

_WHY = """\
The profile of each, what was tried and what is in the way:
[what misses a target](../design/speed.md#what-misses-a-target).
"""


def table(rows: Iterable[Row]) -> str:
    """Return the rows as a Markdown table, in the order of the jobs' measurement, with databases side by side."""
    rows = list(rows)
    jobs = list(dict.fromkeys(row.job for row in rows))
    ordered = sorted(rows, key=lambda row: (jobs.index(row.job), _place(row.database)))
    lines = [_line(_HEAD), _line(["---"] * 2 + ["---:"] * 5 + ["---", "---"])]
    lines += [_line(_cells(row)) for row in ordered]
    return "\n".join(lines) + "\n"


def counts(rows: Iterable[Row]) -> str:
    """Return the rows that count statements as a Markdown table: few and many, by call and database."""
    rows = list(rows)
    databases = sorted({row.database for row in rows}, key=_place)
    lines = [_line(["call", *(_NAMES[name] for name in databases)]), _line(["---"] * (1 + len(databases)))]
    for title in dict.fromkeys(row.title for row in rows):
        found = {row.database: row for row in rows if row.title == title}
        cells = [f"{found[name].floors['raw'].median:g} / {found[name].ours.median:g}" for name in databases]
        lines.append(_line([title, *cells]))
    return "\n".join(lines) + "\n"


def tables(rows: Iterable[Row]) -> str:
    """Return both tables: the costs and the statements."""
    rows = list(rows)
    counted = [row for row in rows if row.job.startswith(COUNTS)]
    costs = [row for row in rows if row not in counted]
    return "\n".join([table(costs)] * bool(costs) + [counts(counted)] * bool(counted))


def page(results: Results, *, plots: Sequence[str], peers: str = "") -> str:
    """Return the page of the documentation.

    `plots` are paths relative to the page. `peers` is the text that `just bench-peers` wrote.
    """
    counted = [row for row in results.rows if row.job.startswith(COUNTS)]
    measured = [row for row in results.rows if row.met is not None]
    missed = [row for row in measured if not row.met]
    parts = [
        "# Performance\n",
        _INTRODUCTION,
        f"{len(measured) - len(missed)} of {len(measured)} targets are met.\n",
        "## Against the floor\n",
        _HOW_TO_READ,
        table(row for row in results.rows if row not in counted),
    ]
    if counted:
        parts += ["## Statements\n", _COUNTS, counts(counted)]
    if missed:
        parts += ["## What misses its target\n", "\n".join(map(_missed, missed)) + "\n", _WHY]
    if peers:
        parts += ["## Beside other libraries\n", peers]
    if plots:
        parts += ["## Cost against size\n", "\n".join(f"![{_alt(path)}]({path})\n" for path in plots)]
    parts += ["## Measured with\n", "\n".join(f"- {name}: {value}" for name, value in results.about.items()) + "\n"]
    return "\n".join(parts)


def _cells(row: Row) -> list[str]:
    title = f"{row.title} ({row.note})" if row.note else row.title
    ratios = [row.ratios.get(name) for name in ("raw", "core")]
    return [
        title,
        _NAMES.get(row.database, row.database),
        _amount(row.ours, row.unit),
        *(_amount(row.floors.get(name), row.unit) for name in ("raw", "core")),
        *("" if ratio is None else f"{ratio.median:.2f} ({ratio.low:.2f}-{ratio.high:.2f})" for ratio in ratios),
        _target(row),
        {True: "yes", False: "**no**", None: ""}[row.met],
    ]


def _target(row: Row) -> str:
    if row.limit is None:
        return ""
    if row.against == "ours":
        return f"{row.limit:g} {row.unit}".strip()
    return f"{row.limit:g}x {'Core' if row.against == 'core' else row.against}"


def _missed(row: Row) -> str:
    figure = row.ours if row.against in (None, "ours") else row.ratios[row.against]
    return f"- {row.title}, on {_NAMES.get(row.database, row.database)}: {figure.median:.2f}, at most {_target(row)}"


def _amount(figure: Figure | None, unit: str) -> str:
    if figure is None:
        return ""
    value = figure.median
    digits = 0 if value >= 100 or value == int(value) else 1 if value >= 10 else 2 if value >= 1 else 3
    return f"{value:,.{digits}f} {unit}".strip()


def _place(database: str) -> tuple[int, str]:
    return (_ORDER.index(database) if database in _ORDER else len(_ORDER), database)


def _alt(path: str) -> str:
    return Path(path).stem.replace("-", " ")


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
