"""The document of a stored chart: its Vega-Lite specification, with each set of rows once. It needs no Altair.

usermeta.artigraph      the note: version, class of the chart, and which parts are not of the chart itself
datasets                the rows by name, as Vega-Lite has them
data                    refers to rows by name
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from artigraph.errors import DeserializationError
from artigraph.serializer._support.json_text import is_list, is_object, write_json

VERSION = 1
NOTE = "artigraph"
META = "usermeta"
"""The property that Vega-Lite ignores."""
SCHEMA = "$schema"
DATASETS = "datasets"
_ROWS = frozenset({DATASETS, "values"})
"""Properties below which no chart is, but rows."""

Spec = dict[str, Any]
Rows = dict[str, Any]
"""Rows by name."""


def inlined(spec: Any, rows: Rows) -> Any:
    """Return a specification whose data has its rows in place, not by name."""

    def place(data: Spec) -> Spec:
        if data.get("name") not in rows:
            return data
        return {**{key: value for key, value in data.items() if key != "name"}, "values": rows[data["name"]]}

    return _replaced(spec, place)


def named_rows(spec: Any) -> tuple[Any, Rows]:
    """Return a specification whose data has its rows by name, and the rows. Names follow from the rows."""
    rows: Rows = {}

    def name(data: Spec) -> Spec:
        if not is_list(data.get("values")) or "name" in data:
            return data
        digest = hashlib.sha256(write_json(data["values"])).hexdigest()
        found = f"data-{digest[:32]}"
        rows[found] = data["values"]
        return {**{key: value for key, value in data.items() if key != "values"}, "name": found}

    return _replaced(spec, name), rows


def _replaced(value: Any, replace: Callable[[Spec], Spec]) -> Any:
    """Return a specification in which each `data` is replaced by what a function makes of it."""
    if is_list(value):
        return [_replaced(item, replace) for item in value]
    if not is_object(value):
        return value
    found: Spec = {}
    for key, item in value.items():
        if key == "data" and is_object(item):
            found[key] = replace(item)
        else:
            found[key] = item if key in _ROWS else _replaced(item, replace)
    return found


def in_order(value: Any) -> Any:
    """Return a specification without rows whose keys are in order, so that equal charts have equal bytes."""
    if is_list(value):
        return [in_order(item) for item in value]
    if not is_object(value):
        return value
    held = value
    return {key: held[key] if key in _ROWS else in_order(held[key]) for key in sorted(held)}


def note_of(document: Any) -> Any:
    """Return the note of a document.

    Raises:
        DeserializationError: the document has none, or one of a newer release.
    """
    note: Any = document[META][NOTE] if is_object(document) and is_object(document.get(META)) else None
    if not is_object(note):
        refuse("they are not the JSON of one")
    if note.get("version") != VERSION:
        msg = f"A newer release wrote this chart, in version {note.get('version')!r:.20}; update Artigraph."
        raise DeserializationError(msg)
    return note


def cost_of(value: Any, depth: int = 1) -> int:
    """Return the sum of the depths of all parts, which tells how long Altair takes: one or two ms for each."""
    if is_object(value):
        held = value
        return depth + sum(cost_of(item, depth + 1) for item in held.values())
    if is_list(value):
        return depth + sum(cost_of(item, depth + 1) for item in value)
    return 0


def differences(one: Any, other: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield the places where two specifications differ, each with the two values. None stands for no value."""
    if is_object(one) and is_object(other):
        for key in one | other:
            yield from differences(one.get(key), other.get(key), f"{path}.{key}".removeprefix("."))
    elif is_list(one) and is_list(other) and len(one) == len(other) and not path.endswith(".values"):
        for place, pair in enumerate(zip(one, other, strict=True)):
            yield from differences(*pair, f"{path}[{place}]")
    elif not same_json(one, other):
        yield path, one, other


def same_json(one: Any, other: Any) -> bool:
    """Say whether two values of JSON are equal in types, too. NaN equals NaN, and the order of keys does not count."""
    if type(one) is not type(other):
        return False
    if is_object(one):
        return one.keys() == other.keys() and all(same_json(one[key], other[key]) for key in one)
    if is_list(one):
        return len(one) == len(other) and all(map(same_json, one, other))
    return one is other or one == other or (one != one and other != other)


def refuse(what: str) -> NoReturn:
    """Raise the error for bytes that are not a stored chart."""
    msg = f"These bytes are not a stored chart: {what}."
    raise DeserializationError(msg)
