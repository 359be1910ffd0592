"""The cascade of a deletion: everything below some artifacts and runs and, on request, the runs that used them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, NoReturn
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import DialectName, in_batches, recursive
from artigraph.db.planner import expect_few_rows
from artigraph.errors import ArtifactInUseError, MalformedRowError, NestedNodeError
from artigraph.graph.runs import runs_below
from artigraph.lineage.sql import select_dependent_runs
from artigraph.orm import link_table, node_table
from artigraph.versions.aliases import PointedTo, aliases_of, refuse_aliased


class _Found(NamedTuple):
    node_id: UUID
    parent_id: UUID | None
    node_type: str
    tree_root_id: UUID | None
    label: str | None
    model_name: str | None


@dataclass(slots=True)
class DeletionPlan:
    """The complete cascade of a deletion, as found in the transaction that deletes it."""

    reasons: dict[UUID, str]
    """The nodes to delete, each with the reason. Ids that do not exist appear only here."""
    named: dict[UUID, _Found] = field(default_factory=dict[UUID, _Found])
    runs: dict[UUID, UUID] = field(default_factory=dict[UUID, UUID])
    """Each run to delete, and the selected node with which it is deleted."""
    trees: dict[UUID, UUID] = field(default_factory=dict[UUID, UUID])
    """The root of each tree to delete, and the selected node with which it is deleted."""
    aliases: list[PointedTo] = field(default_factory=list[PointedTo])


async def plan_deletion(
    connection: AsyncConnection, reasons: Mapping[UUID, str], dialect: DialectName, *, cascade: bool, keep_aliased: bool
) -> DeletionPlan:
    """Find the complete cascade of deleting some artifacts and runs.

    The number of statements does not depend on the number of nodes.

    Args:
        connection: a connection in the transaction that deletes.
        reasons: the nodes to delete, each with the reason.
        dialect: the dialect of the connection.
        cascade: also delete the remaining runs that used deleted artifacts, and then the runs that used theirs.
        keep_aliased: refuse artifacts that an alias points to.

    Raises:
        NestedNodeError: a node is a part of an artifact.
        ArtifactInUseError: a remaining run used an artifact to delete, or an alias points to one.
        MalformedRowError: rows were altered, so that the user of an artifact cannot be deleted with it.
    """
    plan = DeletionPlan(dict(reasons))
    await _find(connection, plan, dialect)
    while users := await _users(connection, plan):
        if not cascade:
            _refuse(users, plan)
        before = len(plan.runs)
        await _add_users(connection, plan, {run for _, run in users}, dialect)
        if len(plan.runs) == before:  # each turn adds a run, so the loop ends
            _refuse_malformed(*users[0])
    plan.aliases = await aliases_of(connection, list(plan.trees))
    if plan.aliases and keep_aliased:
        refuse_aliased(plan.aliases, _reason(plan.aliases[0].node_id, plan))
    return plan


_columns = tuple(node_table.c[name] for name in _Found._fields)


async def _find(connection: AsyncConnection, plan: DeletionPlan, dialect: DialectName) -> None:
    """Add the nodes that have a reason and were not found before, with everything below them."""
    new = [node_id for node_id in plan.reasons if node_id not in plan.named and node_id not in plan.runs]
    found = [
        _Found(*row)
        for ids in in_batches(new)
        for row in await connection.execute(select(*_columns).where(node_table.c.node_id.in_(ids)))
    ]
    for node in found:
        if node.tree_root_id not in (None, node.node_id):
            msg = (
                f"Node {node.node_id} ({node.label!r}) is a part of artifact {node.tree_root_id}, which never changes; "
                "delete that as a whole. Nothing was deleted."
            )
            raise NestedNodeError(msg)
        plan.named[node.node_id] = node
        if node.node_type == "run":
            plan.runs[node.node_id] = node.node_id
        else:
            plan.trees[node.node_id] = node.node_id
    runs = [node.node_id for node in found if node.node_type == "run"]
    if not runs:
        return
    parents: dict[UUID, UUID] = {}
    for ids in in_batches(runs):
        statement = select(node_table.c.node_id, node_table.c.parent_id).where(
            node_table.c.node_id.in_(runs_below(*ids))
        )
        parents |= {row.node_id: row.parent_id for row in await connection.execute(recursive(statement, dialect))}
    _place(plan, parents)
    for ids in in_batches(list(plan.runs)):
        statement = select(node_table.c.node_id, node_table.c.parent_id).where(
            expect_few_rows(node_table.c.parent_id.in_(ids), node_table.c.parent_id), node_table.c.node_type != "run"
        )
        for row in await connection.execute(statement):
            plan.trees.setdefault(row.node_id, plan.runs[row.parent_id])


def _place(plan: DeletionPlan, parents: Mapping[UUID, UUID]) -> None:
    """Assign runs to the nearest selected run above them. `parents` holds the parents of these runs."""
    for run in parents:
        path: list[UUID] = []
        at = run
        while at not in plan.runs:
            path.append(at)
            at = parents[at]
        plan.runs |= dict.fromkeys(path, plan.runs[at])


_uses = (
    select(node_table.c.tree_root_id, link_table.c.target_id)
    .join(link_table, link_table.c.source_id == node_table.c.node_id)
    .distinct()
)


async def uses_of(connection: AsyncConnection, artifacts: Iterable[UUID]) -> list[tuple[UUID, UUID]]:
    """Return the pairs of an artifact, out of `artifacts`, and a run that has used it or a part of it."""
    uses: list[tuple[UUID, UUID]] = []
    for ids in in_batches(list(artifacts)):
        found = await connection.execute(
            _uses.where(expect_few_rows(node_table.c.tree_root_id.in_(ids), node_table.c.tree_root_id))
        )
        uses += [(row.tree_root_id, row.target_id) for row in found]
    return uses


async def _users(connection: AsyncConnection, plan: DeletionPlan) -> list[tuple[UUID, UUID]]:
    """Return the pairs of an artifact to delete and a remaining run that has used it."""
    return [(artifact, run) for artifact, run in await uses_of(connection, plan.trees) if run not in plan.runs]


async def _add_users(
    connection: AsyncConnection, plan: DeletionPlan, users: Collection[UUID], dialect: DialectName
) -> None:
    """Add the runs that used deleted artifacts, and everything that depends on these runs.

    The outermost of these runs are added as selected nodes; their reason names what they used.
    """
    parents: dict[UUID, UUID | None] = {}
    for ids in in_batches(sorted(users)):
        dependent = recursive(select_dependent_runs(ids), dialect)
        parents |= {row.node_id: row.parent_id for row in await connection.execute(dependent)}
    outermost = [run for run in sorted(parents) if run not in plan.runs and parents[run] not in parents]
    plan.reasons |= dict.fromkeys(outermost, "")
    await _find(connection, plan, dialect)
    for ids in in_batches(outermost):
        for row in await connection.execute(
            _uses.where(expect_few_rows(link_table.c.target_id.in_(ids), link_table.c.target_id))
        ):
            if row.tree_root_id in plan.trees:
                plan.reasons[row.target_id] = f"used {row.tree_root_id}, which goes"


def _refuse(users: Sequence[tuple[UUID, UUID]], plan: DeletionPlan) -> None:
    artifact, run = users[0]
    others = f", and {len(users) - 1:,} more such" if len(users) > 1 else ""
    msg = (
        f"Artifact {artifact} ({_reason(artifact, plan)}) was used by run {run}{others}. With cascade=True the runs "
        "that used it go too, with everything below them (dry_run=True beside that shows it); prune leaves it with "
        "keep_used=True. Nothing was deleted."
    )
    raise ArtifactInUseError(msg)


def _refuse_malformed(artifact: UUID, user: UUID) -> NoReturn:
    msg = (
        f"Artifact {artifact} was used by {user}, which cannot be deleted with it: {user} is not a run, or is a run "
        "that is above itself. The row was altered by hand, or the database is damaged: artigraph.maintenance.fsck "
        "lists all such. Nothing was deleted."
    )
    raise MalformedRowError(msg, table=link_table.name, column="target_id", node_id=artifact)


def _reason(artifact: UUID, plan: DeletionPlan) -> str:
    return plan.reasons.get(artifact, f"below run {plan.trees[artifact]}")
