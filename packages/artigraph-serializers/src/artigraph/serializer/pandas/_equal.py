"""Equality by content, dtype and labels, where NaN equals NaN and NA equals NA."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

import pandas as pd
from artigraph.serializer._support.arrow import pa
from artigraph.serializer._support.compare import same_chunked
from artigraph.serializer.numpy import array_serializer

__all__ = ["chunked_of", "same_frame", "same_index", "same_scalar", "same_series", "same_values"]


def same_frame(one: Any, other: Any) -> bool:
    """Whether two frames are of one type, equal in labels, dtypes and values."""
    if type(one) is not type(other) or one.shape != other.shape:
        return False
    if not (same_index(one.columns, other.columns) and same_index(one.index, other.index)):
        return False
    return all(
        same_values(values_of(one.iloc[:, place]), values_of(other.iloc[:, place])) for place in range(one.shape[1])
    )


def same_series(one: Any, other: Any) -> bool:
    """Whether two series are of one type, equal in name, labels, dtype and values."""
    if type(one) is not type(other) or not same_scalar(one.name, other.name):
        return False
    return same_index(one.index, other.index) and same_values(values_of(one), values_of(other))


def same_index(one: Any, other: Any) -> bool:
    """Whether two indexes are of one kind, equal in names, frequency and labels."""
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
    """Whether two names, or two scalars of pandas, are of one type and equal."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, tuple):
        both = (cast("tuple[object, ...]", one), cast("tuple[object, ...]", other))
        return len(both[0]) == len(both[1]) and all(map(same_scalar, *both))
    details = [[str(getattr(each, name, None)) for name in ("unit", "tzinfo", "freq")] for each in (one, other)]
    return bool(one == other or (one != one and other != other)) and details[0] == details[1]  # noqa: PLR0124 (NaN)


def values_of(value: Any) -> Any:
    """Return the array of a series or index: NumPy's where it has one."""
    return value.to_numpy() if isinstance(value.dtype, np.dtype) else value.array


def same_values(one: Any, other: Any) -> bool:
    """Whether two arrays are of one type and dtype and of equal elements."""
    if type(one) is not type(other) or one.dtype != other.dtype or len(one) != len(other):
        return False
    if isinstance(one, np.ndarray):
        return array_serializer.equal(cast("Any", one), other)
    return _same_extension(one, other)


def _same_extension(one: Any, other: Any) -> bool:
    if isinstance(one, (pd.arrays.IntegerArray, pd.arrays.FloatingArray, pd.arrays.BooleanArray)):
        return _same_masked(one, other)
    if isinstance(one, pd.Categorical):
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
    """Compare nullable arrays by mask and data: NaN beside NA is another value, and only the mask tells them apart."""
    mine, theirs = one._mask, other._mask  # noqa: SLF001
    return bool(np.array_equal(mine, theirs)) and same_values(one._data[~mine], other._data[~theirs])  # noqa: SLF001


def chunked_of(values: Any) -> Any:
    """Return the Arrow data of an array; what it is made of is no public name."""
    found = values.__arrow_array__()
    return pa.chunked_array([found]) if isinstance(found, pa.Array) else found
