"""Equality of models by value, at any depth."""

from __future__ import annotations

import dataclasses
from collections import Counter, OrderedDict
from collections.abc import Mapping
from datetime import datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any, ClassVar, cast
from zoneinfo import ZoneInfo

from artigraph.serializer.base import claimed_by, shipped_with_core
from artigraph.serializer.codec.classes import is_generated

Parts = Mapping[Any, object] | list[object] | tuple[object, ...]


class Structured:
    """Base of classes whose instances are compared part by part: models, mappings and sequences."""

    __slots__ = ()

    _artigraph_like: ClassVar[tuple[type[Any], ...]] = ()
    """Other types with the same kind of parts, whose instances may equal an instance of this class."""

    def _artigraph_parts(self) -> Mapping[Any, object] | list[object] | None:
        """Return the parts by which instances are compared; None if an instance equals only itself."""
        raise NotImplementedError

    def _artigraph_aligned(self, other: Structured) -> tuple[Parts | None, Parts | None]:
        """Return the parts of this instance and of another one of its class, so that they compare one by one."""
        return _parts(self), _parts(other)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if type(self) is not type(other):
            return NotImplemented
        return equal(self, other)

    def __hash__(self) -> int:
        return object.__hash__(self)


_TUPLE_EQUAL: object = getattr(tuple, "__eq__")  # noqa: B009 (typed as tuple[Unknown] otherwise)


def equal(one: object, other: object) -> bool:
    """Return whether two values are equal: by `==`, but NaN equals NaN, and arrays and frames by content and dtype.

    It walks through models, mappings, sequences, tuples, lists, dicts and plain dataclasses without recursion. So depth
    is unlimited, and values that contain themselves are no problem. A class's own `__eq__` wins.
    """
    pending: list[tuple[object, object]] = [(one, other)]
    seen: dict[tuple[int, int], tuple[object, object]] = {}  # keeps the objects alive, so that no other gets their ids
    while pending:
        left, right = pending.pop()
        if left is right:
            continue
        mine, theirs = parts_of_both(left, right)
        if mine is None or theirs is None:
            if not plainly_equal(left, right):
                return False
            continue
        pair = (id(left), id(right))
        if pair in seen:
            continue
        seen[pair] = (left, right)
        matched = _match(mine, theirs)
        if matched is None:
            return False
        pending.extend(matched)
    return True


def parts_of_both(left: object, right: object) -> tuple[Parts | None, Parts | None]:
    """Return the parts of two values if they are compared part by part, else None for both."""
    if type(left) is type(right):
        if isinstance(left, Structured) and isinstance(right, Structured):
            return left._artigraph_aligned(right)  # pyright: ignore[reportPrivateUsage]
        return _parts(left), _parts(right)
    if isinstance(left, Structured) and isinstance(right, left._artigraph_like):  # pyright: ignore[reportPrivateUsage]
        return _parts(left), _parts_alike(right)
    if isinstance(right, Structured) and isinstance(left, right._artigraph_like):  # pyright: ignore[reportPrivateUsage]
        return _parts_alike(left), _parts(right)
    return None, None


def _parts_alike(value: object) -> Parts | None:
    items: Any = value
    if isinstance(value, Mapping) and not isinstance(value, Structured):
        return dict(items)
    return list(items) if isinstance(value, list) else _parts(value)


def _parts(value: object) -> Parts | None:
    """Return the parts of a value if it is compared part by part, else None."""
    cls: Any = type(value)
    items: Any = value
    if cls is list or cls is tuple or cls is dict:
        parts: Parts = items
        return parts
    if cls is OrderedDict:
        return list(items.items())  # its order counts
    if isinstance(value, Structured):
        own = getattr(cls.__eq__, "__module__", None) or ""
        return value._artigraph_parts() if own.startswith("artigraph.model.") else None  # pyright: ignore[reportPrivateUsage]
    if dataclasses.is_dataclass(cls):
        return _dataclass_parts(value)
    if isinstance(value, tuple) and cls.__eq__ is _TUPLE_EQUAL:
        return tuple(items)
    return None


def _dataclass_parts(value: Any) -> Mapping[str, object] | None:
    """Return the fields of a plain dataclass if the decorator made its `__eq__`, else None."""
    if not is_generated(type(value).__eq__):
        return None
    fields = dataclasses.fields(value)
    return {field.name: getattr(value, field.name) for field in fields if field.compare}


def _match(one: Parts, other: Parts) -> list[tuple[object, object]] | None:
    """Return the pairs of parts that must be equal, or None if the parts do not correspond."""
    if len(one) != len(other):
        return None
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        if any(key not in other for key in one):
            one, other = _by_canonical_key(one), _by_canonical_key(other)
            if one.keys() != other.keys():
                return None
        return [(part, other[key]) for key, part in one.items()]
    return list(zip(one, other, strict=True))


def _by_canonical_key(mapping: Mapping[Any, object]) -> Mapping[Any, object]:
    """Return lists of parts by keys in which NaN equals NaN. A mapping may have several such keys, in order."""
    parts: dict[object, list[object]] = {}
    for key, part in mapping.items():
        parts.setdefault(canonical(key), []).append(part)
    return parts


class _Marker(Enum):
    NAN = 1


_NUMBERS: tuple[type[Any], ...] = (float, complex, Decimal)
_SETS: tuple[type[Any], ...] = (frozenset, set)
_TUPLES: tuple[type[Any], ...] = (tuple,)


def canonical(value: Any) -> object:
    """Return a hashable value that is equal for equal hashable values, where NaN equals NaN.

    It recurses: a value that can be hashed is not too deep for that.
    """
    cls = cast("Any", type(value))
    if issubclass(cls, _NUMBERS) and value != value:  # only NaN differs from itself
        return cls, _Marker.NAN
    if issubclass(cls, _SETS):
        return frozenset, frozenset(Counter(map(canonical, value)).items())
    if issubclass(cls, _TUPLES) and cls.__eq__ is _TUPLE_EQUAL:
        return tuple, tuple(map(canonical, value))
    if dataclasses.is_dataclass(cls) and is_generated(cls.__eq__):
        parts = _dataclass_parts(value) or {}
        return cls, tuple((name, canonical(part)) for name, part in parts.items())
    return value


def plainly_equal(left: object, right: object) -> bool:
    """Return whether two values without parts are equal: by `==` if that answers, and with NaN equal to NaN."""
    if isinstance(left, Decimal) and isinstance(right, Decimal) and (left.is_snan() or right.is_snan()):
        return left.is_snan() and right.is_snan()
    try:
        answer: object = left == right
    except Exception:  # an array of another shape may refuse to be compared at all
        answer = NotImplemented
    if isinstance(answer, bool) and (answer or type(left) is not type(right)):
        return answer
    return type(left) is type(right) and _equal_alike(left, right, answer)


def _equal_alike(left: object, right: object, answer: object) -> bool:
    """Compare two values of one type that `==` did not find equal."""
    if type(left) in (set, frozenset):
        return canonical(left) == canonical(right)
    if isinstance(left, float | complex | Decimal):
        # `==` of NumPy's scalars returns no bool.
        return (answer is not NotImplemented and bool(answer)) or bool(left != left and right != right)
    if isinstance(left, datetime | time) and isinstance(right, datetime | time):
        return _same_moment(left, right)
    serializer = None if type(left).__module__ == "builtins" else claimed_by(type(left))
    if serializer is not None and not shipped_with_core(serializer):
        return serializer.equal(left, right)
    return answer is True


def _same_moment(left: datetime | time, right: datetime | time) -> bool:
    """Compare times in one zone that has two objects: then `==` is False for an hour that the clock repeats."""
    zones = left.tzinfo, right.tzinfo
    if not (isinstance(zones[0], ZoneInfo) and isinstance(zones[1], ZoneInfo)) or zones[0].key != zones[1].key:
        return False
    return left.fold == right.fold and left.replace(tzinfo=None) == right.replace(tzinfo=None)
