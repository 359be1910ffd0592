"""Equality of arrays and of the objects in them, and how two arrays differ. NaN equals NaN, and types must be equal."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from artigraph.serializer._support.difference import Differing, extent, told

Array = npt.NDArray[Any]


# Equality -------------------------------------------------------------------------------------------------------------


def same_array(one: Array, other: Array) -> bool:
    """Say whether two arrays have one type, dtype and shape, and equal elements."""
    if type(one) is not type(other) or one.shape != other.shape or one.dtype != other.dtype:
        return False
    return not _unequal(one, other).any()


def same_scalar(one: np.generic, other: np.generic) -> bool:
    """Say whether two scalars have one type and dtype, and are equal."""
    if type(one) is not type(other):
        return False
    if isinstance(one, (np.str_, np.bytes_)):
        return bool(one == other)
    return same_array(np.asarray(one), np.asarray(other))


def same_object(one: object, other: object) -> bool:
    """Say whether two objects have one type and are equal, also within lists, tuples and values of dicts."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    mine: Any = one
    theirs: Any = other
    if isinstance(one, (list, tuple)):
        return len(mine) == len(theirs) and all(map(same_object, mine, theirs))
    if isinstance(one, dict):
        return mine.keys() == theirs.keys() and all(same_object(mine[key], theirs[key]) for key in mine)
    if hasattr(one, "dtype") and (mine.ndim or theirs.ndim):  # then `==` returns no plain bool
        return same_array(mine, theirs)
    return equal_or_nan(one, other)


def equal_or_nan(one: object, other: object) -> bool:
    """Say whether two values of one type, neither of which has parts, are equal or both NaN."""
    if isinstance(one, Decimal) and one.is_nan():  # comparing a signaling NaN raises an error
        return str(one) == str(other)
    return bool(one == other) or bool(one != one and other != other)


def _unequal(one: Any, other: Any) -> npt.NDArray[np.bool_]:
    """Return which elements of two arrays of one dtype and shape are unequal."""
    kind = one.dtype.kind
    if one.dtype.names is not None:
        return _unequal_in_fields(one, other, one.dtype.names)
    if kind == "c":
        return _unequal(one.real, other.real) | _unequal(one.imag, other.imag)
    if kind in "OT":
        pairs = zip(one.ravel().tolist(), other.ravel().tolist(), strict=True)
        return np.array([not same_object(*pair) for pair in pairs], dtype=bool).reshape(one.shape)
    mine, theirs = np.asarray(one), np.asarray(other)  # not subclasses, such as masked arrays
    unequal = cast("npt.NDArray[np.bool_]", mine != theirs)
    return unequal & ~((mine != mine) & (theirs != theirs)) if kind in "fMm" else unequal  # NaN and NaT


def _unequal_in_fields(one: Any, other: Any, names: tuple[str, ...]) -> npt.NDArray[np.bool_]:
    found = np.zeros(one.shape, dtype=bool)
    for name in names:
        unequal = _unequal(one[name], other[name])  # has more dimensions if the field is an array itself
        found |= unequal.any(axis=tuple(range(one.ndim, unequal.ndim)))
    return found


# Differences ----------------------------------------------------------------------------------------------------------


def describe_arrays(before: Array, after: Array) -> str:
    """Return one line on how two arrays differ: shape and dtype, or else how many elements, and by how much at most."""
    parts: list[str] = []
    if before.shape != after.shape:
        parts.append(f"{extent(before.shape)} → {extent(after.shape)}")
    if before.dtype != after.dtype:
        parts.append(f"{before.dtype!s:.60} → {after.dtype!s:.60}")
    return "; ".join(parts) or f"elements differ {told(differing_array(before, after), before.size)}"


def differing_array(one: Array, other: Array) -> Differing:
    """Count the elements that differ between two arrays of one dtype and shape. NaN equals NaN."""
    where = _unequal(one, other)
    return Differing(int(np.count_nonzero(where)), _most(one[where], other[where]))


def _most(one: Array, other: Array) -> float | None:
    if one.dtype.kind not in "iufc":
        return None
    kind = complex if one.dtype.kind == "c" else float
    with np.errstate(all="ignore"):
        distance = np.abs(other.astype(kind) - one.astype(kind))
        finite = distance[np.isfinite(distance)]
    return float(finite.max()) if finite.size else None
