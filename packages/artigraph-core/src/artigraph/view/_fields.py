"""Fields of artifacts as columns of tables: plain values of a few bytes, read without their classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import BindParameter, Select, case, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import SelectByIds, rounded, text_places, text_values
from artigraph.db.planner import expect_few_rows
from artigraph.errors import DeserializationError, QueryError
from artigraph.identifiers import check_label, id_of
from artigraph.kinds import hidden_names
from artigraph.orm import node_table
from artigraph.serializer.preview import Cell, bytes_text
from artigraph.stored.read import PLAIN_SERIALIZERS, decode_stored
from artigraph.view._spelling import cell_of

Path = tuple[str, ...]
LARGEST_CELL = 1_000
"""The most bytes of a stored value that are decoded for a cell."""
_DEEPEST = 20
"""The most labels of a path."""

_size = func.length(node_table.c.value)
_part = (
    *(node_table.c[name] for name in ("node_id", "parent_id", "node_type", "label", "serializer", "model_name")),
    _size.label("size"),
    case((_size <= LARGEST_CELL, node_table.c.value)).label("small"),
)


class _Part(NamedTuple):
    """A node below an artifact: the columns of `_part` after the ids."""

    node_type: str
    label: str
    serializer: str | None
    model_name: str | None
    size: int | None
    small: bytes | None
    """The stored bytes, unless there are too many."""


def _select_plain(artifacts: Sequence[BindParameter[UUID]]) -> Select[*tuple[Any, ...]]:
    node = node_table.c
    parts = select(*_part).where(
        expect_few_rows(node.parent_id.in_(artifacts), node.parent_id),
        node.serializer.in_([literal(name, node.serializer.type) for name in sorted(PLAIN_SERIALIZERS)]),
        node.blob_id.is_(None),
        _size <= LARGEST_CELL,
    )
    return parts.order_by(node.position)


_plain_parts = SelectByIds(_select_plain)


@lru_cache(maxsize=16)
def _labeled_parts(count: int) -> SelectByIds:
    """Return the select of the parts under a number of labels."""
    node = node_table.c
    labels = node.label.in_(text_places("label", node.label, count))
    return SelectByIds(
        lambda ids: select(*_part).where(expect_few_rows(node.parent_id.in_(ids), node.parent_id), labels)
    )


@dataclass(slots=True)
class Cells:
    """The cells of one artifact by the text of their column, and why others cannot be shown."""

    cells: dict[str, Cell] = field(default_factory=dict[str, Cell])
    values: dict[str, object] = field(default_factory=dict[str, object])
    """The values of the cells, where they were decoded."""
    problems: dict[str, str] = field(default_factory=dict[str, str])


def field_paths(columns: object) -> dict[str, Path] | None:
    """Return the chosen fields of artifacts by their text; None for all plain fields.

    Raises:
        QueryError: a column is neither a dotted path nor a sequence of labels.
    """
    given: Any = columns
    if columns is None:
        return None
    if isinstance(columns, str) or not isinstance(columns, Sequence):
        msg = f"columns is a sequence of paths, ['accuracy', 'data.name'] say, not {columns!r:.100}"
        raise QueryError(msg)
    paths = [_labels(column.split(".") if isinstance(column, str) else column) for column in given]
    return {".".join(path): path for path in paths}


def _labels(column: object) -> Path:
    given: Any = column
    if not isinstance(column, Sequence) or not column:
        msg = f"A column of artifacts is a path, 'data.name' or ['data', 'name'], not {column!r:.100}"
        raise QueryError(msg)
    path = tuple(check_label(label, "A part of a path") for label in given)
    if len(path) > _DEEPEST:
        msg = f"A column has at most {_DEEPEST} labels, and {'.'.join(path)!r:.100} has {len(path)}"
        raise QueryError(msg)
    return path


async def read_cells(
    connection: AsyncConnection, node_ids: Sequence[UUID], columns: Mapping[str, Path] | None
) -> Mapping[UUID, Cells]:
    """Return the cells of artifacts. It takes a statement for each label of the longest path."""
    found = {node_id: Cells() for node_id in node_ids}
    if not node_ids:
        return found
    if columns is None:
        parents: dict[Any, Cells] = {}  # by the ids that the driver returns, which are found faster than UUIDs
        for _, parent_id, *part in await _plain_parts.converted(connection, node_ids):
            if parent_id not in parents:
                parents[parent_id] = found[id_of(parent_id)]
            _fill(parents[parent_id], part[1], _Part._make(part))
        for cells in found.values():
            _leave_out_hidden(cells)
        return found
    places: dict[UUID, tuple[UUID, Path]] = {node_id: (node_id, ()) for node_id in node_ids}
    for depth in range(max(map(len, columns.values()), default=0)):
        wanted = {path[: depth + 1] for path in columns.values() if len(path) > depth}
        names = sorted({path[-1] for path in wanted})
        count = rounded(len(names))
        rows = await _labeled_parts(count).converted(connection, list(places), text_values("label", names, count))
        below: dict[UUID, tuple[UUID, Path]] = {}
        for driver_id, driver_parent_id, *part in rows:
            artifact_id, path = places[id_of(driver_parent_id)]
            label = part[1]
            if (*path, label) in wanted:
                below[id_of(driver_id)] = artifact_id, (*path, label)
                for text in (text for text, each in columns.items() if each == (*path, label)):
                    _fill(found[artifact_id], text, _Part._make(part))
        places = below
    return {node_id: _ordered(cells, columns) for node_id, cells in found.items()}


def _leave_out_hidden(cells: Cells) -> None:
    """Leave out what a kind of models stores beside the fields. Such a column can still be chosen by its name."""
    for name in hidden_names() & cells.values.keys():
        if isinstance(cells.values[name], frozenset):  # a dataclass may have a field of this name
            del cells.values[name], cells.cells[name]


def _ordered(cells: Cells, columns: Mapping[str, Path]) -> Cells:
    cells.cells = {text: cells.cells[text] for text in columns if text in cells.cells}
    return cells


def _fill(cells: Cells, text: str, row: _Part) -> None:
    """Set the cell of a node: a plain value, or in a few words what else it is."""
    if row.node_type != "value":
        cells.cells[text] = f"<{row.model_name if row.node_type == 'model' else row.serializer}>"
    elif row.small is None or row.serializer not in PLAIN_SERIALIZERS:
        size = "" if row.size is None else f", {bytes_text(row.size)}"
        cells.cells[text] = f"<{row.serializer}{size}>"
    else:
        try:
            value = decode_stored(row.serializer, bytes(row.small))
        except DeserializationError as error:
            cells.problems[text] = str(error)
        else:
            cells.values[text], cells.cells[text] = value, cell_of(value)
