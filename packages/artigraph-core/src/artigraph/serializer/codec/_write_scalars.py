"""Encode plain values without parts as JSON."""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from json.encoder import encode_basestring
from math import isfinite
from pathlib import PosixPath, PurePath, PurePosixPath, PureWindowsPath, WindowsPath
from struct import pack
from types import NoneType
from typing import Any
from uuid import UUID

from artigraph.serializer.codec._limits import MAX_BITS
from artigraph.serializer.codec._zones import describe_zone


class RefusedError(Exception):
    """A part of a value cannot be stored. Each container that the error passes adds its step to `path`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path: list[str] = []

    def message(self) -> str:
        return f"value{''.join(reversed(self.path))} {self.reason}"


def _write_none(_: None) -> str:
    return "null"


def _write_bool(value: bool) -> str:  # noqa: FBT001 (a value, no switch)
    return "true" if value else "false"


def write_int(value: int) -> str:
    if value.bit_length() <= MAX_BITS:
        return int.__repr__(value)
    return f'{{"$int":"{value:#x}"}}'


def _write_float(value: float) -> str:
    if isfinite(value):
        return float.__repr__(value)
    bits = pack(">d", value).hex()
    return f'{{"$float":"{_NOT_FINITE.get(bits, bits)}"}}'


_NOT_FINITE = {"7ff0000000000000": "inf", "fff0000000000000": "-inf", "7ff8000000000000": "nan"}
"""The NaN and infinities that have a name, by their bits. Other NaNs are written as their bits."""


def _write_complex(value: complex) -> str:
    return f'{{"$complex":[{_write_float(value.real)},{_write_float(value.imag)}]}}'


def _write_fraction(value: Fraction) -> str:
    return f'{{"$fraction":[{write_int(value.numerator)},{write_int(value.denominator)}]}}'


def _write_range(value: range) -> str:
    return f'{{"$range":[{write_int(value.start)},{write_int(value.stop)},{write_int(value.step)}]}}'


def write_str(value: str) -> str:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:  # lone surrogates: a JSON parser would join two adjacent ones
            runs = [encode_basestring(run) if _is_valid(run) else str(ord(run)) for run in _RUNS.findall(value)]
            return f'{{"$str":[{",".join(runs)}]}}'
    return encode_basestring(value)


def _is_valid(run: str) -> bool:
    return not "\ud800" <= run[0] <= "\udfff"


_RUNS = re.compile("[\ud800-\udfff]|[^\ud800-\udfff]+")
"""Matches one lone surrogate, or a run of text without any."""


def _write_bytes(value: bytes) -> str:
    return f'{{"$bytes":"{b2a_base64(value, newline=False).decode()}"}}'


def _write_datetime(value: datetime) -> str:
    return _write_time_of("datetime", value)


def _write_time(value: time) -> str:
    return _write_time_of("time", value)


def _write_time_of(tag: str, value: datetime | time) -> str:
    zone = value.tzinfo
    if (zone is None or zone is UTC) and not value.fold:
        return f'{{"${tag}":"{value.isoformat()}"}}'
    try:
        more = describe_zone(value) if zone is not None else {}
    except ValueError as error:
        raise RefusedError(str(error)) from error
    at = value.replace(tzinfo=None) if "zone" in more or "offset" in more else value
    if not more and not value.fold:
        return f'{{"${tag}":"{at.isoformat()}"}}'
    parts = [f'"at":"{at.isoformat()}"', *(f'"{key}":{SCALAR_WRITERS[type(part)](part)}' for key, part in more.items())]
    if value.fold:
        parts.append('"fold":1')
    return f'{{"${tag}":{{{",".join(parts)}}}}}'


def _write_date(value: date) -> str:
    return f'{{"$date":"{value.isoformat()}"}}'


def _write_timedelta(value: timedelta) -> str:
    return f'{{"$timedelta":[{value.days},{value.seconds},{value.microseconds}]}}'


def _write_uuid(value: UUID) -> str:
    return f'{{"$uuid":"{value}"}}'


def _write_decimal(value: Decimal) -> str:
    return f'{{"$decimal":"{str(value).replace("e", "E")}"}}'  # a decimal context may ask for a lowercase e


def _write_path(value: PurePath) -> str:
    text = str(value)
    if type(value)(text).parts != value.parts:
        msg = f"is a {type(value).__name__} that {text!r} does not name again"
        raise RefusedError(msg)
    return f'{{"${type(value).__name__}":{write_str(text)}}}'


SCALAR_WRITERS: dict[type[Any], Callable[[Any], str]] = {
    NoneType: _write_none,
    bool: _write_bool,
    int: write_int,
    float: _write_float,
    complex: _write_complex,
    str: write_str,
    bytes: _write_bytes,
    datetime: _write_datetime,
    date: _write_date,
    time: _write_time,
    timedelta: _write_timedelta,
    UUID: _write_uuid,
    Decimal: _write_decimal,
    Fraction: _write_fraction,
    range: _write_range,
    PosixPath: _write_path,
    WindowsPath: _write_path,
    PurePosixPath: _write_path,
    PureWindowsPath: _write_path,
}


def encode_scalar(value: object) -> bytes | None:
    """Return what `encode` returns for a value without parts; None for other values and if `encode` would refuse it."""
    writer = SCALAR_WRITERS.get(type(value))
    try:
        return None if writer is None else writer(value).encode()
    except (RefusedError, RecursionError):
        return None
