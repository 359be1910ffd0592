"""Scalars as bytes whose order, byte by byte, is the order of the values.

A projection of what is stored, for indexes: the value itself is what its serializer wrote. The format, byte for byte,
and what Python says otherwise, is in docs/design/search-key.md.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from numbers import Integral
from pathlib import PosixPath, PurePath, PurePosixPath, PureWindowsPath, WindowsPath
from struct import Struct
from types import NoneType
from typing import Any, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from artigraph.serializer._search_numbers import SEARCH_KEY_LENGTH, decimal_key, float_key, int_key, is_beyond

__all__ = ["SEARCH_KEY_LENGTH", "is_cut", "search_key"]

NONE = b"\x08"
STR = b"\x20"
BYTES = b"\x28"
AWARE_DATETIME = 0x30
NAIVE_DATETIME = 0x31
DATE = 0x38
AWARE_TIME = 0x40
NAIVE_TIME = 0x41
TIMEDELTA = 0x48
UUID_ = b"\x50"
POSIX_PATH = b"\x58"
WINDOWS_PATH = b"\x59"
ENUM = b"\x60"


def search_key(value: object) -> bytes | None:
    """Return the key of a scalar, at most `SEARCH_KEY_LENGTH` bytes; None for a value that is not searched by.

    Where Python compares two values, their keys compare alike: `a < b` gives `key(a) < key(b)` and `a == b` equal keys,
    numbers of every kind in one order. Long keys are cut, and then `a < b` may also give equal keys: see `is_cut`.
    Values that Python does not compare (a number and a string, naive and aware times) have keys that differ in their
    first byte. NaN has a key apart from all numbers; a query that compares with it finds nothing and makes no key.
    """
    make = _KEYS.get(type(value))
    if make is not None:
        return make(value)
    if isinstance(value, Enum):
        return _enum_key(value)
    return _numpy_key(value) if type(value).__module__ == "numpy" else None


def is_cut(key: bytes) -> bool:
    """Say whether other values may have this key too, so that a match must be checked on the values themselves."""
    return len(key) >= SEARCH_KEY_LENGTH or is_beyond(key)


def _cut(tag: bytes, content: bytes) -> bytes:
    return (tag + content)[:SEARCH_KEY_LENGTH]


def _none_key(_: None) -> bytes:
    return NONE


def _str_key(value: str) -> bytes:
    return _cut(STR, value[:SEARCH_KEY_LENGTH].encode("utf-8", "surrogatepass"))


def _bytes_key(value: bytes) -> bytes:
    return _cut(BYTES, value[:SEARCH_KEY_LENGTH])


# Times ------------------------------------------------------------------------------------------------------------

_MOMENT = Struct(">BQ")
_DAY = Struct(">BI")
_DURATION = Struct(">BIII")
_AWARE_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 (naive on purpose)
_BIAS = 1 << 63


def _microseconds(span: timedelta) -> int:
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds


def _datetime_key(value: datetime) -> bytes | None:
    if value.tzinfo is None:
        return _MOMENT.pack(NAIVE_DATETIME, _microseconds(value - _NAIVE_EPOCH) + _BIAS)
    if type(value.tzinfo) not in (timezone, ZoneInfo):
        return None
    return _MOMENT.pack(AWARE_DATETIME, _microseconds(value - _AWARE_EPOCH) + _BIAS)


def _date_key(value: date) -> bytes:
    return _DAY.pack(DATE, value.toordinal())


def _time_key(value: time) -> bytes | None:
    if value.tzinfo is not None and type(value.tzinfo) not in (timezone, ZoneInfo):
        return None
    moment = ((value.hour * 60 + value.minute) * 60 + value.second) * 1_000_000 + value.microsecond + _BIAS
    offset = value.utcoffset()
    if offset is None:
        return _MOMENT.pack(NAIVE_TIME, moment)
    return _MOMENT.pack(AWARE_TIME, moment - _microseconds(offset))


def _timedelta_key(value: timedelta) -> bytes:
    return _DURATION.pack(TIMEDELTA, value.days + (1 << 31), value.seconds, value.microseconds)


# The rest ---------------------------------------------------------------------------------------------------------


def _uuid_key(value: UUID) -> bytes:
    return UUID_ + value.bytes


def _posix_path_key(value: PurePath) -> bytes:
    return _path_key(POSIX_PATH, str(value), "/")


def _windows_path_key(value: PurePath) -> bytes:
    return _path_key(WINDOWS_PATH, str(value).lower(), "\\")


def _path_key(tag: bytes, path: str, separator: str) -> bytes:
    """Make separators the least of all bytes, so that paths are in the order of their components."""
    text = path[:SEARCH_KEY_LENGTH].encode("utf-8", "surrogatepass")
    return _cut(tag, text.replace(b"\0", b"\0\xff").replace(separator.encode(), b"\0"))


def _numpy_key(value: object) -> bytes | None:
    """Key those of NumPy's numbers that it compares with Python's without rounding these: float64 and the integers."""
    if isinstance(value, float):
        return float_key(float(value))
    return int_key(int(value)) if isinstance(value, Integral) else None


def _enum_key(value: Enum) -> bytes | None:
    """Key a member that is a number or text as Python compares it, another by the names of its class and itself."""
    if isinstance(value, int):
        return int_key(int.__index__(value))
    if isinstance(value, str):
        return _str_key(str.__str__(value))
    if isinstance(value, float):
        return float_key(float.__float__(value))
    if type(value).__eq__ is not object.__eq__:
        return None
    name = cast("str | None", value.name) or str(value.value)  # flags that are not members have no name
    return _cut(ENUM, f"{type(value).__name__}\0{name}".encode("utf-8", "surrogatepass"))


_KEYS: dict[type[Any], Callable[[Any], bytes | None]] = {
    NoneType: _none_key,
    bool: int_key,
    int: int_key,
    float: float_key,
    Decimal: decimal_key,
    str: _str_key,
    bytes: _bytes_key,
    datetime: _datetime_key,
    date: _date_key,
    time: _time_key,
    timedelta: _timedelta_key,
    UUID: _uuid_key,
    PosixPath: _posix_path_key,
    PurePosixPath: _posix_path_key,
    WindowsPath: _windows_path_key,
    PureWindowsPath: _windows_path_key,
}
