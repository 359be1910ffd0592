"""Runs grouped by the artifacts that they used."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import read_anywhere
from artigraph.db.planner import filter_only
from artigraph.errors import QueryError
from artigraph.orm import link_table, node_table
from artigraph.view._document import Page, Record
from artigraph.view._runs import RunItem, RunsPage

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
