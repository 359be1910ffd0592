"""Named values of runs: tags, parameters and environments, read without their classes."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast, get_args
from uuid import UUID

from sqlalchemy import Select, case, func, null, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db.planner import expect_few_rows, filter_only
from artigraph.errors import DeserializationError, QueryError
from artigraph.graph.run_rows import RunValueKind, of_kinds
from artigraph.identifiers import check_label
from artigraph.lineage.sql import own_input
from artigraph.orm import node_table, run_value_table
from artigraph.run.values import KINDS
from artigraph.serializer.codec import decode_class_free
from artigraph.view._fields import Cells, Path, field_paths, read_cells

LARGEST_SHOWN = 16 * 1024
"""The most bytes of a stored plain value that are decoded. Of a larger one, the beginning of its JSON is shown."""
_BEGINNING = 500
_RESULTS = "results"


class RunColumn(NamedTuple):
    """A chosen column of runs, such as `parameters.rate`."""

    kind: RunValueKind
    name: str


class ResultColumn(NamedTuple):
    """A chosen field of an artifact that runs made, such as `results.report.accuracy`."""

    label: str
    path: Path


AnyColumn = RunColumn | ResultColumn


@dataclass(slots=True)
class RunValues:
    """The values of one run."""

    by_kind: dict[RunValueKind, dict[str, object]]
    problems: dict[RunColumn, str]
    """Why values cannot be shown."""
    cut: list[RunColumn]
    """The values of which only the beginning is shown, as text."""
    exact: dict[RunColumn, bytes]
    """What is equal if two values are, if it was asked for: the stored bytes, or their digest."""


def chosen_columns(columns: Any) -> dict[str, AnyColumn]:
    """Return the chosen columns of runs by their text.

    Raises:
        QueryError: a text is no such column.
    """
    if isinstance(columns, str) or not isinstance(columns, Sequence):
        msg = f"columns is a sequence of texts, ['parameters.rate'] say, not {columns!r:.100}"
        raise QueryError(msg)
    given = cast("Sequence[object]", columns)
    return {str(column): _column(column) for column in given}


def _column(text: object) -> AnyColumn:
    first, dot, name = text.partition(".") if isinstance(text, str) else ("", "", "")
    if first == _RESULTS and "." in name:
        [(label, *path)] = (field_paths([name]) or {}).values()
        return ResultColumn(label, tuple(path))
    if first not in KINDS or not dot:
        msg = (
            "A column of runs is tags.NAME, parameters.NAME, environment.NAME or results.LABEL.FIELD, not "
            f"{text!r:.100}"
        )
        raise QueryError(msg)
    return RunColumn(KINDS[first], check_label(name, "The name of a run's value"))


async def read_run_values(
    connection: AsyncConnection, run_ids: Sequence[UUID], columns: Sequence[RunColumn] | None, *, whole: bool = False
) -> Mapping[UUID, RunValues]:
    """Return chosen values of runs, or all of them, in the order of their names. With `whole`, also what is equal."""
    found: defaultdict[UUID, RunValues] = defaultdict(
        lambda: RunValues({kind: {} for kind in get_args(RunValueKind)}, {}, [], {})
    )
    if not run_ids or columns == []:
        return found
    rows = await connection.execute(_values(run_ids, columns, whole=whole))
    for run_id, kind, name, value, beginning, all_of_it in rows:
        if kind not in get_args(RunValueKind):
            continue  # fsck lists such rows
        values, column = found[run_id], RunColumn(kind, name)
        try:
            shown = decode_class_free(bytes(value)) if value is not None else _beginning_of(bytes(beginning))
        except DeserializationError as error:
            values.problems[column], shown = str(error), None
        values.by_kind[column.kind][name] = shown
        if value is None:
            values.cut.append(column)
        if whole:
            data = bytes(all_of_it)
            values.exact[column] = data if value is not None else hashlib.sha256(data).digest()
    return found


async def read_results(
    connection: AsyncConnection, run_ids: Sequence[UUID], columns: Mapping[str, ResultColumn]
) -> Mapping[UUID, Cells]:
    """Return chosen fields of the artifacts that runs made. A run has at most one artifact of each label.

    It takes a statement, and one for each label of the longest path.
    """
    found: defaultdict[UUID, Cells] = defaultdict(Cells)
    if not run_ids or not columns:
        return found
    node, labels = node_table.c, sorted({column.label for column in columns.values()})
    made = select(node.node_id, node.parent_id, node.label).where(
        expect_few_rows(node.parent_id.in_(run_ids), node.parent_id),
        node.label.in_(labels),
        filter_only(node.node_type == "model"),
        ~own_input(node_table),
    )
    rows = (await connection.execute(made)).all()
    paths = {".".join(column.path): column.path for column in columns.values()}
    cells = await read_cells(connection, [row.node_id for row in rows], paths)
    for row in rows:
        read, of_run = cells[row.node_id], found[row.parent_id]
        for text, column in columns.items():
            path = ".".join(column.path)
            if column.label == row.label and path in read.cells:
                of_run.cells[text] = read.cells[path]
            if column.label == row.label and path in read.problems:
                of_run.problems[text] = read.problems[path]
    return found


def _values(run_ids: Sequence[UUID], columns: Sequence[RunColumn] | None, *, whole: bool) -> Select[*tuple[Any, ...]]:
    table = run_value_table.c
    size = func.length(table.value)
    statement = select(
        table.run_id,
        table.kind,
        table.name,
        case((size <= LARGEST_SHOWN, table.value)),
        case((size > LARGEST_SHOWN, func.substr(table.value, 1, _BEGINNING))),
        table.value if whole else null(),
    ).where(table.run_id.in_(run_ids))
    if columns is not None:
        statement = statement.where(of_kinds(columns))
    return statement.order_by(table.run_id, table.kind, table.name)


def _beginning_of(data: bytes) -> str:
    return f"{data.decode(errors='replace')}…"
