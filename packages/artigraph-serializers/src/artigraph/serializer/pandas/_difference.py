"""How two frames or series differ, in one line of text."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

import pandas as pd
from artigraph.serializer._support.arrow_difference import differing_arrow
from artigraph.serializer._support.difference import Column, Differing, Table, describe_tables
from artigraph.serializer.numpy._difference import differing_array
from artigraph.serializer.pandas._equal import chunked_of, same_index, same_scalar, values_of

__all__ = ["describe_frames", "describe_series"]


def describe_frames(before: pd.DataFrame, after: pd.DataFrame) -> str:
    """Say how two frames differ: shapes, columns, dtypes, index, and how many cells of which columns."""
    return describe_tables(_table(before), _table(after), _differing, others=_index(before, after))


def describe_series(before: pd.Series[Any], after: pd.Series[Any]) -> str:
    """Say how two series differ: name, length, dtype, index, and how many cells."""
    others = _index(before, after)
    if not same_scalar(before.name, after.name):
        others.insert(0, f"name: {before.name!r:.60} → {after.name!r:.60}")
    tables = [Table(len(each), [Column("values", each.dtype, values_of(each))]) for each in (before, after)]
    return describe_tables(tables[0], tables[1], _differing, others=others)


def _table(frame: pd.DataFrame) -> Table:
    columns = [
        Column(label, frame.dtypes.iloc[place], values_of(frame.iloc[:, place]))
        for place, label in enumerate(frame.columns)
    ]
    return Table(len(frame), columns)


def _index(before: Any, after: Any) -> list[str]:
    if same_index(before.index, after.index):
        return []
    start = min(len(before), len(after))
    if len(before) != len(after) and same_index(before.index[:start], after.index[:start]):
        return []
    return ["another index"]


def _differing(one: Column, other: Column, rows: int) -> Differing:
    mine, theirs = cast("Any", one.values)[:rows], cast("Any", other.values)[:rows]
    if isinstance(mine, np.ndarray):
        return differing_array(cast("Any", mine), theirs)
    if isinstance(mine, (pd.arrays.IntegerArray, pd.arrays.FloatingArray, pd.arrays.BooleanArray)):
        return _differing_masked(mine, theirs)
    if isinstance(mine, pd.arrays.ArrowExtensionArray):
        return differing_arrow(chunked_of(mine), chunked_of(theirs))
    pairs = zip(mine.astype(object), theirs.astype(object), strict=True)
    return Differing(sum(not same_scalar(*pair) for pair in pairs))


def _differing_masked(one: Any, other: Any) -> Differing:
    missing = one._mask | other._mask  # noqa: SLF001
    there = differing_array(one._data[~missing], other._data[~missing])  # noqa: SLF001
    return there._replace(number=there.number + int(np.count_nonzero(one._mask != other._mask)))  # noqa: SLF001
