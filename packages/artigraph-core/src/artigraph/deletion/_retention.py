"""Selecting artifacts and runs by a retention rule."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import current_database, in_batches, recursive, utc_now
from artigraph.db.planner import expect_few_rows
from artigraph.deletion._cascade import uses_of
from artigraph.graph.leases import end_of, status_of
from artigraph.graph.run_rows import CACHE, CACHE_KEY
from artigraph.graph.runs import runs_below
from artigraph.identifiers import first_id
from artigraph.lineage.sql import own_input
from artigraph.orm import alias_table, node_table, run_value_table
from artigraph.serializer.codec import encode

_id, _parent_id, _label = node_table.c.node_id, node_table.c.parent_id, node_table.c.label
_is_artifact = node_table.c.tree_root_id == _id
_is_run = node_table.c.node_type == "run"
_is_aliased = exists().where(alias_table.c.node_id == _id)


class Retention(NamedTuple):
    """A retention rule: by age, all but the newest of some labels, or failed runs."""

    older_than: datetime | timedelta | None
    keep_newest: Mapping[str, int] | None
    failed_runs: bool
    keep_used: bool
    """Whether to keep what remaining runs have used, the runs that it belongs to, and what these have used."""
    keep_cached: bool
    """Whether to keep the runs that can still serve calls, with their artifacts and the runs above them."""


async def retire(rule: Retention, connection: AsyncConnection) -> dict[UUID, str]:
    """Return the nodes that a rule selects, each with the reason, without nodes that are deleted with another one.

    Artifacts that an alias points to are kept, and so are the runs above them.
    """
    before = rule.older_than
    if isinstance(before, timedelta):
        now: datetime = (await connection.execute(select(utc_now()))).scalar_one()
        before = now - before
    if rule.keep_newest is not None:
        found = await _superseded(connection, rule.keep_newest, before)
        serving = await _serving(connection, {run for run, _ in found.values()}) if rule.keep_cached else ()
        superseded = {artifact: reason for artifact, (run, reason) in found.items() if run not in serving}
        used = {artifact for artifact, _ in await uses_of(connection, superseded)} if rule.keep_used else ()
        return {artifact: reason for artifact, reason in superseded.items() if artifact not in used}
    runs = await _runs(connection, before, failed=rule.failed_runs)
    reason = "a failed run"
    artifacts: dict[UUID, UUID | None] = {}
    if before is not None and not rule.failed_runs:
        reason = f"older than {before:%Y-%m-%d %H:%M:%S} UTC"
        earlier = expect_few_rows(_id < first_id(before), _id)  # or PostgreSQL without statistics reads the table
        old = select(_id, _parent_id).where(_is_artifact, earlier, ~_is_aliased).order_by(_id)
        artifacts = {row.node_id: row.parent_id for row in await connection.execute(old)}
    if rule.keep_cached:
        serving = await _serving(connection, {*runs.parents, *artifacts.values()})
        for run in serving:
            runs.keep(run)
        artifacts = {artifact: run for artifact, run in artifacts.items() if run not in serving}
    if rule.keep_used:
        await _keep_used(connection, runs, artifacts)
    gone = runs.gone()
    return {run: reason for run in runs.named if run in gone and runs.parents[run] not in gone} | {
        artifact: reason for artifact, parent in artifacts.items() if parent not in gone
    }


async def _superseded(
    connection: AsyncConnection, keep_newest: Mapping[str, int], before: datetime | None
) -> dict[UUID, tuple[UUID | None, str]]:
    """Return all but the newest artifacts of each label and model name, each with its run and the reason."""
    seen: defaultdict[tuple[str, str | None], int] = defaultdict(int)
    found: dict[UUID, tuple[UUID | None, str]] = {}
    statement = select(_id, _parent_id, _label, node_table.c.model_name, _is_aliased.label("aliased")).where(
        _is_artifact
    )
    youngest = None if before is None else first_id(before)
    for labels in in_batches(list(keep_newest)):
        for row in await connection.execute(statement.where(_label.in_(labels)).order_by(_id.desc())):
            seen[row.label, row.model_name] += 1
            kept = keep_newest[row.label]
            young = youngest is not None and row.node_id >= youngest
            if seen[row.label, row.model_name] > kept and not young and not row.aliased:
                found[row.node_id] = row.parent_id, f"not among the newest {kept} of {row.label!r}"
    return found


@dataclass(slots=True)
class _Runs:
    """The runs that a rule selects, and the runs below them."""

    named: list[UUID]
    parents: dict[UUID, UUID | None]
    """The parent run of each run, including those below the selected ones."""
    stays: set[UUID] = field(default_factory=set[UUID])

    def keep(self, run: UUID | None) -> list[UUID]:
        """Keep a run and the runs above it. Return those that were not kept before."""
        kept: list[UUID] = []
        while run is not None and run in self.parents and run not in self.stays:
            self.stays.add(run)
            kept.append(run)
            run = self.parents[run]
        return kept

    def gone(self) -> set[UUID]:
        """Return the selected runs that are not kept, and all runs below these."""
        return _with_those_below([run for run in self.named if run not in self.stays], self.parents)


async def _runs(connection: AsyncConnection, before: datetime | None, *, failed: bool) -> _Runs:
    """Return the runs that a rule selects.

    A run is kept if it is running, or is too young, or if something below it is so. It is also kept if an alias points
    to an artifact below it.
    """
    database = await current_database()
    candidates = select(_id, _parent_id).where(_is_run, _is_over(before))
    if failed:
        candidates = candidates.where(node_table.c.run_status == "failed")
    parents: dict[UUID, UUID | None] = {row.node_id: row.parent_id for row in await connection.execute(candidates)}
    runs = _Runs(list(parents), parents)
    stays: set[UUID | None] = set()
    for ids in in_batches(runs.named):
        below = select(_id, _parent_id, _is_over(before).label("over")).where(_id.in_(runs_below(*ids)))
        for row in await connection.execute(recursive(below, database.dialect)):
            parents[row.node_id] = row.parent_id
            if not row.over:
                stays.add(row.node_id)
    if before is not None:
        for ids in in_batches(list(parents)):
            young = (
                select(_parent_id)
                .where(_is_artifact, _id >= first_id(before), expect_few_rows(_parent_id.in_(ids), _parent_id))
                .distinct()
            )
            stays.update((await connection.execute(young)).scalars())
    for ids in in_batches(list(parents)):
        aliased = select(_parent_id).where(_is_aliased, expect_few_rows(_parent_id.in_(ids), _parent_id)).distinct()
        stays.update((await connection.execute(aliased)).scalars())
    for run in stays:
        runs.keep(run)
    return runs


async def _serving(connection: AsyncConnection, runs: Collection[UUID | None]) -> set[UUID]:
    """Return the runs that can still serve calls: they are completed and have a key, and their result exists."""
    value, made = run_value_table.c, node_table.alias("made")
    result = exists().where(made.c.parent_id == _id, made.c.node_type == "model", ~own_input(made))
    found: set[UUID] = set()
    for ids in in_batches(sorted({run for run in runs if run is not None})):
        statement = (
            select(_id)
            .join(run_value_table, value.run_id == _id)
            .where(
                expect_few_rows(value.run_id.in_(ids), value.run_id),
                value.kind == CACHE,
                value.name == CACHE_KEY,
                node_table.c.run_status == "completed",
                or_(value.value == encode("none"), result),
            )
        )
        found.update((await connection.execute(statement)).scalars())
    return found


async def _keep_used(connection: AsyncConnection, runs: _Runs, artifacts: dict[UUID, UUID | None]) -> None:
    """Keep what remaining runs have used.

    Drop such artifacts from the selection, and keep the runs that they belong to. It follows the chain, since the runs
    that are kept for this reason have used artifacts too.
    """
    gone = runs.gone()
    within = dict(artifacts)
    for ids in in_batches(sorted(gone)):
        statement = select(_id, _parent_id).where(_is_artifact, expect_few_rows(_parent_id.in_(ids), _parent_id))
        within |= {row.node_id: row.parent_id for row in await connection.execute(statement)}
    used: defaultdict[UUID, list[UUID]] = defaultdict(list)
    for artifact, run in await uses_of(connection, within):
        used[run].append(artifact)
    while staying := [run for run in used if run not in gone]:
        while staying:
            for artifact in used.pop(staying.pop(), ()):
                artifacts.pop(artifact, None)
                staying += runs.keep(within[artifact])
        gone = runs.gone()  # without the runs that would have been deleted with one that is now kept


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
    """Return whether a run has ended or is lost and, with `before`, whether it did so before that time."""
    over = status_of(node_table) != "running"
    if before is None:
        return over
    return over & (func.coalesce(end_of(node_table), node_table.c.run_started_at) < before)
