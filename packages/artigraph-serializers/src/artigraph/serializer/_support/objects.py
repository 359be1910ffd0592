"""Equality of Python objects, where NaN equals NaN and types must be equal."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any


def same_object(one: object, other: object, same_array: Callable[[Any, Any], bool]) -> bool:
    """Say whether two objects have one type and are equal, also within lists, tuples and values of dicts.

    `same_array` compares objects that have a dtype and dimensions, because their `==` returns no plain bool.
    """
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    mine: Any = one
    theirs: Any = other
    if isinstance(one, (list, tuple)):
        return _same_items(mine, theirs, same_array)
    if isinstance(one, dict):
        return mine.keys() == theirs.keys() and all(same_object(mine[key], theirs[key], same_array) for key in mine)
    if hasattr(one, "dtype") and (mine.ndim or theirs.ndim):
        return same_array(one, other)
    return _same_scalar(one, other)


def _same_scalar(one: object, other: object) -> bool:
    if isinstance(one, Decimal) and one.is_nan():  # comparing a signaling NaN raises an error
        return str(one) == str(other)
    return bool(one == other) or bool(one != one and other != other)  # NaN


def _same_items(one: Any, other: Any, same_array: Callable[[Any, Any], bool]) -> bool:
    if len(one) != len(other):
        return False
    return all(same_object(mine, theirs, same_array) for mine, theirs in zip(one, other, strict=True))
