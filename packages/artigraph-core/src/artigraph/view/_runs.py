"""Pages of runs, the newest first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import BindParameter, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import Row, SelectByIds, read_anywhere
from artigraph.db.planner import filter_only
from artigraph.errors import QueryError
from artigraph.graph.run_rows import (
    FetchRows,
    RunRow,
    RunStatus,
    cached_from_of,
    child_count,
    id_of_key,
    run_columns,
    runs_of_rows,
)
from artigraph.identifiers import NodeId, check_id
from artigraph.orm import link_table, node_table
from artigraph.query import RunSelect
from artigraph.query import select as query_of
from artigraph.run import Run
from artigraph.serializer.preview import Cell
from artigraph.view._document import Page, Record, check_limit, cursor_after, last_of
from artigraph.view._run_values import (
    AnyColumn,
    ResultColumn,
    RunColumn,
    chosen_columns,
    read_results,
    read_run_values,
)
from artigraph.view._spelling import cell_of


@dataclass(frozen=True, slots=True)
class RunItem(Record):
    """A run in a list of runs."""

    run_id: UUID
    name: str | None
    status: RunStatus
    started_at: datetime | None
    """In UTC, by the clock of the machine that ran it."""
    ended_at: datetime | None
    """In UTC. None while the run is running. A lost run ended when its lease expired."""
    duration: float | None
    """The seconds from the start to the end. None while the run is running."""
    error_type: str | None
    """The qualified name of the exception's class if the run failed."""
    error_message: str | None
    parent_id: UUID | None
    """The run that it belongs to."""
    cached_from: UUID | None
    """If the cache served it, the run that computed its result, which may be deleted by now."""
    child_runs: int
    """How many runs belong directly to it."""
    columns: Mapping[str, Cell]
    """The chosen columns by name. One that the run does not have is left out."""
    problems: Mapping[str, str]
    """Why chosen columns cannot be shown, by name."""

    def __artigraph_node_id__(self) -> UUID:
        return self.run_id


@dataclass(frozen=True, slots=True)
class RunsPage(Page[RunItem]):
    """A page of runs."""

    schema: ClassVar[str] = "artigraph.runs/1"


async def runs_page(
    query: RunSelect | None = None,
    *,
    under: NodeId | None = None,
    top_only: bool = False,
    used: NodeId | None = None,
    columns: Sequence[str] = (),
    limit: int = 50,
    after: str | None = None,
) -> RunsPage:
    """Return a page of runs, the newest first.

        page = await runs_page(columns=["parameters.rate", "tags.team"])
        following = await runs_page(columns=["parameters.rate", "tags.team"], after=page.next)
        failed = await runs_page(select(Run).where(columns(Run).status == "failed"))

    A page takes one statement, at any depth of the list, and one more for the columns. A page of a name takes two to
    five, and a page of other conditions two. Only conditions that the database cannot decide take more. Runs that are
    made meanwhile are before the first page. Runs that are deleted meanwhile are left out.

    Args:
        query: which runs. Its order, limit and offset have no effect.
        under: only runs that belong directly to this run.
        top_only: only runs that belong to no other run.
        used: only runs that used this artifact. It excludes `query`, `under` and `top_only`.
        columns: the tags, parameters and values of the environment to show: `tags.NAME`, `parameters.NAME`,
            `environment.NAME`. Also fields of artifacts that the runs made: `results.LABEL.FIELD`. These take a
            statement more, and one for each label of the longest path.
        limit: the most runs of the page, up to 1,000.
        after: the `next` of the page before.

    Raises:
        InvalidCursorError: `after` is no cursor of runs.
        QueryError: a column or the limit is invalid, or arguments exclude each other.
        InvalidNodeIdError: `under` or `used` denotes no node.
    """
    last, chosen = last_of("runs", after), chosen_columns(columns)
    check_limit(limit)
    if used is not None:
        if query is not None or under is not None or top_only:
            msg = "used excludes query, under and top_only: it reads the uses of one artifact"
            raise QueryError(msg)
        ids = await _users(check_id(used), last, limit + 1)
    else:
        asked = _asked(query, under, last, limit + 1, top_only=top_only)
        fetch = asked._fetch_page(counted=True)  # pyright: ignore[reportPrivateUsage]
        if fetch is not None:
            items, more = await _read_page(fetch, chosen, limit)
            return RunsPage(items, cursor_after("runs", items[-1].run_id) if more else None)
        ids = await asked.ids()
    items = await read_run_items(ids[:limit], chosen)
    return RunsPage(items, cursor_after("runs", ids[limit - 1]) if len(ids) > limit else None)


def _asked(
    query: RunSelect | None, under: NodeId | None, last: UUID | None, limit: int, *, top_only: bool
) -> RunSelect:
    asked = query_of(Run) if query is None else query
    if not isinstance(asked, RunSelect):
        msg = f"query is made by select(Run), not {query!r:.100}"
        raise QueryError(msg)
    if top_only:
        asked = asked.top_level()
    if under is not None:
        asked = asked.in_run(under)
    if last is not None:
        asked = asked.older_than(last)
    return asked.newest_first().offset(0).limit(limit)


async def _users(artifact_id: UUID, last: UUID | None, limit: int) -> list[UUID]:
    """Return the runs that used an artifact. The primary key of uses has them in their order."""
    uses = link_table.c
    statement = select(uses.target_id).where(uses.source_id == artifact_id, filter_only(uses.kind == "used"))
    if last is not None:
        statement = statement.where(uses.target_id < last)
    statement = statement.order_by(uses.target_id.desc()).limit(limit)

    async def work(connection: AsyncConnection) -> list[UUID]:
        return list((await connection.scalars(statement)).all())

    return await read_anywhere(work)


def _select_items(ids: Sequence[BindParameter[UUID]]) -> Select[*tuple[Any, ...]]:
    of_ids = node_table.c.node_id.in_(ids), filter_only(node_table.c.node_type == "run")
    return select(*run_columns(node_table), cached_from_of(node_table), child_count(node_table)).where(*of_ids)


_items_by_ids = SelectByIds(_select_items)


async def read_run_items(run_ids: Sequence[UUID], columns: Mapping[str, AnyColumn]) -> tuple[RunItem, ...]:
    """Return the runs that exist, in the order of the ids. It takes one statement, and more for the columns."""
    if not run_ids:
        return ()

    async def work(connection: AsyncConnection) -> tuple[RunItem, ...]:
        return await _items(connection, await _items_by_ids.rows(connection, run_ids), columns)

    return _in_order(await read_anywhere(work), run_ids)


async def run_items_of(connection: AsyncConnection, run_ids: Sequence[UUID]) -> tuple[RunItem, ...]:
    """Return the runs that exist, without columns, in the order of the ids."""
    return _in_order(await _items(connection, await _items_by_ids.rows(connection, run_ids), {}), run_ids)


def _in_order(items: Iterable[RunItem], run_ids: Sequence[UUID]) -> tuple[RunItem, ...]:
    found = {item.run_id: item for item in items}
    return tuple(found[run_id] for run_id in run_ids if run_id in found)


async def read_runs_inside(connection: AsyncConnection, run_id: UUID, limit: int) -> RunsPage:
    """Return the first page of the runs that belong directly to a run."""
    asked = _asked(None, run_id, None, limit + 1, top_only=False)
    fetch = asked._fetch_page(counted=True)  # pyright: ignore[reportPrivateUsage]
    assert fetch is not None, "the query has no conditions"
    rows = await fetch(connection)
    items = await _items(connection, rows[:limit], {})
    return RunsPage(items, cursor_after("runs", items[-1].run_id) if len(rows) > limit else None)


async def _read_page(
    fetch: FetchRows, columns: Mapping[str, AnyColumn], limit: int
) -> tuple[tuple[RunItem, ...], bool]:
    """Return at most `limit` runs of the rows that are fetched, and whether there are more rows."""

    async def work(connection: AsyncConnection) -> tuple[tuple[RunItem, ...], bool]:
        rows = await fetch(connection)
        return await _items(connection, rows[:limit], columns), len(rows) > limit

    return await read_anywhere(work)


async def _items(
    connection: AsyncConnection, rows: Sequence[Row], columns: Mapping[str, AnyColumn]
) -> tuple[RunItem, ...]:
    """Return the items of rows of runs, whose last columns are `cached_from_of` and `child_count`."""
    runs = runs_of_rows(rows, connection.dialect)
    if not columns:
        return tuple(run_item(run, id_of_key(row[-2]), row[-1], {}, {}) for run, row in zip(runs, rows, strict=True))
    run_ids = [run.node_id for run in runs]
    named = {text: column for text, column in columns.items() if isinstance(column, RunColumn)}
    fields = {text: column for text, column in columns.items() if isinstance(column, ResultColumn)}
    values = await read_run_values(connection, run_ids, list(named.values()))
    results = await read_results(connection, run_ids, fields)
    items: list[RunItem] = []
    for run, row in zip(runs, rows, strict=True):
        of_run, made = values[run.node_id], results[run.node_id]
        cells = {
            text: cell_of(of_run.by_kind[column.kind][column.name])
            for text, column in named.items()
            if column.name in of_run.by_kind[column.kind]
        }
        problems = {text: of_run.problems[each] for text, each in named.items() if each in of_run.problems}
        cells |= made.cells
        cells = {text: cells[text] for text in columns if text in cells}
        items.append(run_item(run, id_of_key(row[-2]), row[-1], cells, problems | made.problems))
    return tuple(items)


def run_item(
    run: RunRow, cached_from: UUID | None, child_runs: int, columns: Mapping[str, Cell], problems: Mapping[str, str]
) -> RunItem:
    """Return the item of a run."""
    started: Any = run.started_at  # an altered row may have none
    ended = run.ended_at
    return RunItem(
        run_id=run.node_id,
        name=run.name,
        status=run.status,
        started_at=started,
        ended_at=ended,
        duration=None if started is None or ended is None else (ended - started).total_seconds(),
        error_type=run.error_type,
        error_message=run.error_message,
        parent_id=run.parent_id,
        cached_from=cached_from,
        child_runs=child_runs,
        columns=columns,
        problems=problems,
    )
