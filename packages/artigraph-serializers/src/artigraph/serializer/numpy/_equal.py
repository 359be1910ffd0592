"""Equality of arrays by content and dtype, where NaN equals NaN."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from artigraph.serializer._support.objects import same_object


def same_array(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> bool:
    """Say whether two arrays have one type, dtype and shape, and equal elements."""
    if type(one) is not type(other) or one.shape != other.shape or one.dtype != other.dtype:
        return False
    if one.dtype.names is not None:
        return all(same_array(one[name], other[name]) for name in one.dtype.names)
    return _same_elements(one, other, one.dtype.kind)


def _same_elements(one: Any, other: Any, kind: str) -> bool:
    if kind == "c":
        return _same_numbers(one.real, other.real) and _same_numbers(one.imag, other.imag)
    if kind in "fMm":
        return _same_numbers(one, other)
    if kind == "V":
        return bool(one.tobytes() == other.tobytes())
    if kind in "OT":
        pairs = zip(one.ravel().tolist(), other.ravel().tolist(), strict=True)
        return all(same_object(*pair, same_array) for pair in pairs)
    return bool(np.array_equal(one, other))


def _same_numbers(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> bool:
    return bool(np.array_equal(one, other, equal_nan=True))


def same_scalar(one: np.generic, other: np.generic) -> bool:
    """Say whether two scalars have one type and dtype, and are equal."""
    if type(one) is not type(other):
        return False
    if isinstance(one, (np.str_, np.bytes_)):
        return bool(one == other)
    return same_array(np.asarray(one), np.asarray(other))
