"""Equality of arrays, and how two arrays or dicts of arrays differ."""

from __future__ import annotations

from typing import Any

import numpy as np

from artigraph.serializer._support.difference import named, told
from artigraph.serializer.jax._arrays import elements_of, is_key, is_weak, jax
from artigraph.serializer.numpy.compare import differing_array


def as_numbers(elements: Any) -> Any:
    """Return elements of a dtype that NumPy itself has: of others, equal float32 or int8."""
    if elements.dtype.kind != "V":
        return elements
    return elements.astype(np.int8 if "int" in str(elements.dtype) else np.float32)


def same_array(one: Any, other: Any) -> bool:
    """Say whether two arrays have one dtype, shape and weakness, and equal elements. NaN equals NaN."""
    if type(one) is not type(other) or not isinstance(one, jax.Array):
        return False
    if one.dtype != other.dtype or one.shape != other.shape or is_weak(one) != is_weak(other):
        return False
    return not _differing(one, other).number


def _differing(one: Any, other: Any) -> Any:
    return differing_array(as_numbers(elements_of(one)), as_numbers(elements_of(other)))


def describe_arrays(before: Any, after: Any) -> str:
    """Return one line on how two arrays differ."""
    parts: list[str] = []
    if before.shape != after.shape:
        parts.append(f"{_shape(before)} → {_shape(after)}")
    if _dtype(before) != _dtype(after):
        parts.append(f"{_dtype(before)} → {_dtype(after)}")
    noun = "keys" if is_key(after) else "elements"
    return "; ".join(parts) or f"{noun} differ {told(_differing(before, after), elements_of(before).size)}"


def describe_dicts(before: dict[str, Any], after: dict[str, Any]) -> str:
    """Return one line on how two dicts of arrays differ."""
    parts = named("new arrays", [repr(name) for name in after if name not in before])
    parts += named("without arrays", [repr(name) for name in before if name not in after])
    common = [name for name in before if name in after]
    changed = [name for name in common if not same_array(before[name], after[name])]
    parts += named("arrays differ", [f"{name!r} {describe_arrays(before[name], after[name])}" for name in changed])
    return "; ".join(parts) or "alike in names and arrays, not in order"


def _shape(array: Any) -> str:
    return "x".join(f"{length:,}" for length in array.shape) or "scalar"


def _dtype(array: Any) -> str:
    if is_key(array):
        return f"key of {jax.random.key_impl(array)}"
    return f"{array.dtype}{' (weak)' if is_weak(array) else ''}"
