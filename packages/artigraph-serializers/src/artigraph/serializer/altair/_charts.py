"""Charts of Altair as documents, and back."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from artigraph.errors import SerializationError
from artigraph.serializer._support import class_of
from artigraph.serializer._support.json_text import is_list, is_object, read_json, write_json
from artigraph.serializer.altair._document import (
    DATASETS,
    META,
    NOTE,
    SCHEMA,
    VERSION,
    Rows,
    Spec,
    cost_of,
    differences,
    in_order,
    inlined,
    named_rows,
    note_of,
    refuse,
)

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
