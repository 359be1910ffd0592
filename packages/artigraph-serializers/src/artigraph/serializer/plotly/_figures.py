"""Figures of Plotly as JSON, and back."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from itertools import product
from typing import Any

from artigraph.errors import DeserializationError, SerializationError
from artigraph.serializer._support.json_text import is_list, is_object, read_json, write_json
from artigraph.serializer._support.library import class_of
from artigraph.serializer.json import json_serializer
from artigraph.serializer.numpy.compare import same_object
from artigraph.serializer.plotly._exact import Path, Writer, apply_notes, refuse, where

go: Any = import_module("plotly.graph_objects")
_SubplotRef: Any = import_module("plotly.subplots").SubplotRef

VERSION = 1
NOTE = "artigraph"
"""The key of the document that Plotly ignores."""
_GRID, _GRID_TEXT = "_grid_ref", "_grid_str"
"""The keys under which the pickle protocol of figures has the grid of subplots. `Figure` takes them."""
_LONGEST_REASON = 300
_ANY_VALUES = (1, "black", True)
"""Values of which each object has a property that takes one."""

State = dict[str, Any]
"""The properties of a figure: "data", "layout" and "frames"; and "grid", which is the grid of subplots or None."""


def state_of(figure: Any) -> State:
    """Return the state of a figure, a copy of all that it holds.

    Raises:
        SerializationError: the value is not a figure of Plotly itself.
    """
    if type(figure) is not go.Figure:
        remedy = (
            "plotly.graph_objects.Figure(value) makes a plain figure of it" if _is_figure(figure) else "make a figure"
        )
        msg = f"A {class_of(figure)} is not a plotly.graph_objects.Figure; {remedy}."
        raise SerializationError(msg)
    _, (reduced,) = figure.__reduce__()  # the public way to the grid
    return {
        "data": [trace.to_plotly_json() for trace in figure.data],
        "layout": figure.layout.to_plotly_json(),
        "frames": [frame.to_plotly_json() for frame in figure.frames],
        "grid": None if reduced.get(_GRID) is None else [reduced[_GRID_TEXT], reduced[_GRID]],
    }


def _is_figure(value: object) -> bool:
    return any(base.__name__ == "BaseFigure" and base.__module__.startswith("plotly.") for base in type(value).__mro__)


def figure_of(state: State) -> Any:
    """Return the figure of a state, which Plotly validates.

    Raises:
        ValueError: Plotly does not take the state, or would change it. The error says where.
    """
    layout = {key: value for key, value in state["layout"].items() if key != "template"}
    known: dict[str, Any] = {"data": state["data"], "layout": layout, "frames": state["frames"]}
    if state["grid"] is not None:
        known[_GRID_TEXT], known[_GRID] = state["grid"]
    try:
        figure = go.Figure(known)
        _set_template(figure, state["layout"].get("template"))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        lines = " ".join(str(error).split())
        msg = f"Plotly does not take it: {lines[:_LONGEST_REASON]}{'…' if len(lines) > _LONGEST_REASON else ''}"
        raise ValueError(msg) from error
    found = state_of(figure)
    emptied = [path for path in _empty_paths(state) if not _is_there(found, path)]
    for path in emptied:
        _unset(figure, path)
    changed = difference(state, state_of(figure) if emptied else found)
    if changed is not None:
        msg = f"Plotly changes {changed}. Set it to what Plotly makes of it, or leave it out."
        raise ValueError(msg)
    return figure


def _set_template(figure: Any, template: Any) -> None:
    """Give a figure its template. Plotly has given it the default template of this process, without a validation."""
    found = figure.layout.template.to_plotly_json() if figure.layout.template is not None else None
    if template is None or not same_object(found, template):
        figure.layout.template = template


def _without_unknown(template: Any) -> Any:
    """Return a template without defaults for kinds of traces and parts of a layout that this Plotly does not have.

    The template that Plotly 6 gives to each figure has defaults for a kind of trace that Plotly 7 does not have.
    """
    known = {"data": go.layout.template.Data(), "layout": go.Layout()}
    return {
        key: {name: part for name, part in parts.items() if name in known[key]} if key in known else parts
        for key, parts in template.items()
    }


def _empty_paths(value: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the paths of empty objects in a state."""
    if is_object(value):
        if not value and path:
            yield path
        for key, item in value.items():
            yield from _empty_paths(item, (*path, key))
    elif is_list(value) and value and is_object(value[0]):
        for place, item in enumerate(value):
            yield from _empty_paths(item, (*path, place))


def _is_there(value: Any, path: Path) -> bool:
    found = value
    for step in path:
        if is_object(found) and step not in found:
            return False
        found = found[step]
    return True


def _unset(figure: Any, path: Path) -> None:
    """Leave an object of properties empty, as it is after its last property was unset. A new figure lacks it."""
    found = figure
    for step in path:
        found = found[step]
    for name, any_value in product(found, _ANY_VALUES):
        try:
            found[name] = any_value
        except (ValueError, TypeError):  # of another type
            continue
        found[name] = None
        return


def difference(one: Any, other: Any) -> str | None:
    """Return the place of the first difference between two states, or None if they are the same in values and types."""
    return next(differences(one, other), None)


def differences(one: Any, other: Any, path: Path = ()) -> Iterator[str]:
    """Yield the places where two states differ."""
    if is_object(one) and is_object(other):
        for key in one | other:
            if key in one and key in other:
                yield from differences(one[key], other[key], (*path, key))
            else:
                yield where((*path, key))
    elif is_list(one) and is_list(other) and len(one) == len(other) and any(is_object(item) for item in one):
        for place, pair in enumerate(zip(one, other, strict=True)):
            yield from differences(*pair, (*path, place))
    elif not same_object(one, other):
        yield where(path)


def to_json(figure: Any) -> bytes:
    """Return a figure as JSON that Plotly reads, with notes on exact types.

    Raises:
        SerializationError: it holds a value that is not kept, or Plotly would read back another figure.
    """
    state = state_of(figure)
    writer = Writer()
    document = {key: writer.write(state[key], (key,)) for key in ("data", "layout", "frames")}
    note: dict[str, Any] = {"version": VERSION, "notes": writer.notes}
    if state["grid"] is not None:
        note["grid"] = _grid_to_json(*state["grid"])
    data = write_json({**document, NOTE: note})
    read = _read_state(data)
    changed = difference(state, read)
    if changed is None:
        figure_of(read)
        return data
    msg = f"{changed} would not load as it is; convert it to a list or an array of NumPy."
    raise SerializationError(msg)


def from_json(data: bytes) -> Any:
    """Return the figure of JSON.

    Raises:
        DeserializationError: it is not such JSON. Broken JSON may raise any error of Python.
    """
    return figure_of(_read_state(data))


def _read_state(data: bytes) -> State:
    document = read_json(data)
    note = checked_note(document)
    apply_notes(document, note["notes"])
    if "template" in document["layout"]:
        document["layout"]["template"] = _without_unknown(document["layout"]["template"])
    return {**document, "grid": _grid_from_json(note["grid"]) if "grid" in note else None}


def checked_note(document: Any) -> Any:
    """Take the note out of a document, and return it."""
    if not is_object(document) or NOTE not in document:
        refuse("they are not the JSON of one")
    note: Any = document.pop(NOTE)
    version = note["version"]
    if version != VERSION:
        msg = f"A newer release wrote this figure, in version {version!r:.20} of its format; update Artigraph."
        raise DeserializationError(msg)
    if document.keys() != {"data", "layout", "frames"} or not is_object(document["layout"]):
        refuse("it has other parts")
    return note


# The grid of subplots -------------------------------------------------------------------------------------------------


def _grid_to_json(text: Any, grid: Any) -> Any:
    """Return the grid of subplots as JSON: by row and column, the type, keys of the layout and properties of traces."""
    rows = [[None if cell is None else [tuple(ref) for ref in cell] for cell in row] for row in grid]
    return read_json(json_serializer.serialize([text, rows]))


def _grid_from_json(said: Any) -> list[Any]:
    """Return the grid of subplots, as the pickle protocol of figures has it."""
    text, rows = json_serializer.deserialize(write_json(said))
    grid = [[None if cell is None else tuple(_ref_of(*ref) for ref in cell) for cell in row] for row in rows]
    if type(text) is not str:
        refuse("the grid of its subplots has no text")
    return [text, grid]


def _ref_of(kind: Any, keys: Any, properties: Any) -> Any:
    texts: list[Any] = [kind, *keys, *properties]
    is_named = isinstance(keys, tuple) and is_object(properties)
    if not is_named or not all(type(each) is str for each in texts):
        refuse("the grid of its subplots names none")
    return _SubplotRef(subplot_type=kind, layout_keys=keys, trace_kwargs=properties)
