"""How large values are, about, without looking at what is in them."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

import pandas as pd

__all__ = ["size_of"]

_OBJECT = 64
"""Bytes of an object in a column of objects, about."""


def size_of(value: object) -> int | None:
    """Return about how many bytes a frame, a series or an index takes, or None of anything else."""
    if isinstance(value, pd.DataFrame):
        return _frame_size(value)
    if isinstance(value, pd.Series):
        return _values_size(value) + _values_size(value.index)
    return _values_size(value) if isinstance(value, pd.Index) else None


def _frame_size(frame: Any) -> int:
    rows = len(frame)
    size = _values_size(frame.index)
    for place, dtype in enumerate(frame.dtypes):
        # Taking a column out of a frame takes longer than anything else here.
        size += rows * _width(dtype) if isinstance(dtype, np.dtype) else _values_size(frame.iloc[:, place])
    return size


def _values_size(value: Any) -> int:
    if isinstance(value, pd.MultiIndex):
        return sum(int(codes.nbytes) for codes in cast("Any", value).codes) + sum(map(_values_size, value.levels))
    if isinstance(value, pd.RangeIndex):
        return 0
    return len(value) * _width(value.dtype) if isinstance(value.dtype, np.dtype) else int(value.nbytes)


def _width(dtype: np.dtype[Any]) -> int:
    return int(dtype.itemsize) + (_OBJECT if dtype.hasobject else 0)
