"""Views of models and of the values in them, for notebooks. They load nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any

import artigraph.html as html
from artigraph.html import Part
from artigraph.model._collections import ArtifactSequence
from artigraph.model._foreign_html import LONGEST, array_view, own_view
from artigraph.model.definition import is_model, shown_fields, traits_of
from artigraph.model.failures import Loaded
from artigraph.model.identity_map import origin_in_map
from artigraph.model.lazy import Lazy, held
from artigraph.model.partial import is_partial, loaded_fields
from artigraph.model.repr import short_repr
from artigraph.printable import bytes_text, count_text, shortened
from artigraph.serializer.codec.classes import is_generated

_FIELDS, _ITEMS = 100, 20
"""The most fields of a model, and the most items of a container."""
_DEPTH = 4
"""How deep models and containers are shown in each other."""
_LINE, _CELL, _TEXT = 120, 60, 2_000
"""The most characters of a value in one line, of one in a table of results, and of a text on a click."""
_PLAIN = frozenset({type(None), bool, int, float, complex, str, bytes})
_CONTAINERS: tuple[type[Any], ...] = (Mapping, list, tuple, ArtifactSequence)


def model_view(model: Any, depth: int = _DEPTH) -> Part:
    """Return the view of a model or other dataclass: its fields. One that is not loaded says so."""
    loaded = loaded_fields(model) if is_partial(_type_of(model)) else None
    names = shown_fields(_class_of(model), None if loaded is not None else model)

    def row(name: str) -> tuple[str, Part]:
        if loaded is not None and name not in loaded:
            return name, html.muted("not loaded")
        return name, within(lambda: value_view(getattr(model, name), depth - 1))

    body = html.pairs(html.first_of(map(row, names), _FIELDS, len(names)))
    named = _class_of(model)
    version = f"version {traits_of(named).version}, " if is_model(named) else ""
    notes = [html.muted(version + count_text(len(names), "field")), *_node_of(model)]
    return html.details(html.heading(named.__qualname__.rpartition(".")[2], *notes), body, opened=depth == _DEPTH)


def model_cells(model: Any) -> dict[str, Part]:
    """Return the fields of a model as the cells of a row, each in one line."""
    loaded = loaded_fields(model) if is_partial(_type_of(model)) else None
    names = [
        name
        for name in shown_fields(_class_of(model), None if loaded is not None else model)
        if loaded is None or name in loaded
    ]
    cells = {name: html.attempt(partial(_field_cell, model, name)) for name in names}
    return cells | dict(zip(("node",), _node_of(model), strict=False))


def loaded_view(loaded: Loaded[Any]) -> Part:
    """Return the view of results with the failures to load others."""
    failures = loaded.failures
    rows = (
        (html.identifier(each.node_id), each.label or "", f"{type(each.error).__name__}: {each.error}")
        for each in failures
    )
    shown = html.table(html.first_of(rows, _ITEMS, len(failures)), head=["node", "label", "error"])
    listed = [item for item in loaded if html.has_cells(item)]
    body = html.results(listed) if len(listed) == len(loaded) else value_view(list(loaded))
    return html.element("div", body, *([html.element("b", "Not loaded"), shown] if failures else []))


def cell_view(value: object) -> Part:
    """Return the view of a value in one line, for a cell of a table of results."""
    return html.attempt(lambda: _cell(value))


def within(make: html.View) -> Part:
    """Return what a function makes, at most as long as one value may be, or a note that it failed."""
    return html.within(LONGEST, html.attempt(make))


def value_view(value: Any, depth: int = _DEPTH) -> Part:
    """Return the view of a value. A model, frame or other object that has HTML of its own is shown by that."""
    cls = _type_of(value)
    if cls in _PLAIN:
        return _plain_view(value)
    if issubclass(cls, Lazy):
        return _lazy_view(value, depth)
    shown = own_view(value)
    if shown is None and not is_model(_class_of(value)):
        shown = array_view(value)
    if shown is not None:
        return shown
    if depth > 0:
        if is_model(_class_of(value)) or (dataclasses.is_dataclass(value) and is_generated(cls.__repr__)):
            return model_view(value, depth)
        if issubclass(cls, _CONTAINERS) and not hasattr(cls, "_fields"):
            return _container_view(value, depth)
    own = cls.__module__ != "builtins" and not hasattr(cls, "_artigraph_show")
    return html.code(shortened(repr(value) if own else short_repr(value), _LINE))


def _plain_view(value: Any) -> Part:
    if isinstance(value, str) and (len(value) > _LINE or "\n" in value):
        lines = value[:_TEXT].split("\n")
        shown = [part for line in lines for part in (line, html.Markup("\n"))]
        more = [html.muted(f"and {len(value) - _TEXT:,} more characters")] if len(value) > _TEXT else []
        whole = html.element("div", *shown, style="ag-c")
        summary = html.joined(html.code(short_repr(value)), " ", html.muted(count_text(len(value), "character")))
        return html.details(summary, whole, *more)
    if isinstance(value, str):
        return html.code(repr(value))
    text = short_repr(value)
    if isinstance(value, bytes) and len(value) > _CELL:
        return html.joined(html.code(text), " ", html.muted(bytes_text(len(value))))
    return html.code(text)


def _lazy_view(value: object, depth: int) -> Part:
    inside, stored = held(value)
    if stored is None:
        return value_view(inside, depth)
    where = "" if isinstance(stored.source, bytes) else f" in {stored.source.storage.name}"
    return html.muted(f"not loaded: {stored.serializer}, {bytes_text(stored.size)}{where}")


def _container_view(value: Any, depth: int) -> Part:
    """Return the items of a container. A short one of plain values is shown in one line."""
    items: Iterable[tuple[Any, Any]] = _pairs_of(value)
    first = list(islice(items, _ITEMS))
    if len(value) <= _ITEMS and all(_is_short(key) and _is_short(item) for key, item in first):
        text = repr(value) if type(value) in (dict, list, tuple) else short_repr(value)
        if len(text) <= _LINE:
            return html.code(text)

    def row(key: object, item: object) -> tuple[str, Part]:
        name = key if isinstance(key, str) else short_repr(key)
        return name, within(lambda: value_view(item, depth - 1))

    plain = all(type(item) in _PLAIN for _, item in first)
    start: list[Part] = [html.code(short_repr(value)), " "] if plain and first else []
    summary = html.joined(*start, html.muted(f"{type(value).__name__} of {count_text(len(value), 'item')}"))
    body = html.pairs(html.first_of((row(*pair) for pair in first), _ITEMS, len(value)))
    return html.details(summary, body)


def _is_short(item: object) -> bool:
    """Say whether a plain value has a short repr."""
    if isinstance(item, (str, bytes)):
        return len(item) <= _LINE and type(item) in _PLAIN
    return type(item) in _PLAIN and not (isinstance(item, int) and item.bit_length() > _LINE)


def _pairs_of(container: Any) -> Iterable[tuple[object, object]]:
    given: Any = container.items() if hasattr(container, "items") else enumerate(container)
    found: Iterable[tuple[object, object]] = given
    return found


def _field_cell(model: object, name: str) -> Part:
    return _cell(getattr(model, name))


def _cell(value: object) -> Part:
    if isinstance(value, Lazy):
        return _lazy_view(value, 0)  # pyright: ignore[reportUnknownArgumentType]
    text = value if isinstance(value, str) else short_repr(value)
    return html.code(shortened(text, _CELL), title=text if len(text) > _CELL else "")


def _type_of(value: object) -> type[Any]:
    return type(value)


def _class_of(value: object) -> type[Any]:
    """Return the class of a value; the one that the user wrote for a model that was loaded in part."""
    cls = _type_of(value)
    return cls.__mro__[1] if is_partial(cls) else cls


def _node_of(model: object) -> Sequence[Part]:
    """Return the id of the node that a model was saved as or loaded from, if it is known."""
    origin = origin_in_map(model)
    return [] if origin is None or origin.path else [html.identifier(origin.node_id)]
