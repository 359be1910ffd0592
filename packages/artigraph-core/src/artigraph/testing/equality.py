"""Equality that is stricter than `==`: by type, bits and order, at every depth."""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Hashable, Mapping
from datetime import datetime, time, timezone
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from struct import pack
from typing import Any, cast
from zoneinfo import ZoneInfo

from artigraph.kinds import fields_of, kind_of

__all__ = ["assert_identical", "compare_with"]

_checks: dict[type[Any], Callable[[Any, Any], None]] = {}


def compare_with(cls: type[Any], check: Callable[[Any, Any], None]) -> None:
    """Compare instances of a class and of its subclasses by a function, which raises AssertionError if they differ.

    It is called with two values of one type.
    """
    _checks[cls] = check


def assert_identical(one: object, other: object) -> None:
    """Assert that two values are identical: the type and value of each part are the same.

    1 is not True or 1.0. NaN is identical only to the NaN with the same bits. -0.0 is not 0.0, and `Decimal("1.0")` is
    not `Decimal("1.00")`. The order of dicts counts, and so do fold and time zone. Values of other types are compared
    by `==`.

    Raises:
        AssertionError: they differ; the message says where.
    """
    _assert_identical(one, other, "value")


def _assert_identical(one: object, other: object, path: str) -> None:
    __tracebackhide__ = True
    cls: type[Any] = type(one)
    assert cls is type(other), f"{path} is of type {cls}, not {type(other)}"
    check = next((_checks[base] for base in cls.__mro__ if base in _checks), None)
    if check is not None:
        check(one, other)
    elif issubclass(cls, dict | list | tuple | deque) or (_has_fields(cls) and not issubclass(cls, Enum)):
        parts, other_parts = _parts(one), _parts(other)
        for name in ("default_factory", "maxlen"):
            assert getattr(one, name, None) == getattr(other, name, None), f"{path} has another {name}"
        assert len(parts) == len(other_parts), f"{path} has {len(parts)} parts, not {len(other_parts)}"
        for (step, part), (_, other_part) in zip(parts, other_parts, strict=True):
            _assert_identical(part, other_part, path + step)
    else:
        same = one is other or identity(one) == identity(other)
        assert same, f"{path} is {_show(one)}, not {_show(other)}"


def _parts(value: Any) -> list[tuple[str, object]]:
    if isinstance(value, dict):
        items = cast("dict[object, object]", value).items()
        return [pair for key, item in items for pair in (("{key}", key), (f"[{_show(key)}]", item))]
    if isinstance(value, list | tuple | deque):
        return [(f"[{index}]", item) for index, item in enumerate(cast("list[object]", value))]
    return [(f".{name}", part) for name, part in _fields(value)]


def _has_fields(cls: type[Any]) -> bool:
    return dataclasses.is_dataclass(cls) or kind_of(cls) is not None


def _fields(value: Any) -> list[tuple[str, object]]:
    if dataclasses.is_dataclass(value):
        return [(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)]
    return list((fields_of(value) or {}).items())


def _show(value: object) -> str:
    try:
        return repr(value)
    except ValueError:  # an integer beyond the limit of digits
        return f"<{type(value).__name__}>"


def identity(value: object) -> Hashable:
    """Return a hashable key for a value. Two keys are equal if, and only if, the values are identical."""
    cls: type[Any] = type(value)
    return cls, _content(value)


def _content(value: object) -> Hashable:
    cls: type[Any] = type(value)
    for kinds, content in _CONTENTS:
        if issubclass(cls, kinds):
            return content(value)
    if _has_fields(cls):
        return tuple((name, identity(part)) for name, part in _fields(value))
    return value


def _content_of_time(value: datetime | time) -> Hashable:
    return value.replace(tzinfo=None, fold=0).isoformat(), value.fold, _zone(value.tzinfo)


def _content_of_set(value: set[Any] | frozenset[Any]) -> Hashable:
    return frozenset(Counter(map(identity, value)).items())


def _content_of_items(value: list[Any] | tuple[Any, ...]) -> Hashable:
    return tuple(map(identity, value))


def _content_of_mapping(value: Mapping[Any, Any]) -> Hashable:
    return tuple((identity(key), identity(item)) for key, item in value.items())


def _content_of_member(value: Enum) -> Hashable:
    return value.name, identity(value.value)


def _both_bits(value: complex) -> Hashable:
    return _bits(value.real), _bits(value.imag)


def _limits(value: range) -> Hashable:
    return value.start, value.stop, value.step


def _content_of_defaultdict(value: defaultdict[Any, Any]) -> Hashable:
    return value.default_factory, _content_of_mapping(value)


def _content_of_deque(value: deque[Any]) -> Hashable:
    return value.maxlen, tuple(map(identity, value))


def _bits(value: float) -> Hashable:
    return pack(">d", value)


_CONTENTS: tuple[tuple[tuple[type[Any], ...], Callable[[Any], Hashable]], ...] = (
    ((Enum,), _content_of_member),
    ((float,), _bits),
    ((complex,), _both_bits),
    ((range,), _limits),
    ((defaultdict,), _content_of_defaultdict),
    ((deque,), _content_of_deque),
    ((Decimal,), Decimal.as_tuple),
    ((PurePath,), str),
    ((datetime, time), _content_of_time),
    ((set, frozenset), _content_of_set),
    ((tuple, list), _content_of_items),
    ((Mapping,), _content_of_mapping),
)


def _zone(zone: object) -> Hashable:
    if isinstance(zone, timezone):
        return timezone, *cast("Any", zone).__getinitargs__()
    if isinstance(zone, ZoneInfo):
        return ZoneInfo, zone.key
    return type(zone), repr(zone)
