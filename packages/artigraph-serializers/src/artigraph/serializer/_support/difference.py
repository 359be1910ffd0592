"""How two tables differ, in one line of text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["Column", "Differing", "Table", "describe_tables", "told"]

_MOST = 6
"""How many columns are named of each kind of change."""


class Differing(NamedTuple):
    """How many cells of a column differ."""

    number: int
    most: float | None = None
    """The greatest difference between two finite numbers, where there are such."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    label: Hashable
    dtype: object
    """What is compared; its text is shown."""
    values: object


@dataclass(frozen=True, slots=True)
class Table:
    """What is compared of a table."""

    rows: int
    columns: Sequence[Column]


def describe_tables(
    before: Table,
    after: Table,
    differing: Callable[[Column, Column, int], Differing],
    *,
    others: Iterable[str] = (),
) -> str:
    """Say how two tables differ: shapes, columns, dtypes, and how many cells of which columns.

    Args:
        before: the table before.
        after: the table after.
        differing: says how many of the first so many cells of two columns of one dtype differ.
        others: what else differs, in words.
    """
    mine, theirs = _by_label(before.columns), _by_label(after.columns)
    rows = min(before.rows, after.rows)
    parts: list[str] = []
    if (before.rows, len(mine)) != (after.rows, len(theirs)):
        parts.append(f"{before.rows:,}x{len(mine):,} → {after.rows:,}x{len(theirs):,}")
    parts += _named("new columns", [repr(label) for (label, _) in theirs if (label, _) not in mine])
    parts += _named("without columns", [repr(label) for (label, _) in mine if (label, _) not in theirs])
    common = [(mine[key], theirs[key]) for key in mine if key in theirs]
    if [key for key in mine if key in theirs] != [key for key in theirs if key in mine]:
        parts.append("columns in another order")
    retyped = [pair for pair in common if pair[0].dtype != pair[1].dtype]
    parts += _named("dtypes", [_retyped(*pair) for pair in retyped])
    found: list[str] = []
    for one, other in common:
        cells = differing(one, other, rows) if rows and one.dtype == other.dtype else Differing(0)
        if cells.number:
            found.append(f"{one.label!r} {told(cells, rows)}")
    where = "cells differ" if before.rows == after.rows else f"of the first {rows:,} rows, cells differ"
    parts += _named(where, found)
    return "; ".join([*parts, *others]) or "alike in shape, dtypes and cells, not in labels or metadata"


def told(cells: Differing, of: int) -> str:
    """Return how many differ, of how many, and by how much at most."""
    by = "" if cells.most is None else f", by at most {cells.most:g}"
    return f"({cells.number:,} of {of:,}{by})"


def _named(title: str, names: Sequence[str]) -> list[str]:
    if not names:
        return []
    more = f" and {len(names) - _MOST:,} more" if len(names) > _MOST else ""
    return [f"{title}: {', '.join(name.replace(chr(10), ' ')[:120] for name in names[:_MOST])}{more}"]


def _retyped(one: Column, other: Column) -> str:
    before, after = str(one.dtype)[:40], str(other.dtype)[:40]
    return f"{one.label!r} {before} → {after if before != after else 'another ' + after}"


def _by_label(columns: Iterable[Column]) -> dict[tuple[Hashable, int], Column]:
    """Return columns by their label and, as labels may be there twice, by which of these it is."""
    seen: Counter[Hashable] = Counter()
    found: dict[tuple[Hashable, int], Column] = {}
    for column in columns:
        found[column.label, seen[column.label]] = column
        seen[column.label] += 1
    return found
