"""Equality of models by value, at any depth."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any, ClassVar, cast
from zoneinfo import ZoneInfo

from artigraph.serializer.base import claimed_by, shipped_with_core

__all__ = ["Parts", "Structured", "canonical", "equal", "is_generated", "parts_of_both", "plainly_equal"]

Parts = Mapping[Any, object] | list[object] | tuple[object, ...]


class Structured:
    """What consists of parts that are compared one by one: models, mappings and sequences."""

    __slots__ = ()

    _artigraph_like: ClassVar[tuple[type[Any], ...]] = ()
    """Other types, with parts of the same kind, that one of this class may be equal to."""

    def _artigraph_parts(self) -> Mapping[str, object] | list[object] | None:
        """Return the parts that make two of one class equal, or nothing where only the same object is equal."""
        raise NotImplementedError

    def _artigraph_aligned(self, other: Structured) -> tuple[Parts | None, Parts | None]:
        """Return the parts of this one and of another one of its class, such that they can be compared one by one."""
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
    """Say whether two values are equal: NaN to NaN, arrays and frames by content and dtype, everything else by `==`.

    It goes through models, mappings, sequences, tuples, lists, dicts and plain dataclasses without recursion, so depth
    is no limit, and it ends on values that contain themselves. A class's own `__eq__` wins.
    """
    pending: list[tuple[object, object]] = [(one, other)]
    seen: dict[tuple[int, int], tuple[object, object]] = {}  # which keeps them alive, or another could have the id
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
    """Return what two values consist of, if they are to be compared part by part."""
    if type(left) is type(right):
        if isinstance(left, Structured) and isinstance(right, Structured):
            return left._artigraph_aligned(right)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        return _parts(left), _parts(right)
    if isinstance(left, Structured) and isinstance(right, left._artigraph_like):  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        return _parts(left), _parts_alike(right)
    if isinstance(right, Structured) and isinstance(left, right._artigraph_like):  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        return _parts_alike(left), _parts(right)
    return None, None


def _parts_alike(value: object) -> Parts | None:
    if isinstance(value, Mapping) and not isinstance(value, Structured):
        return dict(cast("Mapping[Any, object]", value))
    return list(cast("list[object]", value)) if isinstance(value, list) else _parts(value)


def _parts(value: object) -> Parts | None:
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
    """Say whether `@dataclass` made a method; one of a user's in `python -c` is in a file "<string>" too."""
    code = getattr(getattr(method, "__wrapped__", method), "__code__", None)
    return code is not None and code.co_filename == "<string>" and code.co_qualname.startswith("__create_fn__.")


def _dataclass_parts(value: object) -> Mapping[str, object] | None:
    """Return the fields of a plain dataclass whose `__eq__` the decorator made."""
    if not is_generated(type(value).__eq__):
        return None
    fields = dataclasses.fields(cast("Any", value))
    return {field.name: getattr(value, field.name) for field in fields if field.compare}


def _match(one: Parts, other: Parts) -> list[tuple[object, object]] | None:
    """Return the pairs of parts that are to be equal, or None where the parts do not correspond."""
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
    """Return the parts by keys in which NaN equals NaN; there may be several of such a key, in order."""
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
    """Return something hashable that equals that of another hashable value where the values do, NaN equal to NaN.

    It recurses: what can be hashed at all is not too deep for that.
    """
    cls = cast("Any", type(value))
    if issubclass(cls, _NUMBERS) and value != value:  # noqa: PLR0124 (that is how NaN is told)
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
        return canonical(left) == canonical(right)
    if isinstance(left, float | complex | Decimal):
        # The answer of a scalar of NumPy is no bool.
        return (answer is not NotImplemented and bool(answer)) or bool(left != left and right != right)  # noqa: PLR0124
    if isinstance(left, datetime | time) and isinstance(right, datetime | time):
        return _same_moment(left, right)
    serializer = None if type(left).__module__ == "builtins" else claimed_by(type(left))
    if serializer is not None and not shipped_with_core(serializer):
        return serializer.equal(left, right)
    return answer is True


def _same_moment(left: datetime | time, right: datetime | time) -> bool:
    """Compare times in one zone, of which there may be two objects: then `==` is False where an hour comes twice."""
    zones = left.tzinfo, right.tzinfo
    if not (isinstance(zones[0], ZoneInfo) and isinstance(zones[1], ZoneInfo)) or zones[0].key != zones[1].key:
        return False
    return left.fold == right.fold and left.replace(tzinfo=None) == right.replace(tzinfo=None)
