"""Equality of datasets and labeled arrays, and how two of them differ."""

from __future__ import annotations

from typing import Any

import numpy as np

from artigraph.serializer._support.difference import Differing, named, told
from artigraph.serializer.numpy.compare import differing_array, same_array, same_object
from artigraph.serializer.pandas import index_serializer, series_serializer
from artigraph.serializer.xarray._variables import is_numpy, pd, xr


def same(one: Any, other: Any) -> bool:
    """Say whether two values have one class and equal variables, coordinates, indexes and attributes."""
    if type(one) is not type(other):
        return False
    if isinstance(one, xr.DataArray):
        if not (same_object(one.name, other.name) and same_variable(one.variable, other.variable)):
            return False
    elif (
        not same_object(dict(one.attrs), dict(other.attrs))
        or set(one.data_vars) != set(other.data_vars)
        or not all(same_variable(one.variables[name], other.variables[name]) for name in one.data_vars)
    ):
        return False
    return _same_coordinates(one, other)


def _same_coordinates(one: Any, other: Any) -> bool:
    if set(one.coords) != set(other.coords) or set(one.xindexes) != set(other.xindexes):
        return False
    if not all(same_variable(one.coords[name].variable, other.coords[name].variable) for name in one.coords):
        return False
    return all(_same_index(one.xindexes[name], other.xindexes[name]) for name in one.xindexes)


def _same_index(one: Any, other: Any) -> bool:
    if type(one) is not type(other) or not isinstance(getattr(one, "index", None), pd.Index):
        return bool(one is other)
    return index_serializer.equal(one.index, other.index)


def same_variable(one: Any, other: Any) -> bool:
    """Say whether two variables have equal dimensions, dtypes, elements and attributes. NaN equals NaN."""
    if one.dims != other.dims or one.shape != other.shape or one.dtype != other.dtype:
        return False
    return same_object(dict(one.attrs), dict(other.attrs)) and same_elements(one, other)


def same_elements(one: Any, other: Any) -> bool:
    """Say whether two variables of one shape and dtype have equal elements. NaN equals NaN."""
    mine, theirs = one.data, other.data
    if is_numpy(mine) and is_numpy(theirs):
        return same_array(mine, theirs)
    if isinstance(mine, pd.api.extensions.ExtensionArray):
        return type(mine) is type(theirs) and series_serializer.equal(pd.Series(mine), pd.Series(theirs))
    return mine is theirs


def describe_difference(before: Any, after: Any) -> str:
    """Return one line on how two values of one class differ."""
    parts: list[str] = []
    if isinstance(before, xr.DataArray):
        if not same_object(before.name, after.name):
            parts.append(f"name: {before.name!r:.60} → {after.name!r:.60}".replace("\n", " "))
        changed = _difference(before.variable, after.variable)
        parts += [changed] if changed else []
        mine, theirs = _coordinates(before), _coordinates(after)
    else:
        mine, theirs = dict(before.variables), dict(after.variables)
    sizes = [
        f"{dim!r} {before.sizes.get(dim, 0):,} → {after.sizes.get(dim, 0):,}"
        for dim in dict.fromkeys([*before.sizes, *after.sizes])
        if before.sizes.get(dim) != after.sizes.get(dim)
    ]
    parts += named("sizes", sizes)
    parts += named("new variables", [repr(name) for name in theirs if name not in mine])
    parts += named("without variables", [repr(name) for name in mine if name not in theirs])
    both = [(name, _difference(mine[name], theirs[name])) for name in mine if name in theirs]
    parts += named("variables differ", [f"{name!r} {text}" for name, text in both if text])
    if not isinstance(before, xr.DataArray) and not same_object(dict(before.attrs), dict(after.attrs)):
        parts.append("attrs differ")
    return "; ".join(parts) or "alike in variables and attrs, not in roles or indexes"


def _coordinates(value: Any) -> dict[Any, Any]:
    return {name: value.coords[name].variable for name in value.coords}


def _difference(one: Any, other: Any) -> str:
    """Return a few words on how two variables differ, or none."""
    parts: list[str] = []
    if one.dims != other.dims:
        parts.append(f"{_dims(one)} → {_dims(other)}")
    if one.dtype != other.dtype:
        parts.append(f"{one.dtype!s:.40} → {other.dtype!s:.40}")
    if one.dims == other.dims and one.shape == other.shape and one.dtype == other.dtype:
        found = _differing(one, other)
        if found.number:
            parts.append(f"elements {told(found, one.size)}")
    if not same_object(dict(one.attrs), dict(other.attrs)):
        parts.append("attrs")
    return ", ".join(parts)


def _dims(variable: Any) -> str:
    return "(" + ", ".join(f"{dim!s:.40}" for dim in variable.dims[:8]) + ")"


def _differing(one: Any, other: Any) -> Differing:
    mine, theirs = one.data, other.data
    if is_numpy(mine) and is_numpy(theirs):
        return differing_array(mine, theirs)
    pairs = zip(np.asarray(mine, object).reshape(-1), np.asarray(theirs, object).reshape(-1), strict=True)
    return Differing(sum(not (a is b or same_object(a, b)) for a, b in pairs))
