"""Equality of frames and series by content, dtype and labels, where NaN equals NaN and NA equals NA."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

import pandas as pd
from artigraph.serializer._support.arrow import pa
from artigraph.serializer._support.arrow_compare import differing_arrow, same_chunked
from artigraph.serializer._support.difference import Column, Differing, Table, describe_tables
from artigraph.serializer.numpy import array_serializer
from artigraph.serializer.numpy.compare import differing_array, equal_or_nan
from artigraph.serializer.pandas._values import COMPARED, values_of


def same_frame(one: Any, other: Any) -> bool:
    """Say whether two frames have one type and equal labels, dtypes and values."""
    if type(one) is not type(other) or one.shape != other.shape:
        return False
    if not (same_index(one.columns, other.columns) and same_index(one.index, other.index)):
        return False
    return all(
        same_values(values_of(one.iloc[:, place]), values_of(other.iloc[:, place])) for place in range(one.shape[1])
    )


def same_series(one: Any, other: Any) -> bool:
    """Say whether two series have one type and equal name, labels, dtype and values."""
    if type(one) is not type(other) or not same_scalar(one.name, other.name):
        return False
    return same_index(one.index, other.index) and same_values(values_of(one), values_of(other))


def same_index(one: Any, other: Any) -> bool:
    """Say whether two indexes have one kind and equal names, frequency and labels."""
    if one is other:
        return True
    if type(one) is not type(other) or len(one) != len(other) or one.nlevels != other.nlevels:
        return False
    names = all(same_scalar(mine, theirs) for mine, theirs in zip(one.names, other.names, strict=True))
    return names and _same_labels(one, other)


def _same_labels(one: Any, other: Any) -> bool:
    if isinstance(one, pd.MultiIndex):
        return all(
            same_index(one.get_level_values(level), other.get_level_values(level)) for level in range(one.nlevels)
        )
    if isinstance(one, pd.RangeIndex):
        return bool(one.start == other.start and one.stop == other.stop and one.step == other.step)
    if getattr(one, "freq", None) != getattr(other, "freq", None):
        return False
    return same_values(values_of(one), values_of(other))


def same_scalar(one: object, other: object) -> bool:
    """Say whether two names, or two scalars of pandas, have one type and are equal."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    mine: Any = one
    theirs: Any = other
    if isinstance(one, tuple):
        return len(mine) == len(theirs) and all(map(same_scalar, mine, theirs))
    details = [[str(getattr(each, name, None)) for name in ("unit", "tzinfo", "freq")] for each in (one, other)]
    return equal_or_nan(one, other) and details[0] == details[1]


def same_values(one: Any, other: Any) -> bool:
    """Say whether two arrays have one type and dtype, and equal elements."""
    if type(one) is not type(other) or one.dtype != other.dtype or len(one) != len(other):
        return False
    if isinstance(one, np.ndarray):
        return array_serializer.equal(cast("Any", one), other)
    return _same_extension(one, other)


def _same_extension(one: Any, other: Any) -> bool:
    if isinstance(one, (pd.arrays.IntegerArray, pd.arrays.FloatingArray, pd.arrays.BooleanArray)):
        return _same_masked(one, other)
    if type(one) in COMPARED:
        same = COMPARED[type(one)](one, other)
    elif isinstance(one, pd.Categorical):
        same = same_index(one.categories, other.categories) and bool(np.array_equal(one.codes, other.codes))
    elif isinstance(one, pd.arrays.IntervalArray):
        parts = ((one.left, other.left), (one.right, other.right))
        same = all(same_values(values_of(mine), values_of(theirs)) for mine, theirs in parts)
    elif isinstance(one, pd.arrays.SparseArray):
        same = array_serializer.equal(one.to_dense(), other.to_dense())
    elif isinstance(one, pd.arrays.ArrowExtensionArray):
        same = same_chunked(chunked_of(one), chunked_of(other))
    else:
        same = bool(one.equals(other))
    return same


def _same_masked(one: Any, other: Any) -> bool:
    """Compare nullable arrays by mask and data. NaN and NA differ, and only the mask distinguishes them."""
    mine, theirs = one._mask, other._mask
    return bool(np.array_equal(mine, theirs)) and same_values(one._data[~mine], other._data[~theirs])


def chunked_of(values: Any) -> Any:
    """Return the Arrow data of an array. pandas has no public attribute for it."""
    found = values.__arrow_array__()
    return pa.chunked_array([found]) if isinstance(found, pa.Array) else found


def describe_frames(before: pd.DataFrame, after: pd.DataFrame) -> str:
    """Return one line on how two frames differ: shapes, columns, dtypes, index, and how many cells of which columns."""
    return describe_tables(_table(before), _table(after), _differing, others=_index(before, after))


def describe_series(before: pd.Series[Any], after: pd.Series[Any]) -> str:
    """Return one line on how two series differ: name, length, dtype, index, and how many cells."""
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
    missing = one._mask | other._mask
    there = differing_array(one._data[~missing], other._data[~missing])
    return there._replace(number=there.number + int(np.count_nonzero(one._mask != other._mask)))
