"""Which artifacts and runs a rule of retention names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import chunks, current_database, recursive, utc_now
from artigraph.graph.leases import end_of, status_of
from artigraph.graph.runs import runs_below
from artigraph.ids import first_id
from artigraph.orm import alias_table, node_table

__all__ = ["Retention", "retire"]

_id, _parent_id, _label = node_table.c.node_id, node_table.c.parent_id, node_table.c.label
_is_artifact = node_table.c.tree_root_id == _id
_is_run = node_table.c.node_type == "run"
_is_aliased = exists().where(alias_table.c.node_id == _id)


class Retention(NamedTuple):
    """A rule: what is older, all but the newest of some labels, or failed runs."""

    older_than: datetime | timedelta | None
    keep_newest: Mapping[str, int] | None
    failed_runs: bool


async def retire(rule: Retention, connection: AsyncConnection) -> dict[UUID, str]:
    """Return what a rule names, each with the reason; what goes with something else is left out.

    What an alias points to is kept, and so are the runs that it is below.
    """
    before = rule.older_than
    if isinstance(before, timedelta):
        now: datetime = (await connection.execute(select(utc_now()))).scalar_one()
        before = now - before
    if rule.keep_newest is not None:
        return await _superseded(connection, rule.keep_newest, before)
    runs, gone = await _runs(connection, before, failed=rule.failed_runs)
    if rule.failed_runs or before is None:
        return dict.fromkeys(runs, "a failed run")
    reason = f"older than {before:%Y-%m-%d %H:%M:%S} UTC"
    artifacts = select(_id, _parent_id).where(_is_artifact, _id < first_id(before), ~_is_aliased).order_by(_id)
    return dict.fromkeys(runs, reason) | {
        row.node_id: reason for row in await connection.execute(artifacts) if row.parent_id not in gone
    }


async def _superseded(
    connection: AsyncConnection, keep_newest: Mapping[str, int], before: datetime | None
) -> dict[UUID, str]:
    """Return all but the newest artifacts of each label and model name."""
    seen: defaultdict[tuple[str, str | None], int] = defaultdict(int)
    found: dict[UUID, str] = {}
    statement = select(_id, _label, node_table.c.model_name, _is_aliased.label("aliased")).where(_is_artifact)
    youngest = None if before is None else first_id(before)
    for labels in chunks(list(keep_newest)):
        for row in await connection.execute(statement.where(_label.in_(labels)).order_by(_id.desc())):
            seen[row.label, row.model_name] += 1
            kept = keep_newest[row.label]
            young = youngest is not None and row.node_id >= youngest
            if seen[row.label, row.model_name] > kept and not young and not row.aliased:
                found[row.node_id] = f"not among the newest {kept} of {row.label!r}"
    return found


async def _runs(connection: AsyncConnection, before: datetime | None, *, failed: bool) -> tuple[list[UUID], set[UUID]]:
    """Return the runs that a rule names, the topmost alone, and all that go with them.

    A run stays if it is running, or is too young, or if something below it is, or is what an alias points to.
    """
    database = await current_database()
    candidates = select(_id, _parent_id).where(_is_run, _is_over(before))
    if failed:
        candidates = candidates.where(node_table.c.run_status == "failed")
    parents: dict[UUID, UUID | None] = {row.node_id: row.parent_id for row in await connection.execute(candidates)}
    named = list(parents)
    stays: set[UUID] = set()
    for ids in chunks(named):
        below = select(_id, _parent_id, _is_over(before).label("over")).where(_id.in_(runs_below(*ids)))
        for row in await connection.execute(recursive(below, database.dialect)):
            parents[row.node_id] = row.parent_id
            if not row.over:
                stays.add(row.node_id)
    if before is not None:
        for ids in chunks(list(parents)):
            young = select(_parent_id).where(_is_artifact, _id >= first_id(before), _parent_id.in_(ids)).distinct()
            stays.update((await connection.execute(young)).scalars())
    for ids in chunks(list(parents)):
        aliased = select(_parent_id).where(_is_aliased, _parent_id.in_(ids)).distinct()
        stays.update((await connection.execute(aliased)).scalars())
    for run in list(stays):
        at = parents.get(run)
        while at is not None and at not in stays:
            stays.add(at)
            at = parents.get(at)
    going = [run for run in named if run not in stays]
    gone = _with_those_below(going, parents)
    return [run for run in going if parents[run] not in gone], gone


def _with_those_below(runs: Iterable[UUID], parents: Mapping[UUID, UUID | None]) -> set[UUID]:
    children: defaultdict[UUID | None, list[UUID]] = defaultdict(list)
    for run, parent in parents.items():
        children[parent].append(run)
    found: set[UUID] = set()
    waiting = list(runs)
    while waiting:
        run = waiting.pop()
        if run not in found:
            found.add(run)
            waiting += children[run]
    return found


def _is_over(before: datetime | None) -> ColumnElement[bool]:
    """Say whether a run has ended, or is lost, before a point in time if one is given."""
    over = status_of(node_table) != "running"
    if before is None:
        return over
    return over & (func.coalesce(end_of(node_table), node_table.c.run_started_at) < before)
