"""Describe how two arrays differ, in one line of text."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import numpy.typing as npt
from artigraph.serializer._support.difference import Differing, told
from artigraph.serializer._support.objects import same_object
from artigraph.serializer.numpy._equal import same_array

Array = npt.NDArray[Any]


def describe_arrays(before: Array, after: Array) -> str:
    """Return one line on how two arrays differ: shape and dtype, or else how many elements, and by how much at most."""
    parts: list[str] = []
    if before.shape != after.shape:
        parts.append(f"{_shape(before)} → {_shape(after)}")
    if before.dtype != after.dtype:
        parts.append(f"{before.dtype!s:.60} → {after.dtype!s:.60}")
    return "; ".join(parts) or f"elements differ {told(differing_array(before, after), before.size)}"


def differing_array(one: Array, other: Array) -> Differing:
    """Count the elements that differ between two arrays of one dtype and shape. NaN equals NaN."""
    where = _where(one, other)
    return Differing(int(np.count_nonzero(where)), _most(one[where], other[where]))


def _where(one: Any, other: Any) -> npt.NDArray[np.bool_]:
    kind = one.dtype.kind
    if one.dtype.names is not None:
        return _where_of_fields(one, other, one.dtype.names)
    if kind == "c":
        return _where(one.real, other.real) | _where(one.imag, other.imag)
    if kind in "fMm":
        both_nan = (one != one) & (other != other)  # that is how NaN is told
        return cast("npt.NDArray[np.bool_]", (one != other) & ~both_nan)
    if kind in "OTV":
        pairs = zip(one.ravel().tolist(), other.ravel().tolist(), strict=True)
        found = [not same_object(*pair, same_array) for pair in pairs]
        return np.array(found, dtype=bool).reshape(one.shape)
    return cast("npt.NDArray[np.bool_]", one != other)


def _where_of_fields(one: Any, other: Any, names: tuple[str, ...]) -> npt.NDArray[np.bool_]:
    found = np.zeros(one.shape, dtype=bool)
    for name in names:
        where = _where(one[name], other[name])  # has more dimensions if the field is an array itself
        found |= where.any(axis=tuple(range(one.ndim, where.ndim)))
    return found


def _most(one: Array, other: Array) -> float | None:
    if one.dtype.kind not in "iufc":
        return None
    kind = complex if one.dtype.kind == "c" else float
    with np.errstate(all="ignore"):
        distance = np.abs(other.astype(kind) - one.astype(kind))
        finite = distance[np.isfinite(distance)]
    return float(finite.max()) if finite.size else None


def _shape(array: Array) -> str:
    return "x".join(f"{length:,}" for length in array.shape) or "scalar"
