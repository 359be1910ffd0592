"""Describe how two tables differ, in one line of text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

_MOST = 6
"""The most columns that are named for each kind of change."""


class Differing(NamedTuple):
    """How many cells of a column differ, and by how much."""

    number: int
    most: float | None = None
    """The greatest difference between two finite numbers, or None if no pair is finite."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table, for the comparison."""

    label: Hashable
    dtype: object
    """The dtype. Dtypes are compared as they are and shown as text."""
    values: object


@dataclass(frozen=True, slots=True)
class Table:
    """A table, as far as it is compared."""

    rows: int
    columns: Sequence[Column]


def describe_tables(
    before: Table,
    after: Table,
    differing: Callable[[Column, Column, int], Differing],
    *,
    others: Iterable[str] = (),
) -> str:
    """Return one line on how two tables differ: shapes, columns, dtypes, and how many cells of which columns.

    Args:
        before: the table before.
        after: the table after.
        differing: a function that compares the first cells of two columns of one dtype. It gets the number of cells.
        others: words for other differences.
    """
    mine, theirs = _by_label(before.columns), _by_label(after.columns)
    rows = min(before.rows, after.rows)
    parts: list[str] = []
    if (before.rows, len(mine)) != (after.rows, len(theirs)):
        parts.append(f"{before.rows:,}x{len(mine):,} → {after.rows:,}x{len(theirs):,}")
    parts += named("new columns", [repr(label) for (label, _) in theirs if (label, _) not in mine])
    parts += named("without columns", [repr(label) for (label, _) in mine if (label, _) not in theirs])
    common = [(mine[key], theirs[key]) for key in mine if key in theirs]
    if [key for key in mine if key in theirs] != [key for key in theirs if key in mine]:
        parts.append("columns in another order")
    retyped = [pair for pair in common if pair[0].dtype != pair[1].dtype]
    parts += named("dtypes", [_retyped(*pair) for pair in retyped])
    found: list[str] = []
    for one, other in common:
        cells = differing(one, other, rows) if rows and one.dtype == other.dtype else Differing(0)
        if cells.number:
            found.append(f"{one.label!r} {told(cells, rows)}")
    where = "cells differ" if before.rows == after.rows else f"of the first {rows:,} rows, cells differ"
    parts += named(where, found)
    return "; ".join([*parts, *others]) or "alike in shape, dtypes and cells, not in labels or metadata"


def told(cells: Differing, of: int) -> str:
    """Return the text for differing cells: how many of how many, and by how much at most."""
    by = "" if cells.most is None else f", by at most {cells.most:g}"
    return f"({cells.number:,} of {of:,}{by})"


def named(title: str, names: Sequence[str]) -> list[str]:
    """Return a title and the first names, as a list of one text, or an empty list without names."""
    if not names:
        return []
    more = f" and {len(names) - _MOST:,} more" if len(names) > _MOST else ""
    return [f"{title}: {', '.join(name.replace(chr(10), ' ')[:120] for name in names[:_MOST])}{more}"]


def extent(shape: Iterable[int]) -> str:
    """Return the text for the shape of an array."""
    return "x".join(f"{length:,}" for length in shape) or "scalar"


def describe_by_name(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    noun: str,
    same: Callable[[Any, Any], bool],
    describe: Callable[[Any, Any], str],
) -> list[str]:
    """Return what differs between two dicts by name: names that are new or gone, and how common values differ."""
    parts = named(f"new {noun}", [repr(name) for name in after if name not in before])
    parts += named(f"without {noun}", [repr(name) for name in before if name not in after])
    changed = [name for name in before if name in after and not same(before[name], after[name])]
    return parts + named(f"{noun} differ", [f"{name!r} {describe(before[name], after[name])}" for name in changed])


def _retyped(one: Column, other: Column) -> str:
    before, after = str(one.dtype)[:40], str(other.dtype)[:40]
    return f"{one.label!r} {before} → {after if before != after else 'another ' + after}"


def _by_label(columns: Iterable[Column]) -> dict[tuple[Hashable, int], Column]:
    """Return columns by label and occurrence, because a table may have a label twice."""
    seen: Counter[Hashable] = Counter()
    found: dict[tuple[Hashable, int], Column] = {}
    for column in columns:
        found[column.label, seen[column.label]] = column
        seen[column.label] += 1
    return found
