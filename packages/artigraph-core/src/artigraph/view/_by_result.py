"""Runs in the order of a field of the artifacts that they made, and runs by what they used."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, count
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import exists, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import current_database, distinct_values, in_batches, read_anywhere
from artigraph.db.planner import filter_only
from artigraph.errors import QueryError
from artigraph.lineage.sql import own_input
from artigraph.orm import link_table, node_table
from artigraph.printable import quoted
from artigraph.query import RunSelect
from artigraph.query import columns as fields_of
from artigraph.query import select as query_of
from artigraph.run import Run
from artigraph.view._document import Page, Record, check_limit
from artigraph.view._run_values import ResultColumn, chosen_columns
from artigraph.view._runs import RunItem, RunsPage, read_run_items

# Runs by what they used -----------------------------------------------------------------------------------------------


_MOST_USES = 10_000


@dataclass(frozen=True, slots=True)
class InputItem(Record):
    """An artifact that runs used."""

    artifact_id: UUID
    model_name: str
    """The stored name of its class."""
    label: str

    def __artigraph_node_id__(self) -> UUID:
        return self.artifact_id


@dataclass(frozen=True, slots=True)
class RunGroup(Record):
    """Runs that used the same artifacts."""

    inputs: tuple[InputItem, ...]
    """The artifacts, the newest first. Empty for runs that used none."""
    runs: tuple[RunItem, ...]


@dataclass(frozen=True, slots=True)
class RunGroupsPage(Page[RunGroup]):
    """A page of runs in groups."""

    schema: ClassVar[str] = "artigraph.run-groups/1"


async def group_by_input(page: RunsPage) -> RunGroupsPage:
    """Return the runs of a page in groups of those that used the same artifacts.

        groups = await group_by_input(await runs_page(limit=50))

    The groups are in the order of their first runs, and so are the runs of a group. Other runs that used the same
    artifacts may be on other pages. An artifact that a run saved together with its own use is no input here, because no
    other run can have been given it. It takes one statement.

    Raises:
        QueryError: the runs used more than 10,000 artifacts in all.
    """
    link, node = link_table.c, node_table.c
    statement = (
        select(link.target_id, node.node_id, node.model_name, node.label)
        .join_from(link_table, node_table, node.node_id == link.source_id)
        .where(
            link.target_id.in_([run.run_id for run in page.items]),
            filter_only(link.kind == "used"),
            node.parent_id.is_distinct_from(link.target_id),
        )
        .order_by(node.node_id.desc())
        .limit(_MOST_USES + 1)
    )

    async def work(connection: AsyncConnection) -> list[tuple[UUID, InputItem]]:
        return [(run_id, InputItem(*item)) for run_id, *item in await connection.execute(statement)]

    uses = await read_anywhere(work) if page.items else []
    if len(uses) > _MOST_USES:
        msg = f"These {len(page.items)} runs used more than {_MOST_USES:,} artifacts. Group fewer runs at a time"
        raise QueryError(msg)
    inputs: defaultdict[UUID, list[InputItem]] = defaultdict(list)
    for run_id, item in uses:
        inputs[run_id].append(item)
    groups: dict[tuple[InputItem, ...], list[RunItem]] = {}
    for run in page.items:
        groups.setdefault(tuple(inputs[run.run_id]), []).append(run)
    return RunGroupsPage(tuple(RunGroup(used, tuple(runs)) for used, runs in groups.items()), page.next)


_STEPS = (200, 800, 4_000, 15_000)
"""How many artifacts are looked through at a time, until enough runs are found."""


async def runs_by_result(
    result: str,
    *,
    descending: bool = False,
    query: RunSelect | None = None,
    columns: Sequence[str] = (),
    limit: int = 50,
) -> RunsPage:
    """Return the first runs in the order of a field of an artifact that they made, or that the cache served.

        best = await runs_by_result("results.report.accuracy", descending=True, limit=10)

    Runs without an artifact of that label are left out. The index of the field answers the order. With a query, the
    first 20,000 artifacts in that order are looked through.

    Args:
        result: the label of the artifacts and the path of the field, as `results.LABEL.FIELD`.
        descending: whether the greatest value comes first.
        query: which runs. Its order, limit and offset have no effect.
        columns: what to show of each run; see `runs_page`.
        limit: the most runs, up to 1,000.

    Raises:
        QueryError: `result` is no such column, artifacts of several models have the label, `limit` is invalid, or the
            query leaves too few of the first 20,000 artifacts.
    """
    [column] = chosen_columns([result]).values()
    if not isinstance(column, ResultColumn):
        msg = f"A result is results.LABEL.FIELD, not {quoted(result[:100])}"
        raise QueryError(msg)
    chosen = chosen_columns(columns)
    run_ids = await _first_runs(column, check_limit(limit), query, descending=descending)
    return RunsPage(await read_run_items(run_ids, chosen), None)


async def _first_runs(column: ResultColumn, limit: int, query: RunSelect | None, *, descending: bool) -> list[UUID]:
    model = await _model_of(column.label)
    if model is None:
        return []
    field = fields_of(model)[column.path[0]]
    for name in column.path[1:]:
        field = field[name]
    ordered = query_of(model).labeled(column.label).order_by(field.desc() if descending else field.asc())
    found: dict[UUID, None] = {}
    start = 0
    # Without a query, only artifacts of no run are passed over. Longer steps let few statements pass over many.
    for step in _STEPS if query is not None else chain(_STEPS, (_STEPS[-1] << more for more in count(1))):
        artifacts = await ordered.offset(start).limit(step).ids()
        runs = await _makers(artifacts)
        allowed = set(runs) if query is None else await _allowed(query, runs)
        found |= dict.fromkeys(run for run in runs if run in allowed)
        if len(found) >= limit or len(artifacts) < step:
            return list(found)[:limit]
        start += step
    if not await ordered.offset(start).limit(1).ids():
        return list(found)
    name = ".".join(("results", column.label, *column.path))
    msg = (
        f"Only {len(found)} of these runs are among the first {start:,} by {name}. Narrow the conditions, so that few "
        "runs remain, or order by another column"
    )
    raise QueryError(msg)


async def _model_of(label: str) -> str | None:
    """Return the stored name of the model of all artifacts with a label, or None without any."""
    node, database = node_table.alias("labeled").c, await current_database()
    columns_of_search = node_table.c.model_name, node_table.c.node_type
    [name] = distinct_values(*columns_of_search, ("model",), database.dialect).subquery("names").c
    # Only an artifact has its id as its search key. A model inside one has none.
    artifacts = select(node.node_id).where(
        node.node_type == "model", node.model_name == name, node.label == label, node.search_key >= b""
    )
    statement = select(name).where(exists(artifacts.correlate(name.table)))

    async def work(connection: AsyncConnection) -> list[str]:
        return sorted((await connection.scalars(statement)).all())

    names = await read_anywhere(work)
    if len(names) > 1:
        msg = (
            f"Artifacts labeled {quoted(label)} are of several models ({', '.join(map(quoted, names[:5]))}), whose "
            "fields have no common order. Sort the artifacts of one model instead"
        )
        raise QueryError(msg)
    return names[0] if names else None


async def _makers(artifacts: Sequence[UUID]) -> list[UUID]:
    """Return the runs that made artifacts, and those that were served them, in the order of the artifacts.

    Others belong to no run.
    """
    node, link, found = node_table.c, link_table.c, defaultdict[UUID, list[UUID]](list)
    for some in in_batches(artifacts):
        made = select(node.node_id, node.parent_id).where(
            node.node_id.in_(some), node.parent_id.is_not(None), ~own_input(node_table)
        )
        served = select(link.target_id, link.source_id).where(
            link.target_id.in_(some), filter_only(link.kind == "produced")
        )
        statement = union_all(made, served)

        async def work(connection: AsyncConnection, statement: Any = statement) -> list[tuple[UUID, UUID]]:
            rows: Any = await connection.execute(statement)
            return [(artifact, run) for artifact, run in rows]

        for artifact, run in sorted(await read_anywhere(work)):  # a run is made before others are served from it
            found[artifact].append(run)
    return [run for each in artifacts for run in found.get(each, ())]


async def _allowed(query: RunSelect, runs: Sequence[UUID]) -> set[UUID]:
    allowed: set[UUID] = set()
    for some in in_batches(list(dict.fromkeys(runs))):
        allowed.update(await query.where(fields_of(Run).node_id.in_(some)).ids())
    return allowed
