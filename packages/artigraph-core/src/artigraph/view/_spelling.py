"""How stored values are spelled in JSON (docs/design/view.md has the table)."""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, date, datetime, time, timedelta
from pathlib import PurePath
from typing import Any, cast
from uuid import UUID

from artigraph.serializer.codec import StoredEnum, StoredStruct
from artigraph.serializer.preview import Cell, Cells

EXACT = 2**53 - 1
"""The greatest integer that every reader of JSON keeps exactly."""
_LONGEST_TEXT = 10_000
_MOST_ITEMS = 1_000
_DEEPEST = 20
_MORE = "…"
_ZONE = len("+00:00")


def spelled(value: Any, depth: int = 0) -> Any:
    """Return a plain value as JSON: only dicts with text as keys, lists, texts, numbers, truth values and None."""
    if value is None or isinstance(value, bool) or (type(value) is int and -EXACT <= value <= EXACT):
        return value
    if isinstance(value, str):
        return _cut(value)
    if isinstance(value, (int, float, timedelta)):
        return _number(value, Cells(_LONGEST_TEXT))
    if _is_container(value):
        return _container(value, depth) if depth < _DEEPEST else Cells().show(value)
    return _scalar_text(value)


def cell_of(value: Any) -> Cell:
    """Return a plain value as one scalar of JSON, for a column of a table. A container is text, as Python shows it."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, (int, float, timedelta)):
        return _number(value, Cells())
    if isinstance(value, str):
        return Cells().text(value)
    if _is_container(value):
        return Cells().show(value)
    return Cells().text(_scalar_text(value))


def type_name(value: object) -> str:
    """Return the name of the type of a plain value. For an instance of a class of users, it is the stored name."""
    if isinstance(value, (StoredEnum, StoredStruct)):
        return value.class_name
    return "None" if value is None else type(value).__name__


def moment_text(moment: datetime) -> str:
    """Return a datetime in ISO 8601: an aware one in UTC with a "Z", a naive one without a zone."""
    if moment.tzinfo is None:
        return moment.isoformat()
    if moment.tzinfo is UTC:
        return f"{moment.isoformat()[:-_ZONE]}Z"
    try:
        return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except OverflowError:  # in UTC it is before the year 1 or after 9999
        return moment.isoformat()


def _is_container(value: object) -> bool:
    return isinstance(value, (StoredStruct, Mapping, list, tuple, deque, AbstractSet))


def _number(value: float | timedelta, cells: Cells) -> int | float | str:
    """Return a number that each reader of JSON keeps exactly, or its text. A timedelta is a number of seconds."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, int):
        return int(value) if -EXACT <= value <= EXACT else cells.show(int(value))
    if math.isfinite(value):
        return float(value)
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _scalar_text(value: object) -> str:
    match value:
        case datetime():
            return moment_text(value)
        case date() | time():
            return value.isoformat()
        case StoredEnum() | PurePath() | UUID():
            return _cut(str(value) if not isinstance(value, StoredEnum) else repr(value))
        case bytes():
            return Cells(_LONGEST_TEXT).show(value)
        case _:
            return Cells(_LONGEST_TEXT).show(value)  # Decimal, and classes of the codec that have no other spelling


def _container(value: Any, depth: int) -> Any:
    if isinstance(value, StoredStruct):
        return {"$class": _cut(value.class_name), "fields": _object(value.fields, depth)}
    if isinstance(value, Mapping):
        pairs = cast("Mapping[object, object]", value)
        if all(isinstance(key, str) for key in pairs):
            return _object(cast("Mapping[str, object]", pairs), depth)
        return _array(list(pairs.items()), depth)
    items = _array(value, depth)
    if isinstance(value, AbstractSet):
        items.sort(key=lambda item: json.dumps(item, sort_keys=True))
    return items


def _object(pairs: Mapping[str, object], depth: int) -> dict[str, Any]:
    shown = dict(list(pairs.items())[:_MOST_ITEMS])
    found = {_cut(name): spelled(item, depth + 1) for name, item in shown.items()}
    return found if len(shown) == len(pairs) else {**found, _MORE: len(pairs) - len(shown)}


def _array(items: Iterable[object], depth: int) -> list[Any]:
    found = list(items)
    shown = [spelled(item, depth + 1) for item in found[:_MOST_ITEMS]]
    return shown if len(shown) == len(found) else [*shown, f"{_MORE} {len(found) - len(shown)} more"]


def _cut(text: str) -> str:
    if text.isascii() and len(text) <= _LONGEST_TEXT:
        return text
    return Cells(_LONGEST_TEXT).text(text)
