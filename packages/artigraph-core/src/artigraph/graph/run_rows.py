"""Rows of runs and of their values, and how they are read.

Rows are read as the driver made them. A page of runs is a statement of a millisecond, and SQLAlchemy's conversion of
its rows would take longer than the statement (docs/design/speed.md).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple, get_args
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import BindParameter, ColumnElement, Dialect, FromClause, Select, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

import artigraph.db as db
from artigraph.db.planner import filter_only
from artigraph.errors import MalformedRowError
from artigraph.graph import leases
from artigraph.identifiers import id_of
from artigraph.orm import node_table, run_value_table

RunValueKind = Literal["tag", "parameter", "environment"]
"""The kinds of values of a run."""
CACHE: Literal["cache"] = "cache"
"""The kind of the rows of a cached call. They are no values that users gave."""
AnyKind = RunValueKind | Literal["cache"]
CACHED_FROM: Literal["cached_from"] = "cached_from"
"""The name of the row of kind `CACHE` that says from which run a call was served. The others are read on request."""
CACHE_KEY, CACHE_FUNCTION, CACHE_PARTS, CACHE_SERVED = "key", "function", "parts", "served"
"""The names of the other rows of kind `CACHE`; see artigraph.tracking._sql."""
_KINDS: tuple[str, ...] = (*get_args(RunValueKind), CACHE)

RunStatus = Literal["new", "running", "completed", "failed", "cancelled", "lost"]
"""The status of a run: `new` before it is entered, `lost` if its process died without recording an end."""
_STATUSES = frozenset(get_args(RunStatus))


class RunValueRow(NamedTuple):
    """A tag, a parameter, an environment value or a row of a cached call, as it is stored."""

    kind: AnyKind
    name: str
    value: bytes
    search_key: bytes | None = None
    """Not read from the database, since it follows from the value."""


class RunRow(NamedTuple):
    """A run as it is stored."""

    node_id: UUID
    parent_id: UUID | None
    status: RunStatus
    started_at: datetime
    ended_at: datetime | None
    error_type: str | None
    error_message: str | None
    name: str | None = None
    name_key: bytes | None = None
    """The search key of the name. It is not read from the database."""
    values: Sequence[RunValueRow] = ()


def run_columns(run: FromClause) -> tuple[ColumnElement[Any], ...]:
    """Return the columns of a run, for `run_row` and `runs_of_rows`, from the table of nodes or an alias of it."""
    return (
        run.c.node_id,
        run.c.parent_id,
        leases.status_of(run),
        run.c.run_started_at,
        leases.end_of(run),
        run.c.run_error_type,
        run.c.run_error_message,
        run.c.run_name,
    )


def child_count(run: FromClause) -> ColumnElement[int]:
    """Return the number of runs that belong directly to a run, as an SQL expression. Only runs have no label."""
    child = node_table.alias("child")
    counted = select(sa.func.count()).where(child.c.parent_id == run.c.node_id, child.c.label.is_(None))
    return counted.correlate(run).scalar_subquery()


def cached_from_of(run: FromClause) -> ColumnElement[Any]:
    """Return the id of the run that computed the result of a run, as 16 bytes or NULL, as an SQL expression."""
    value = run_value_table.c
    found = select(value.search_key).where(
        value.run_id == run.c.node_id, value.kind == CACHE, value.name == CACHED_FROM
    )
    return found.correlate(run).scalar_subquery().label("cached_from")


def id_of_key(key: bytes | None) -> UUID | None:
    """Return the id that `cached_from_of` found. If the row was altered, it is None; fsck lists such rows."""
    try:
        return None if key is None else id_of(bytes(key))
    except MalformedRowError:
        return None


_WIDTH = 8
"""The number of `run_columns`."""


def check_status(node_id: UUID, status: str | None) -> None:
    """Check the status of a run. None, the status of artifacts, is valid too.

    Raises:
        MalformedRowError: the status is not in `RunStatus`.
    """
    if status is not None and status not in _STATUSES:
        msg = (
            f"Node {node_id} holds {status!r:.100} in column run_status of {node_table.name}, where one of "
            f"{', '.join(get_args(RunStatus))} belongs. The row was altered by hand, or the database is damaged: "
            "artigraph.maintenance.fsck lists all such"
        )
        raise MalformedRowError(msg, table=node_table.name, column="run_status", node_id=node_id)


def run_row(row: Sequence[Any]) -> RunRow:
    """Return the run of a row of SQLAlchemy whose columns are `run_columns`. It has no values yet.

    Raises:
        MalformedRowError: the status is not in `RunStatus`.
    """
    run = RunRow(*row)
    check_status(run.node_id, run.status)
    return run


def runs_of_rows(
    rows: Sequence[db.Row], dialect: Dialect, values: Mapping[Any, Sequence[RunValueRow]] | None = None
) -> list[RunRow]:
    """Make runs of rows as the driver returns them, in their order. The first columns are `run_columns`.

    Args:
        rows: the rows.
        dialect: the dialect of the database.
        values: the values of the runs, by run id as the driver returns it. A run that is not in it has none.

    Raises:
        MalformedRowError: the status is not in `RunStatus`, or a column holds a value of an unexpected type.
    """
    time, text = _reader(node_table.c.run_started_at, dialect), _reader(node_table.c.run_name, dialect)
    by_id: Mapping[Any, Sequence[RunValueRow]] = {} if values is None else values
    parents: dict[Any, UUID | None] = {None: None}
    found: list[RunRow] = []
    for row in rows:
        driver_id, parent, status, start, end, error_type, error_message, name = row[:_WIDTH]
        node_id = id_of(driver_id)
        if parent not in parents:  # many runs have the same one
            parents[parent] = id_of(parent)
        if status not in _STATUSES:
            check_status(node_id, status)
        started_at, ended_at = time(start), None if end is None else time(end)
        error_type = None if error_type is None else text(error_type)
        error_message = None if error_message is None else text(error_message)
        name = None if name is None else text(name)
        of_run = by_id.get(driver_id, ())
        run = (node_id, parents[parent], status, started_at, ended_at, error_type, error_message, name, None, of_run)
        found.append(RunRow._make(run))
    return found


def _unchanged(value: Any) -> Any:
    return value


def _reader(column: ColumnElement[Any], dialect: Dialect) -> Callable[[Any], Any]:
    """Return the function that converts a driver's value of a column, and refuses one that the column cannot hold."""
    return column.type.dialect_impl(dialect).result_processor(dialect, None) or _unchanged


def of_kinds(names: Collection[tuple[AnyKind, str]]) -> ColumnElement[bool]:
    """Return the condition that values of runs have one of these kinds and names."""
    value = run_value_table.c
    by_kind = {kind: [name for each, name in names if each == kind] for kind, _ in names}
    return sa.or_(
        sa.false(), *(sa.and_(value.kind == kind, value.name.in_(chosen)) for kind, chosen in by_kind.items())
    )


_value = run_value_table.c
_values = select(_value.run_id, _value.kind, _value.name, _value.value).order_by(_value.name)
_named_values = _values.where(_value.run_id.in_(bindparam("ids", expanding=True)))


def _select_values(ids: Sequence[BindParameter[UUID]]) -> Select[*tuple[Any, ...]]:
    return _values.where(_value.run_id.in_(ids), sa.or_(_value.kind != CACHE, _value.name == CACHED_FROM))


_all_values = db.SelectByIds(_select_values)


async def _values_by_driver_id(
    connection: AsyncConnection, run_ids: Sequence[Any], names: Collection[tuple[AnyKind, str]] | None
) -> Mapping[Any, list[RunValueRow]]:
    """Return the values of runs, or those of some kinds and names, in the order of their names.

    The ids are a driver's, here and in the result. Converting them takes as long as reading them.

    Raises:
        MalformedRowError: a value's kind is not in `RunValueKind`.
    """
    rows: list[db.Row] = []
    if names is None:
        rows = await _all_values.rows(connection, run_ids)
    elif names:
        statement = _named_values.where(of_kinds(names))
        for ids in db.in_batches(run_ids):
            rows += await db.fetch_rows(connection, statement, {"ids": ids})
    dialect = connection.dialect
    text, data = _reader(_value.name, dialect), _reader(_value.value, dialect)
    found: defaultdict[Any, list[RunValueRow]] = defaultdict(list)
    for run_id, kind, name, value in rows:
        if kind not in _KINDS:
            _refuse_kind(id_of(run_id), kind, name)
        found[run_id].append(RunValueRow(kind, text(name), bytes(data(value))))
    return found


def _refuse_kind(run_id: UUID, kind: object, name: object) -> None:
    msg = (
        f"Run {run_id} has the value {name!r:.100} of kind {kind!r:.100} in {run_value_table.name}, where one of "
        f"{', '.join(_KINDS)} belongs. The row was altered by hand, or the database is damaged: "
        "artigraph.maintenance.fsck lists all such"
    )
    raise MalformedRowError(msg, table=run_value_table.name, column="kind", node_id=run_id)


_run_columns = run_columns(node_table)


def _select_runs(ids: Sequence[BindParameter[UUID]]) -> Select[*tuple[Any, ...]]:
    # Only by their ids, because without statistics a database would read all runs.
    return select(*_run_columns).where(node_table.c.node_id.in_(ids), filter_only(node_table.c.node_type == "run"))


_runs_by_ids = db.SelectByIds(_select_runs)


async def read_runs(
    run_ids: Sequence[UUID], names: Collection[tuple[AnyKind, str]] | None = None
) -> dict[UUID, RunRow]:
    """Return the runs that exist, by their ids, with all their values, or with those of some kinds and names."""

    async def work(connection: AsyncConnection) -> list[RunRow]:
        return await _with_values(connection, await _runs_by_ids.rows(connection, run_ids), names)

    found = await db.read_anywhere(work, lacks=lambda found: len(found) < len(set(run_ids)))
    return {run.node_id: run for run in found}


FetchRows = Callable[[AsyncConnection], Awaitable[list[db.Row]]]
"""Executes a statement that selects `run_columns`, and returns the driver's rows."""


async def read_fetched_runs(fetch: FetchRows) -> list[RunRow]:
    """Return the runs whose rows are fetched, with all their values, in the order of the rows."""

    async def work(connection: AsyncConnection) -> list[RunRow]:
        return await _with_values(connection, await fetch(connection))

    return await db.read_anywhere(work)


async def _with_values(
    connection: AsyncConnection,
    rows: Sequence[db.Row],
    names: Collection[tuple[AnyKind, str]] | None = None,
) -> list[RunRow]:
    values = await _values_by_driver_id(connection, [row[0] for row in rows], names)
    return runs_of_rows(rows, connection.dialect, values)
