"""Check well-known binary (WKB) before a library reads it.

GEOS reads a collection within a collection by calling itself, so deep nesting ends the process. It also takes types
that no standard has. So each collection is walked through first, without recursion. WKB of Artigraph is little-endian
and of the ISO flavor.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from struct import Struct, error

MAX_DEPTH = 100
"""How deep collections may be nested."""

_POINT, _LINE, _POLYGON = 1, 2, 3
_NESTED = (4, 5, 6, 7)
"""The types with parts: of points, of lines, of polygons, and of any types."""
_DIMENSIONS = ((0, 2), (1000, 3), (2000, 3), (3000, 4))
"""What is added to a type for Z, M, or both, and the coordinates of a point."""


def _heads(types: Iterable[int]) -> dict[bytes, tuple[int, int]]:
    """Return the type and the bytes of a point, by the byte order and type with which a geometry begins."""
    return {
        b"\x01" + (base + more).to_bytes(4, "little"): (base, 8 * width)
        for base, (more, width) in product(types, _DIMENSIONS)
    }


_SIMPLE_HEADS = _heads((_POINT, _LINE, _POLYGON))
_HEADS = _SIMPLE_HEADS | _heads(_NESTED)
_HEAD = 5
_COUNT = 4
_count = Struct("<I").unpack_from


def check_wkb(stored: Iterable[bytes | None]) -> None:
    """Refuse bytes that no geometry has, or that GEOS would end the process for.

    Raises:
        ValueError: says why.
    """
    try:
        for each in stored:
            if each is not None and each[:_HEAD] not in _SIMPLE_HEADS:
                _walk(each)
    except (KeyError, error) as problem:
        msg = "these bytes are no geometry"
        raise ValueError(msg) from problem


def _walk(data: bytes) -> None:
    """Walk through a collection. Fails if it is cut off, nested too deep, or has a part that is no geometry."""
    left = [1]
    """How many parts are still to come, of each collection that is open."""
    place = 0
    while left:
        if not left[-1]:
            left.pop()
            continue
        left[-1] -= 1
        base, width = _HEADS[data[place : place + _HEAD]]
        place += _HEAD
        if base == _POINT:
            place += width
            continue
        (count,) = _count(data, place)
        place += _COUNT
        if base == _LINE:
            place += count * width
        elif base == _POLYGON:
            for _ in range(count):
                place += _COUNT + _count(data, place)[0] * width
        else:
            left.append(count)
            if len(left) > MAX_DEPTH + 1:
                msg = f"its collections are nested deeper than {MAX_DEPTH}"
                raise ValueError(msg)
