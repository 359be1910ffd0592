"""Named values of runs: tags, parameters and environments, read without their classes."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, cast, get_args
from uuid import UUID

from sqlalchemy import BindParameter, Select, and_, case, func, null, or_, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import SelectByIds, rounded, text_places, text_values
from artigraph.db.planner import expect_few_rows, filter_only
from artigraph.errors import DeserializationError, QueryError
from artigraph.graph.run_rows import RunValueKind
from artigraph.identifiers import check_label, id_of
from artigraph.lineage.sql import own_input, select_served
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
    ids: dict[Any, UUID] = {}
    if not run_ids or columns == []:
        return found
    names = _names_by_kind(columns or ())
    selected = _select_values(None if columns is None else _counts(names), whole=whole)
    rows = await selected.converted(connection, run_ids, _texts(names))
    for driver_id, kind, name, value, beginning, all_of_it in rows:
        run_id = ids.get(driver_id) or ids.setdefault(driver_id, id_of(driver_id))  # a run has many values
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
    """Return chosen fields of the artifacts that runs made or were served: at most one of each label for a run.

    It takes a statement, and one for each label of the longest path.
    """
    found: defaultdict[UUID, Cells] = defaultdict(Cells)
    if not run_ids or not columns:
        return found
    labels = sorted({column.label for column in columns.values()})
    count = rounded(len(labels))
    made = await _made_or_served(count).converted(connection, run_ids, text_values("label", labels, count))
    rows = [(id_of(node_id), id_of(run_id), label) for node_id, run_id, label in made]
    paths = {".".join(column.path): column.path for column in columns.values()}
    cells = await read_cells(connection, sorted({node_id for node_id, _, _ in rows}), paths)
    for node_id, run_id, label in rows:
        read, of_run = cells[node_id], found[run_id]
        for text, column in columns.items():
            path = ".".join(column.path)
            if column.label == label and path in read.cells:
                of_run.cells[text] = read.cells[path]
            if column.label == label and path in read.problems:
                of_run.problems[text] = read.problems[path]
    return found


def _names_by_kind(columns: Sequence[RunColumn]) -> dict[RunValueKind, list[str]]:
    names: dict[RunValueKind, list[str]] = {}
    for column in columns:
        names.setdefault(column.kind, []).append(column.name)
    return names


def _counts(names: Mapping[RunValueKind, Sequence[str]]) -> tuple[tuple[RunValueKind, int], ...]:
    return tuple((kind, rounded(len(of_kind))) for kind, of_kind in names.items())


def _texts(names: Mapping[RunValueKind, Sequence[str]]) -> dict[str, str]:
    given: dict[str, str] = {}
    for kind, of_kind in names.items():
        given |= text_values(kind, of_kind, rounded(len(of_kind)))
    return given


@lru_cache(maxsize=64)
def _select_values(counts: tuple[tuple[RunValueKind, int], ...] | None, *, whole: bool) -> SelectByIds:
    """Return the select of values of runs: of a number of names of some kinds, or of all."""
    table = run_value_table.c
    size = func.length(table.value)
    statement = select(
        table.run_id,
        table.kind,
        table.name,
        case((size <= LARGEST_SHOWN, table.value)),
        case((size > LARGEST_SHOWN, func.substr(table.value, 1, _BEGINNING))),
        table.value if whole else null(),
    ).order_by(table.run_id, table.kind, table.name)
    if counts is not None:
        named = (table.name.in_(text_places(kind, table.name, count)) for kind, count in counts)
        statement = statement.where(
            or_(*(and_(table.kind == kind, names) for (kind, _), names in zip(counts, named, strict=True)))
        )
    return SelectByIds(lambda ids: statement.where(table.run_id.in_(ids)))


@lru_cache(maxsize=16)
def _made_or_served(count: int) -> SelectByIds:
    """Return the select of the artifacts that runs made, or were served, under a number of labels."""
    node = node_table.c
    labels = node.label.in_(text_places("label", node.label, count))
    made = select(node.node_id, node.parent_id, node.label).where(
        labels, filter_only(node.node_type == "model"), ~own_input(node_table)
    )

    def select_of(ids: Sequence[BindParameter[UUID]]) -> Select[*tuple[Any, ...]]:
        of_runs = made.where(expect_few_rows(node.parent_id.in_(ids), node.parent_id))
        return select(union_all(of_runs, select_served(ids).where(labels)).subquery())

    return SelectByIds(select_of)


def _beginning_of(data: bytes) -> str:
    return f"{data.decode(errors='replace')}…"
