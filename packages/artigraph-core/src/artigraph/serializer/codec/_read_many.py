"""Decode many plain values at once: numbers and short texts by one call of the JSON parser."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from artigraph.serializer.codec._limits import LONGEST_NUMBER
from artigraph.serializer.codec._read import python_limits_digits, refuse_constant

_decoder = json.JSONDecoder(parse_constant=refuse_constant)
_COMPOUND = frozenset(b"[{")
_SPACE = 32
"""The greatest byte that JSON takes for a space."""


def decode_each(stored: Sequence[bytes], decode_one: Callable[[bytes], object]) -> list[object]:
    """Return the values that `encode` wrote, in their order. It is several times as fast as decoding each alone.

    Args:
        stored: the bytes of each value.
        decode_one: decodes the bytes that are no JSON number, short text, true, false or null.

    Raises:
        DeserializationError: `decode_one` raises it for the first bytes that do not encode a value.
    """
    simple = [number for number, data in enumerate(stored) if _is_simple(data)]
    found = _decode_simple([stored[number] for number in simple]) if python_limits_digits() else None
    if found is None:
        return list(map(decode_one, stored))
    if len(simple) == len(stored):
        return found
    values: list[object] = [None] * len(stored)
    for number, value in zip(simple, found, strict=True):
        values[number] = value
    for number in sorted(set(range(len(stored))).difference(simple)):
        values[number] = decode_one(stored[number])
    return values


def _is_simple(data: bytes) -> bool:
    return 0 < len(data) <= LONGEST_NUMBER and data[0] not in _COMPOUND and data[0] > _SPACE and data[-1] > _SPACE


def _decode_simple(stored: Sequence[bytes]) -> list[object] | None:
    """Return the values, or None if some bytes do not encode exactly one value.

    Bytes that are no value cannot pass for one: the line break between two parts is in no text, and what begins an
    array or an object makes one. So damaged parts can only make more values than there are parts, never fewer.
    """
    try:
        values: list[object] = _decoder.decode(str(b"[" + b",\n".join(stored) + b"]", "utf-8"))
    except (ValueError, RecursionError):
        return None
    whole = len(values) == len(stored) and not {list, dict}.intersection(map(type, values))
    return values if whole else None
