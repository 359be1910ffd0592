"""Decode JSON into plain values without parts."""

from __future__ import annotations

import struct
from binascii import a2b_base64
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from functools import partial
from pathlib import PosixPath, PurePath, PurePosixPath, PureWindowsPath, WindowsPath
from typing import Any, TypeVar
from uuid import UUID

from artigraph.errors import DeserializationError
from artigraph.serializer.codec._zones import load_zone

T = TypeVar("T")
_ANY_LIST: type[list[Any]] = list
_ANY_DICT: type[dict[str, Any]] = dict
TimeT = TypeVar("TimeT", datetime, time)


def expect(kind: type[T], content: object) -> T:
    if type(content) is not kind:
        msg = f"{kind.__name__} expected, not {type(content).__name__}"
        raise ValueError(msg)
    return content


def expect_list(content: object) -> list[Any]:
    return expect(_ANY_LIST, content)


def expect_dict(content: object) -> dict[str, Any]:
    return expect(_ANY_DICT, content)


def _written(value: T, text: str, again: str) -> T:
    """Return the value if `text` equals `again`, its canonical form. Parsers accept more forms than `encode` writes."""
    if text != again:
        msg = f"it is not written as {text[:100]!r}"
        raise ValueError(msg)
    return value


def _read_big_int(content: object) -> int:
    text = expect(str, content)
    value = int(text, 16)
    return _written(value, text, f"{value:#x}")


def _read_float(content: object) -> float:
    text = expect(str, content)
    if text in ("inf", "-inf", "nan"):
        return float(text)
    value: float = struct.unpack(">d", bytes.fromhex(text))[0]
    return value


def _read_str(content: object) -> str:
    return "".join([run if type(run) is str else chr(expect(int, run)) for run in expect_list(content)])


def _read_bytes(content: object) -> bytes:
    return a2b_base64(expect(str, content), strict_mode=True)


def _read_datetime(content: object) -> datetime:
    return datetime.fromisoformat(content) if type(content) is str else _read_at(datetime, content)


def _read_time(content: object) -> time:
    return time.fromisoformat(content) if type(content) is str else _read_at(time, content)


def _read_at(kind: type[TimeT], content: object) -> TimeT:
    """Read a time with a zone or fold that ISO 8601 text cannot express."""
    parts = expect_dict(content)
    value = kind.fromisoformat(expect(str, parts["at"])).replace(fold=expect(int, parts.get("fold", 0)))
    if "zone" in parts:
        key = expect(str, parts["zone"])
        try:
            return value.replace(tzinfo=load_zone(key))
        except ValueError as error:
            msg = f"The stored time zone {key[:100]!r} {error}"
            raise DeserializationError(msg) from error
    offset = timedelta(microseconds=expect(int, parts["offset"])) if "offset" in parts else value.utcoffset()
    if offset is None:
        return value
    return value.replace(tzinfo=timezone(offset, expect(str, parts["name"])) if "name" in parts else timezone(offset))


def _read_date(content: object) -> date:
    return date.fromisoformat(expect(str, content))


def _read_timedelta(content: object) -> timedelta:
    days, seconds, microseconds = [expect(int, part) for part in expect_list(content)]
    return timedelta(days, seconds, microseconds)


def _read_uuid(content: object) -> UUID:
    text = expect(str, content)
    value = UUID(text)
    return _written(value, text, str(value))


def _read_decimal(content: object) -> Decimal:
    text = expect(str, content)
    value = Decimal(text)
    return _written(value, text, str(value).replace("e", "E"))


def _read_complex(content: object) -> complex:
    real, imaginary = [expect(float, part) for part in expect_list(content)]
    return complex(real, imaginary)


def _read_fraction(content: object) -> Fraction:
    numerator, denominator = [expect(int, part) for part in expect_list(content)]
    value = Fraction(numerator, denominator)
    if value.denominator != denominator:
        msg = "it is not in lowest terms"
        raise ValueError(msg)
    return value


def _read_range(content: object) -> range:
    start, stop, step = [expect(int, part) for part in expect_list(content)]
    return range(start, stop, step)


def _read_path(kind: type[PurePath], content: object) -> PurePath:
    text = expect(str, content)
    try:
        return kind(text)
    except NotImplementedError as error:
        msg = (
            f"The stored path {text!r} is a {kind.__name__}, which this system cannot make. To exchange paths between "
            "systems, store a PurePosixPath or PureWindowsPath, or text."
        )
        raise DeserializationError(msg) from error


SCALAR_READERS: dict[str, Callable[[object], object]] = {
    "$int": _read_big_int,
    "$float": _read_float,
    "$str": _read_str,
    "$bytes": _read_bytes,
    "$datetime": _read_datetime,
    "$date": _read_date,
    "$time": _read_time,
    "$timedelta": _read_timedelta,
    "$uuid": _read_uuid,
    "$decimal": _read_decimal,
    "$complex": _read_complex,
    "$fraction": _read_fraction,
    "$range": _read_range,
    "$PosixPath": partial(_read_path, PosixPath),
    "$WindowsPath": partial(_read_path, WindowsPath),
    "$PurePosixPath": partial(_read_path, PurePosixPath),
    "$PureWindowsPath": partial(_read_path, PureWindowsPath),
}
