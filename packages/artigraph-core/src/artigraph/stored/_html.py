"""The view of a stored model for notebooks. It reads nothing and runs no code of users."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, cast

import artigraph.html as html
from artigraph.html import Part
from artigraph.model.html import cell_view, value_view, within
from artigraph.printable import bytes_text, count_text

if TYPE_CHECKING:
    from artigraph.stored._model import StoredField, StoredModel

_FIELDS = 100
"""The most fields of a model, and the most items of a container."""
_DEPTH = 4
"""How deep models and containers are shown in each other."""


def model_view(model: StoredModel, depth: int = _DEPTH) -> Part:
    """Return the view of a stored model: its fields. What is in a storage is only described."""
    count = count_text(len(model.fields), "field")
    note = html.muted(f"{model.label!r}, version {model.class_version}, {count}")
    title = html.heading(model.name, note, html.identifier(model.node_id))
    return html.details(title, _fields(model.fields, depth), opened=depth == _DEPTH)


def model_cells(model: StoredModel) -> dict[str, Part]:
    """Return the fields of a stored model as the cells of a row, each in one line."""
    cells = {name: _cell(field) for name, field in model.fields.items()}
    first: dict[str, Part] = {"label": html.code(model.label)} if "label" not in cells else {}
    return {**first, **cells, "node": html.identifier(model.node_id)}


def _fields(fields: Mapping[str, StoredField], depth: int) -> Part:
    rows = ((name, within(partial(_value, field, depth - 1))) for name, field in fields.items())
    return html.pairs(html.first_of(rows, _FIELDS, len(fields)))


def _value(field: StoredField, depth: int) -> Part:
    match field.kind:
        case "model" if depth > 0:
            return model_view(cast("StoredModel", field.value), depth)
        case "container" if depth > 0:
            items = cast("Mapping[str, StoredField]", field.value)
            return html.details(
                html.muted(f"{field.serializer} of {count_text(len(items), 'item')}"), _fields(items, depth)
            )
        case "plain" if field.problem is None:
            return value_view(field.value)
        case _:
            return _cell(field)


def _cell(field: StoredField) -> Part:
    if field.problem is not None:
        return html.muted(f"cannot be shown: {field.problem}")
    if field.kind == "plain":
        return cell_view(field.value)
    if field.kind == "object":
        where = "" if field.storage is None else f" in {field.storage}"
        return html.muted(f"{field.serializer}, {bytes_text(field.size or 0)}{where}")
    if field.kind == "model":
        return html.muted(cast("StoredModel", field.value).name)
    items = cast("Mapping[str, StoredField]", field.value)
    return html.muted(f"{field.serializer} of {count_text(len(items), 'item')}")
