"""Equality of models by value, at any depth."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, cast

from artigraph.errors import ArtigraphError
from artigraph.serializer.base import claimed_by, shipped_with_core
from artigraph.serializer.codec import encode

__all__ = ["Structured", "equal", "is_generated"]


class Structured:
    """What consists of parts that are compared one by one: models, mappings and sequences."""

    __slots__ = ()

    def _artigraph_parts(self) -> Mapping[str, object] | list[object]:
        """Return the parts that make two of one class equal."""
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if type(self) is not type(other):
            return NotImplemented
        return equal(self, other)

    __hash__ = None  # type: ignore[assignment]  # as any class with an equality of its own; dataclasses may add one


_TUPLE_EQUAL: object = getattr(tuple, "__eq__")  # noqa: B009 (typed as tuple[Unknown] otherwise)


def equal(one: object, other: object) -> bool:
    """Say whether two values are equal: NaN to NaN, arrays and frames by content and dtype, everything else by `==`.

    It goes through models, mappings, sequences, tuples, lists, dicts and plain dataclasses without recursion, so depth
    is no limit, and it ends on values that contain themselves. A class's own `__eq__` wins.
    """
    pending: list[tuple[object, object]] = [(one, other)]
    seen: set[tuple[int, int]] = set()
    while pending:
        left, right = pending.pop()
        if left is right:
            continue
        if type(left) is not type(right):
            if not _plainly_equal(left, right):
                return False
            continue
        mine, theirs = _parts(left), _parts(right)
        if mine is None or theirs is None:
            if not _plainly_equal(left, right):
                return False
            continue
        pair = (id(left), id(right))
        if pair in seen:
            continue
        seen.add(pair)
        matched = _match(mine, theirs)
        if matched is None:
            return False
        pending.extend(matched)
    return True


def _parts(value: object) -> Mapping[Any, object] | list[object] | tuple[object, ...] | None:
    """Return what a value consists of, if it is compared part by part."""
    cls = type(value)
    if cls is list or cls is tuple or cls is dict:
        return cast("list[object] | tuple[object, ...] | dict[Any, object]", value)
    if isinstance(value, Structured):
        own = getattr(cls.__eq__, "__module__", None) or ""
        return value._artigraph_parts() if own.startswith("artigraph.model.") else None  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    if dataclasses.is_dataclass(cls):
        return _dataclass_parts(value)
    if isinstance(value, tuple) and cast("object", cls.__eq__) is _TUPLE_EQUAL:
        return tuple(cast("tuple[object, ...]", value))
    return None


def is_generated(method: object) -> bool:
    """Say whether `@dataclass` made a method."""
    code = getattr(method, "__code__", None)
    return code is not None and code.co_filename == "<string>"


def _dataclass_parts(value: object) -> Mapping[str, object] | None:
    """Return the fields of a plain dataclass whose `__eq__` the decorator made."""
    if not is_generated(type(value).__eq__):
        return None
    fields = dataclasses.fields(cast("Any", value))
    return {field.name: getattr(value, field.name) for field in fields if field.compare}


def _match(
    one: Mapping[Any, object] | list[object] | tuple[object, ...],
    other: Mapping[Any, object] | list[object] | tuple[object, ...],
) -> list[tuple[object, object]] | None:
    """Return the pairs of parts that are to be equal, or None where the parts do not correspond."""
    if len(one) != len(other):
        return None
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        if any(key not in other for key in one):
            one, other = _by_bytes(one), _by_bytes(other)
            if one.keys() != other.keys():
                return None
        return [(part, other[key]) for key, part in one.items()]
    return list(zip(one, other, strict=True))


def _by_bytes(mapping: Mapping[Any, object]) -> Mapping[Any, object]:
    """Return a mapping by the encoding of its keys, in which NaN equals NaN."""
    try:
        return {encode(key): part for key, part in mapping.items()}
    except ArtigraphError:
        return mapping


def _plainly_equal(left: object, right: object) -> bool:
    """Compare what has no parts: by `==`, where that gives an answer and NaN is not in the way."""
    if isinstance(left, Decimal) and isinstance(right, Decimal) and (left.is_snan() or right.is_snan()):
        return left.is_snan() and right.is_snan()
    try:
        answer: object = left == right
    except Exception:  # noqa: BLE001 (an array of another shape may refuse to be compared at all)
        answer = NotImplemented
    if isinstance(answer, bool) and (answer or type(left) is not type(right)):
        return answer
    return type(left) is type(right) and _equal_alike(left, right, answer)


def _equal_alike(left: object, right: object, answer: object) -> bool:
    """Compare two values of one type of which `==` did not say that they are equal."""
    if type(left) in (set, frozenset):
        return _same_encoding(left, right)
    if isinstance(left, float | complex | Decimal):
        return bool(left != left and right != right)  # noqa: PLR0124 (that is how NaN is told)
    serializer = None if type(left).__module__ == "builtins" else claimed_by(type(left))
    if serializer is not None and not shipped_with_core(serializer):
        return serializer.equal(left, right)
    return answer is True


def _same_encoding(left: object, right: object) -> bool:
    """Compare sets that may hold NaN, or hold what they are told apart by only when encoded."""
    try:
        return encode(left) == encode(right)
    except ArtigraphError:
        return False
