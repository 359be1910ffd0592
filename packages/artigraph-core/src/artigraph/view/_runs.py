"""Pages of runs, the newest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import read
from artigraph.db.planner import filter_only
from artigraph.errors import QueryError
from artigraph.graph.runs import RunRow, RunStatus, run_columns, run_row
from artigraph.identifiers import NodeId, check_id
from artigraph.orm import link_table, node_table
from artigraph.query import RunSelect
from artigraph.query import select as query_of
from artigraph.run import Run
from artigraph.serializer.preview import Cell
from artigraph.view._cursor import check_limit, cursor_after, last_of
from artigraph.view._document import Page, Record
from artigraph.view._run_values import (
    AnyColumn,
    ResultColumn,
    RunColumn,
    chosen_columns,
    read_results,
    read_run_values,
)
from artigraph.view._served import cached_from_of, id_of_key
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

    Each page takes at most four statements, at any depth of the list. Only conditions that the database cannot decide
    take more. Runs that are made meanwhile are before the first page. Runs that are deleted meanwhile are left out.

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
        ids = await _found(query, under, last, limit + 1, top_only=top_only)
    items = await read_run_items(ids[:limit], chosen)
    return RunsPage(items, cursor_after("runs", ids[limit - 1]) if len(ids) > limit else None)


async def _found(
    query: RunSelect | None, under: NodeId | None, last: UUID | None, limit: int, *, top_only: bool
) -> list[UUID]:
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
    return await asked.newest_first().offset(0).limit(limit).ids()


async def _users(artifact_id: UUID, last: UUID | None, limit: int) -> list[UUID]:
    """Return the runs that used an artifact. The primary key of uses has them in their order."""
    uses = link_table.c
    statement = select(uses.target_id).where(uses.source_id == artifact_id, filter_only(uses.kind == "used"))
    if last is not None:
        statement = statement.where(uses.target_id < last)
    statement = statement.order_by(uses.target_id.desc()).limit(limit)

    async def work(connection: AsyncConnection) -> list[UUID]:
        return list((await connection.scalars(statement)).all())

    return await read(work)


async def read_run_items(run_ids: Sequence[UUID], columns: Mapping[str, AnyColumn]) -> tuple[RunItem, ...]:
    """Return the runs that exist, in the order of the ids. It takes three statements, and those of results."""
    if not run_ids:
        return ()
    runs = select(*run_columns(node_table), cached_from_of(node_table)).where(
        node_table.c.node_id.in_(run_ids), filter_only(node_table.c.node_type == "run")
    )
    child_runs = (
        select(node_table.c.parent_id, func.count())
        .where(node_table.c.parent_id.in_(run_ids), node_table.c.label.is_(None))  # only runs have no label
        .group_by(node_table.c.parent_id)
    )

    async def work(connection: AsyncConnection) -> tuple[RunItem, ...]:
        found = {row[0]: (run_row(row[:-1]), id_of_key(row[-1])) for row in await connection.execute(runs)}
        counts: dict[UUID, int] = {row[0]: row[1] for row in await connection.execute(child_runs)}
        named = {text: column for text, column in columns.items() if isinstance(column, RunColumn)}
        fields = {text: column for text, column in columns.items() if isinstance(column, ResultColumn)}
        values = await read_run_values(connection, run_ids, list(named.values()))
        results = await read_results(connection, run_ids, fields)
        items: list[RunItem] = []
        for run_id in run_ids:
            if run_id in found:
                of_run, made = values[run_id], results[run_id]
                cells = {
                    text: cell_of(of_run.by_kind[column.kind][column.name])
                    for text, column in named.items()
                    if column.name in of_run.by_kind[column.kind]
                }
                problems = {text: of_run.problems[each] for text, each in named.items() if each in of_run.problems}
                cells |= made.cells
                cells = {text: cells[text] for text in columns if text in cells}
                run, cached_from = found[run_id]
                items.append(run_item(run, cached_from, counts.get(run_id, 0), cells, problems | made.problems))
        return tuple(items)

    return await read(work)


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
