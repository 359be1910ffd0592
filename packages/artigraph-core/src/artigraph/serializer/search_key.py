"""Search keys: scalars as bytes that sort, byte by byte, in the order of the values.

A key is a projection of the stored value, for indexes. The value itself is what its serializer wrote.
docs/design/search-key.md gives the format byte for byte, and the cases in which Python compares differently.

This module is over 400 lines, because the keys of all types must sort into one order.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from enum import Enum
from fractions import Fraction
from numbers import Integral
from pathlib import PosixPath, PurePath, PurePosixPath, PureWindowsPath, WindowsPath
from struct import Struct
from types import NoneType
from typing import Any, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from artigraph.serializer.codec import StoredEnum

SEARCH_KEY_LENGTH = 255
"""The most bytes of a key."""

NAN = b"\x10"
NEGATIVE = 0x18
POSITIVE = 0x19
_INFINITE = bytes([POSITIVE]) + b"\xff" * 8
_BEYOND = bytes([POSITIVE, 0xF0])
"""The prefix of keys beyond the greatest float, in whose key 7F follows the tag."""
_NEGATIVE_BEYOND = bytes([NEGATIVE, 0x0F])

_TAGGED_FLOAT = Struct(">Bd")
_INVERT = bytes(255 - byte for byte in range(256))
_BIAS_16 = 1 << 15
_BIAS_64 = 1 << 63
_EXACT_INT = 1 << sys.float_info.mant_dig
_MAX = sys.float_info.max
_MAX_INT = int(_MAX)
_MAX_DECIMAL = Decimal(_MAX_INT)
_TINY_EXPONENT = -330
"""A decimal whose first digit is at a lower power of ten is nearer to zero than any float."""
_LOG_ERROR = 1e-9
_DIGITS = 2 * SEARCH_KEY_LENGTH
_MANY_DIGITS = 10_000
"""How many digits of a fraction at least are in its uncut key. It must be even."""
_END_OF_DIGITS = b"\xc8"
"""A byte that no two digits have. It follows the last digits of a fraction that has more of them."""
_decimal_of = Decimal.from_float
"""Not the constructor: in a context that traps `FloatOperation` it takes no float."""
_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])
"""A context that never rounds a difference."""


def float_key(value: float) -> bytes:
    """Return the key of a float."""
    if 0.0 <= value <= _MAX:
        return _TAGGED_FLOAT.pack(POSITIVE, value + 0.0)  # makes -0.0 into 0.0
    if -_MAX <= value < 0.0:
        return _sign(_TAGGED_FLOAT.pack(POSITIVE, -value), negative=True)
    if math.isnan(value):
        return NAN
    return _sign(_INFINITE, negative=value < 0)


def int_key(value: int) -> bytes:
    """Return the key of an integer."""
    if 0 <= value <= _EXACT_INT:
        return _TAGGED_FLOAT.pack(POSITIVE, value)
    magnitude = abs(value)
    if magnitude > _MAX_INT:
        return _sign(_beyond(_int_exponent(magnitude)), negative=value < 0)
    head = magnitude
    rest = b""
    if magnitude > _EXACT_INT:
        shift = magnitude.bit_length() - sys.float_info.mant_dig
        head = magnitude >> shift << shift
        digits = str(magnitude - head)
        rest = _rest(digits.rstrip("0"), len(digits)) if magnitude > head else b""
    return _sign(_TAGGED_FLOAT.pack(POSITIVE, head) + rest, negative=value < 0)


def decimal_key(value: Decimal) -> bytes:
    """Return the key of a decimal."""
    return _decimal_key(value, digits=_DIGITS, length=SEARCH_KEY_LENGTH)


def _decimal_key(value: Decimal, *, digits: int | None, length: int | None) -> bytes:
    """Return the key of a decimal, cut to at most `digits` digits and `length` bytes. None means no limit."""
    if value.is_nan():
        return NAN
    negative = value.is_signed()
    if value.is_infinite():
        return _sign(_INFINITE, negative=negative)
    if not value:
        return float_key(0.0)
    magnitude = value.copy_abs()
    if magnitude > _MAX_DECIMAL:
        key = _beyond(magnitude.adjusted())
        if digits is None:
            key += _rest(_mantissa(magnitude)[0], 0)
        return _sign(key, negative=negative, length=length)
    head = 0.0
    rest = magnitude
    if magnitude.adjusted() >= _TINY_EXPONENT:
        head = float(magnitude)
        if magnitude < _decimal_of(head):
            head = math.nextafter(head, 0.0)
        rest = _EXACT.subtract(magnitude, _decimal_of(head))
    key = _TAGGED_FLOAT.pack(POSITIVE, head)
    if rest:
        mantissa, exponent = _mantissa(rest)
        key += _rest(mantissa[:digits], exponent)
    return _sign(key, negative=negative, length=length)


def fraction_key(value: Fraction) -> bytes:
    """Return the key of a fraction: that of an equal decimal, or a cut key if no decimal is equal."""
    equal = _decimal_of_fraction(value)
    if equal is not None:
        return decimal_key(equal)
    if abs(value) > _MAX_INT:
        return _sign(_beyond(_int_exponent(abs(int(value)))), negative=value < 0)
    return _endless_key(value, _DIGITS)[:SEARCH_KEY_LENGTH]


def _decimal_of_fraction(value: Fraction) -> Decimal | None:
    """Return the decimal that equals a fraction. There is one if its denominator has no other factors than 2 and 5."""
    rest, places = value.denominator, 0
    for factor in (2, 5):
        count = 0
        while rest % factor == 0:
            rest, count = rest // factor, count + 1
        places = max(places, count)
    if rest > 1:
        return None
    return _EXACT.scaleb(Decimal(value.numerator * 10**places // value.denominator), Decimal(-places))


def _endless_key(value: Fraction, digits: int) -> bytes:
    """Return the key of a fraction that equals no decimal, with this many digits of those that never end.

    Zeros at the end of the digits stay. So the key is longer than that of the decimal with these digits, which is less.
    """
    magnitude = abs(value)
    if magnitude > _MAX_INT:
        exponent = _int_exponent(int(magnitude))
        key = _beyond(exponent) + _rest(_digits_of(magnitude, exponent + 1, digits), 0)
    else:
        head = float(magnitude)
        if magnitude < Fraction(head):
            head = math.nextafter(head, 0.0)
        rest = magnitude - Fraction(head)
        # The remainder has its first digit at one of two powers of ten.
        exponent = _int_exponent(rest.numerator) - _int_exponent(rest.denominator)
        if rest >= Fraction(10) ** exponent:
            exponent += 1
        key = _TAGGED_FLOAT.pack(POSITIVE, head) + _rest(_digits_of(rest, exponent, digits), exponent)
    return _sign(key, negative=value < 0, length=None)


def _digits_of(value: Fraction, exponent: int, count: int) -> str:
    """Return the first digits of a positive fraction that is 0.digits times ten to the exponent."""
    shift = count - exponent
    scaled = value * 10**shift if shift >= 0 else value / 10**-shift
    # Not str of an int, which has a limit.
    return f"{Decimal(scaled.numerator // scaled.denominator):f}".zfill(count)


def uncut_number_key(value: float | Decimal | Fraction) -> bytes:
    """Return the key of a number with all of its digits. Different numbers never have equal keys.

    The digits of some fractions never end. Their keys have 10,000 digits or more, and then the fraction itself. Only
    numbers that agree in all these digits may be out of order.
    """
    if isinstance(value, float):
        return float_key(value)
    if isinstance(value, Fraction):
        equal = _decimal_of_fraction(value)
        if equal is None:
            numerator, denominator = value.as_integer_ratio()
            digits = _MANY_DIGITS + (numerator.bit_length() + denominator.bit_length()) // 2 * 2
            return _endless_key(value, digits) + _END_OF_DIGITS + f"{numerator:x}/{denominator:x}".encode()
        value = equal
    return _decimal_key(Decimal(value), digits=None, length=None)


def is_beyond(key: bytes) -> bool:
    """Say whether a key is beyond the greatest float, where all numbers with equally many digits share one key."""
    return key[:2] in (_BEYOND, _NEGATIVE_BEYOND)


def _sign(key: bytes, *, negative: bool, length: int | None = SEARCH_KEY_LENGTH) -> bytes:
    """Return the key of a positive number, or of its negative, whose order is inverted. Cut to `length` bytes."""
    if negative:
        key = bytes([NEGATIVE]) + key[1:].translate(_INVERT) + b"\xff"
    return key[:length]


def _mantissa(value: Decimal) -> tuple[str, int]:
    """Return the digits and the exponent of a positive decimal, whose value is 0.digits times ten to the exponent.

    The last digit is not 0. If you cut the digits, keep zeros at the new end: without them, a longer number would have
    the key of a shorter one.
    """
    mantissa, _, exponent = f"{value:E}".partition("E")
    return mantissa.replace(".", "").rstrip("0"), int(exponent) + 1


def _rest(digits: str, exponent: int) -> bytes:
    """Encode the remainder 0.digits times ten to the exponent: first the exponent, then two digits per byte."""
    if exponent >= -_BIAS_16:
        head = b"\x02" + (exponent + _BIAS_16).to_bytes(2)
    else:
        head = b"\x01" + (exponent + _BIAS_64).to_bytes(8)
    if len(digits) % 2:
        digits += "0"
    return head + bytes([int(digits[index : index + 2]) + 1 for index in range(0, len(digits), 2)])


def _beyond(exponent: int) -> bytes:
    return _BEYOND + exponent.to_bytes(8)


def _int_exponent(value: int) -> int:
    """Return the power of ten of an integer's first digit, without computing all digits."""
    estimate = math.log10(value)
    nearest = round(estimate)
    if abs(estimate - nearest) > _LOG_ERROR * estimate:
        return math.floor(estimate)
    return nearest if value >= 10**nearest else nearest - 1


TIMEDELTA = 0x48
MONTHS = 0x49

_UNIT = re.compile(r"\[(\d*)(\w+)\]$")
_SECOND = 10**18
"""In attoseconds, the smallest unit of NumPy."""
_MICROSECOND = 10**12
_UNITS = {
    "W": 604_800 * _SECOND,
    "D": 86_400 * _SECOND,
    "h": 3_600 * _SECOND,
    "m": 60 * _SECOND,
    "s": _SECOND,
    "ms": 10**15,
    "us": 10**12,
    "ns": 10**9,
    "ps": 10**6,
    "fs": 10**3,
    "as": 1,
}
_MONTHS = {"Y": 12, "M": 1}

_HEAD = Struct(">BI")
_REST = Struct(">II")
_MOST_DAYS = 999_999_999
"""The most days of a `timedelta`, in either direction."""
_BIAS_32, _BIAS_128 = 1 << 31, 1 << 127


def numpy_duration_key(value: Any) -> bytes | None:
    """Return the key of a `numpy.timedelta64`, or None if it has no unit: then it equals any duration of its count.

    Durations are exact in every unit: equal durations have equal keys. Years and months have no length in days, so
    NumPy compares them only with one another. Their keys have a first byte of their own.
    """
    if value != value:  # NaT, which equals nothing
        return NAN
    found = _UNIT.search(value.dtype.str)
    if found is None:
        return None
    count = int(value.astype("int64")) * int(found[1] or 1)
    if found[2] in _MONTHS:
        return bytes([MONTHS]) + (count * _MONTHS[found[2]] + _BIAS_128).to_bytes(16)
    days, below_day = divmod(count * _UNITS[found[2]], 86_400 * _SECOND)
    seconds, below_second = divmod(below_day, _SECOND)
    microseconds, rest = divmod(below_second, _MICROSECOND)
    if abs(days) <= _MOST_DAYS:
        head = _HEAD.pack(TIMEDELTA, days + _BIAS_32)
    else:  # outside the range of timedelta: sorts before or after all of its days
        head = _HEAD.pack(TIMEDELTA, 0xFFFFFFFF if days > 0 else 0) + (days + _BIAS_128).to_bytes(16)
    return head + _REST.pack(seconds, microseconds) + (rest.to_bytes(5) if rest else b"")


NONE = b"\x08"
STR = b"\x20"
BYTES = b"\x28"
AWARE_DATETIME = 0x30
NAIVE_DATETIME = 0x31
DATE = 0x38
AWARE_TIME = 0x40
NAIVE_TIME = 0x41
UUID_ = b"\x50"
POSIX_PATH = b"\x58"
WINDOWS_PATH = b"\x59"
ENUM = b"\x60"


def search_key(value: object) -> bytes | None:
    """Return the key of a scalar, at most `SEARCH_KEY_LENGTH` bytes, or None if values of its type have no key.

    Keys compare as Python compares the values: `a < b` gives `key(a) < key(b)`, and `a == b` gives equal keys. Numbers
    of every kind share one order. Long keys are cut, and then `a < b` may also give equal keys: see `is_cut`. Values
    that Python does not compare (a number and a string, naive and aware times) have keys that differ in their first
    byte. NaN has its own key, apart from all numbers. A query that compares with NaN finds nothing and makes no key.
    """
    make = _KEYS.get(type(value))
    if make is not None:
        return make(value)
    if isinstance(value, Enum):
        return _enum_key(value)
    return _numpy_key(value) if type(value).__module__ == "numpy" else None


def equals_nothing(value: object) -> bool:
    """Say whether a value equals nothing, not even itself: NaN of any kind of number, or NaT."""
    return search_key(value) == NAN


def is_cut(key: bytes) -> bool:
    """Say whether other values may have this key, too, so that a match must be checked on the values themselves."""
    return len(key) >= SEARCH_KEY_LENGTH or is_beyond(key)


def uncut_key(value: object) -> bytes | None:
    """Return the key of a scalar in full length, in the same order. Different values never have equal keys."""
    key = search_key(value)
    if key is None or not is_cut(key):
        return key
    match value:
        case int() | Decimal() | Fraction():
            key = uncut_number_key(int.__index__(value) if isinstance(value, int) else value)
        case str():
            key = STR + str.__str__(value).encode("utf-8", "surrogatepass")
        case bytes():
            key = BYTES + bytes(value)
        case PureWindowsPath():
            key = WINDOWS_PATH + _path_bytes(str(value).lower(), "\\")
        case PurePath():
            key = POSIX_PATH + _path_bytes(str(value), "/")
        case StoredEnum():
            key = ENUM + _member_name(value.class_name, str(value.member))
        case _:
            key = ENUM + _enum_name(cast("Enum", value))
    return key


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
    """Make separators sort before all other bytes, so that paths sort by their components."""
    return _cut(tag, _path_bytes(path[:SEARCH_KEY_LENGTH], separator))


def _path_bytes(path: str, separator: str) -> bytes:
    text = path.encode("utf-8", "surrogatepass")
    return text.replace(b"\0", b"\0\xff").replace(separator.encode(), b"\0")


def _numpy_key(value: object) -> bytes | None:
    """Return the key of a value that NumPy compares exactly: float64, integers, bools, strings, durations; or None.

    NumPy rounds values of other types before it compares them.
    """
    name = type(value).__name__
    if name == "timedelta64":  # an integer to NumPy
        return numpy_duration_key(value)
    if isinstance(value, float):
        return float_key(float(value))
    if isinstance(value, str):
        return _str_key(str(value))
    if isinstance(value, bytes):
        return _bytes_key(bytes(value))
    return int_key(int(cast("Any", value))) if isinstance(value, Integral) or name in ("bool", "bool_") else None


def _enum_key(value: Enum) -> bytes | None:
    """Return the key of an enum member: of its value if that is a number or string, else of class and member name."""
    if isinstance(value, int):
        return int_key(int.__index__(value))
    if isinstance(value, str):
        return _str_key(str.__str__(value))
    if isinstance(value, float):
        return float_key(float.__float__(value))
    if type(value).__eq__ is not object.__eq__:
        return None
    return _cut(ENUM, _enum_name(value))


def member_key(cls: type[Enum], name: str) -> bytes:
    """Return the key of an enum member by its name. The class has neither numbers nor strings as members.

    The class need not have that member now.
    """
    return _cut(ENUM, _member_name(cls.__name__, name))


def _enum_name(value: Enum) -> bytes:
    # Flags that are not members have no name.
    return _member_name(type(value).__name__, cast("str | None", value.name) or str(value.value))


def _member_name(class_name: str, name: str) -> bytes:
    return f"{class_name}\0{name}".encode("utf-8", "surrogatepass")


def _stored_enum_key(value: StoredEnum) -> bytes:
    """Return the key of an enum member whose class has neither numbers nor strings as members."""
    return _cut(ENUM, _member_name(value.class_name, str(value.member)))


_KEYS: dict[type[Any], Callable[[Any], bytes | None]] = {
    NoneType: _none_key,
    bool: int_key,
    int: int_key,
    float: float_key,
    Decimal: decimal_key,
    Fraction: fraction_key,
    str: _str_key,
    bytes: _bytes_key,
    datetime: _datetime_key,
    date: _date_key,
    time: _time_key,
    timedelta: _timedelta_key,
    UUID: _uuid_key,
    PosixPath: _posix_path_key,
    PurePosixPath: _posix_path_key,
    StoredEnum: _stored_enum_key,
    WindowsPath: _windows_path_key,
    PureWindowsPath: _windows_path_key,
}
