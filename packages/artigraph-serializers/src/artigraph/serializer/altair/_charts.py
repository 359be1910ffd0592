"""Charts of Altair as documents, and back.

The document of a stored chart is its Vega-Lite specification, with each set of rows once:

    usermeta.artigraph      the note: version, class of the chart, and which parts are not of the chart itself
    datasets                the rows by name, as Vega-Lite has them
    data                    refers to rows by name
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, NoReturn

from artigraph.errors import DeserializationError, SerializationError
from artigraph.serializer._support.json_text import is_list, is_object, read_json, write_json
from artigraph.serializer._support.library import class_of

# The document ---------------------------------------------------------------------------------------------------------


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


alt: Any = import_module("altair")

CLASSES: dict[str, Any] = {
    name: getattr(alt, name)
    for name in ("Chart", "LayerChart", "HConcatChart", "VConcatChart", "ConcatChart", "FacetChart", "RepeatChart")
}
_MOST = 10_000
"""The greatest cost of a specification: that of some 400 charts side by side, for which Altair takes 20 s."""
_LONGEST_REASON = 300
_TRANSFORMER = "default"
_INNER = ("layer", "hconcat", "vconcat", "concat", "spec", "transform", "from")
"""Properties in which something else may have data."""


def spec_of(chart: Any) -> Any:
    """Return the specification of a chart without the theme, and with all rows in place.

    Raises:
        SerializationError: the value is not a chart of Altair itself, or its rows would not become part of it.
    """
    if type(chart) not in CLASSES.values():
        remedy = (
            "store the chart that it shows, value.chart say" if hasattr(chart, "chart") else "store an altair.Chart"
        )
        msg = f"A {class_of(chart)} is no chart of Altair itself; {remedy}."
        raise SerializationError(msg)
    active = alt.data_transformers.active
    if active != _TRANSFORMER:
        msg = (
            f"Altair's data transformer {active!r} keeps the rows of a chart elsewhere, so they would not be stored. "
            "Save it with altair.data_transformers.enable('default')."
        )
        raise SerializationError(msg)
    rows: Rows = {}
    try:
        # Not as the top level, at which Altair adds the theme of this process.
        spec: Spec = chart.to_dict(context={"datasets": rows, "top_level": False})
    except alt.MaxRowsError as error:
        msg = (
            f"{_short(error)} Aggregate the rows first, keep them in a field of their own, or allow more: "
            "altair.data_transformers.disable_max_rows()."
        )
        raise SerializationError(msg) from error
    except Exception as error:
        msg = f"Altair makes no specification of this chart: {_short(error)}"
        raise SerializationError(msg) from error
    return inlined(spec, rows)


def _short(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{text[:_LONGEST_REASON]}{'…' if len(text) > _LONGEST_REASON else ''}"


def to_json(chart: Any) -> bytes:
    """Return a chart as the JSON of Vega-Lite.

    Raises:
        SerializationError: Altair would read back another chart, or too slowly.
    """
    spec = spec_of(chart)
    meta = spec.get(META, {})
    if not is_object(meta) or NOTE in meta:
        msg = f"The usermeta of this chart is no dict, or has the key {NOTE!r}, which is reserved; rename it."
        raise SerializationError(msg)
    try:
        document, rows = named_rows(spec)
        note: dict[str, Any] = {"version": VERSION, "class": type(chart).__name__, "rows": list(rows)}
        note["added"] = [key for key, here in ((META, META in spec), (SCHEMA, SCHEMA in spec)) if not here]
        every = {**spec.get(DATASETS, {}), **rows}
        said = {
            SCHEMA: alt.SCHEMA_URL,
            **in_order(document),
            **({DATASETS: every} if every or DATASETS in spec else {}),
        }
        if len(every) != len(rows) + len(spec.get(DATASETS, {})):
            msg = f"A dataset of this chart has a name that follows from other rows ({min(rows)!r}); rename it."
            raise SerializationError(msg)
        data = write_json({**said, META: {**meta, NOTE: note}})
    except (TypeError, ValueError) as error:
        msg = f"This chart has a value that JSON lacks ({_short(error)}); use texts, numbers and None, or a frame."
        raise SerializationError(msg) from error
    try:
        from_json(data)
    except ValueError as error:
        msg = f"This chart would not load as it is: {error}"
        raise SerializationError(msg) from error
    return data


def from_json(data: bytes) -> Any:
    """Return the chart of JSON.

    Raises:
        DeserializationError: it is not such JSON. Broken JSON may raise any error of Python.
        ValueError: Altair does not take the chart, or would change it.
    """
    document = read_json(data)
    note = note_of(document)
    del document[META][NOTE]
    for key in note["added"]:
        del document[key]
    cls = CLASSES[note["class"]]
    own: Rows = document.pop(DATASETS, {})
    rows: Rows = {name: own.pop(name) for name in note["rows"]}
    if cost_of(document) > _MOST:
        msg = "its specification is so large or nested so deeply that Altair takes minutes; store chart.to_json()"
        raise ValueError(msg)
    expected = inlined({**document, **({DATASETS: own} if own else {})}, rows)
    try:
        chart = cls.from_dict(document)
    except Exception as error:
        msg = f"Altair does not take it: {_short(error)}"
        raise ValueError(msg) from error
    if type(chart) is not cls:
        refuse("it is a chart of another class")
    if own:
        chart.datasets = own
    _put_rows(chart, rows)
    changed = next(differences(expected, spec_of(chart)), None)
    if changed is not None:
        msg = f"Altair changes {changed[0] or 'it'} from {changed[1]!r:.60} to {changed[2]!r:.60}"
        raise ValueError(msg)
    return chart


def _put_rows(chart: Any, rows: Rows) -> None:
    """Put the rows into the parts of a chart that refer to them by name."""
    for holder in _holders(chart):
        data = holder.data
        name: Any = data.name
        if type(name) is str and name in rows:
            others = {key: value for key, value in data.to_dict().items() if key != "name"}
            holder.data = {**others, "values": rows[name]}


def _holders(part: Any) -> Iterator[Any]:
    """Yield what has data: a chart, its parts, and the tables in which it looks up values."""
    if not isinstance(part, alt.VegaLiteSchema):
        return
    if isinstance(getattr(part, "data", None), alt.NamedData):
        yield part
    for name in _INNER:
        inner: Any = getattr(part, name, None)
        for each in inner if is_list(inner) else [inner]:
            yield from _holders(each)
