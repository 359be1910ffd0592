"""JSON that is read strictly, written compactly, and parsed for a preview only if it takes little memory."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from artigraph.errors import DeserializationError
from artigraph.serializer import preview

_MOST_DIGITS = 400
"""The most characters of a number. Reading more digits takes quadratic time."""
MOST_BITS = 1024
"""Integers of more bits are not written as numbers."""
_OBJECT = 256
"""The most bytes of memory that an object of JSON takes beside its members."""
_VALUE = 128
"""The most bytes of memory that any other value takes beside its text."""
_WIDEST = 4
"""The bytes of a character in memory, in a text that has characters outside ASCII."""


def write_json(value: Any) -> bytes:
    """Return JSON in UTF-8.

    Raises:
        ValueError: a number is NaN or infinite, or a text has lone surrogates.
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def read_json(data: bytes | memoryview) -> Any:
    """Return the value of JSON in UTF-8. A key that occurs twice, NaN and Infinity are errors.

    Raises:
        ValueError: the bytes are not such JSON.
        RecursionError: the JSON is nested too deeply.
    """
    return json.loads(str(data, "utf-8"), object_pairs_hook=_unique, parse_constant=_refuse, parse_int=_read_int)


def is_object(value: Any) -> bool:
    """Say whether a value of JSON is an object. A type checker learns nothing from it, and keeps `Any`."""
    return type(value) is dict


def is_list(value: Any) -> bool:
    """Say whether a value of JSON is a list. A type checker learns nothing from it, and keeps `Any`."""
    return type(value) is list


def read_json_within(limited: preview.LimitedFile, max_bytes: int) -> Any:
    """Return the value of a file of JSON, or None if its text or its value may take more than `max_bytes`."""
    if limited.size > limited.left:
        return None
    data = limited.read()
    values = sum(data.count(mark) for mark in b"[,:") + 1
    text = len(data) * (1 if data.isascii() else 1 + _WIDEST)
    if text + values * _VALUE + data.count(b"{") * _OBJECT > max_bytes:
        return None
    return read_json(data)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        msg = "These bytes are not what was stored: an object of its JSON has a key twice."
        raise DeserializationError(msg)
    return found


def _read_int(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        _refuse("a number of this length")
    return int(digits)


def _refuse(name: str) -> NoReturn:
    msg = f"These bytes are not what was stored: {name} is not in the JSON that is written."
    raise DeserializationError(msg)
