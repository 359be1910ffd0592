"""What goes when artifacts or runs are deleted: all below them and, where that is wanted, all that used it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import DialectName, chunks, recursive
from artigraph.errors import ArtifactInUseError, NestedNodeError
from artigraph.graph.aliases import PointedTo, aliases_of, refuse_aliased
from artigraph.graph.lineage_sql import select_dependent_runs
from artigraph.graph.runs import runs_below
from artigraph.orm import link_table, node_table

__all__ = ["Going", "find_going", "uses_of"]


class _Found(NamedTuple):
    node_id: UUID
    parent_id: UUID | None
    node_type: str
    tree_root_id: UUID | None
    label: str | None
    model_name: str | None


@dataclass(slots=True)
class Going:
    """All that goes, as it was found in the transaction that deletes it."""

    reasons: dict[UUID, str]
    """What is to go, and why; what is not there has no other place."""
    named: dict[UUID, _Found] = field(default_factory=dict[UUID, _Found])
    runs: dict[UUID, UUID] = field(default_factory=dict[UUID, UUID])
    """Each run, and which of the named ones it goes with."""
    trees: dict[UUID, UUID] = field(default_factory=dict[UUID, UUID])
    """The root of each tree, and which of the named ones it goes with."""
    aliases: list[PointedTo] = field(default_factory=list[PointedTo])


async def find_going(
    connection: AsyncConnection, reasons: Mapping[UUID, str], dialect: DialectName, *, cascade: bool, keep_aliased: bool
) -> Going:
    """Find all that goes with some artifacts and runs; the number of statements does not depend on how much it is.

    Args:
        connection: in the transaction that deletes.
        reasons: what is to go, and why.
        dialect: of the connection.
        cascade: the runs that used what goes, and do not go with it, go too; so does what used their artifacts.
        keep_aliased: refuse what an alias points to.

    Raises:
        NestedNodeError: a node is a part of an artifact.
        ArtifactInUseError: something that goes was used by a run that stays, or is what an alias points to.
    """
    going = Going(dict(reasons))
    await _find(connection, going, dialect)
    while users := await _users(connection, going):
        if not cascade:
            _refuse(users, going)
        await _add_users(connection, going, {run for _, run in users}, dialect)
    going.aliases = await aliases_of(connection, list(going.trees))
    if going.aliases and keep_aliased:
        refuse_aliased(going.aliases, _reason(going.aliases[0].node_id, going))
    return going


_columns = tuple(node_table.c[name] for name in _Found._fields)


async def _find(connection: AsyncConnection, going: Going, dialect: DialectName) -> None:
    """Add all that has a reason and is not there yet, with everything below."""
    new = [node_id for node_id in going.reasons if node_id not in going.named and node_id not in going.runs]
    found = [
        _Found(*row)
        for ids in chunks(new)
        for row in await connection.execute(select(*_columns).where(node_table.c.node_id.in_(ids)))
    ]
    for node in found:
        if node.tree_root_id not in (None, node.node_id):
            msg = (
                f"Node {node.node_id} ({node.label!r}) is a part of artifact {node.tree_root_id}, which never changes; "
                "delete that as a whole. Nothing was deleted."
            )
            raise NestedNodeError(msg)
        going.named[node.node_id] = node
        if node.node_type == "run":
            going.runs[node.node_id] = node.node_id
        else:
            going.trees[node.node_id] = node.node_id
    runs = [node.node_id for node in found if node.node_type == "run"]
    if not runs:
        return
    parents: dict[UUID, UUID] = {}
    for ids in chunks(runs):
        statement = select(node_table.c.node_id, node_table.c.parent_id).where(
            node_table.c.node_id.in_(runs_below(*ids))
        )
        parents |= {row.node_id: row.parent_id for row in await connection.execute(recursive(statement, dialect))}
    _place(going, parents)
    for ids in chunks(list(going.runs)):
        statement = select(node_table.c.node_id, node_table.c.parent_id).where(
            node_table.c.parent_id.in_(ids), node_table.c.node_type != "run"
        )
        for row in await connection.execute(statement):
            going.trees.setdefault(row.node_id, going.runs[row.parent_id])


def _place(going: Going, parents: Mapping[UUID, UUID]) -> None:
    """Say of runs below the named ones, which are told by their parents, what they go with: the nearest named one."""
    for run in parents:
        path: list[UUID] = []
        at = run
        while at not in going.runs:
            path.append(at)
            at = parents[at]
        going.runs |= dict.fromkeys(path, going.runs[at])


_uses = (
    select(node_table.c.tree_root_id, link_table.c.target_id)
    .join(link_table, link_table.c.source_id == node_table.c.node_id)
    .distinct()
)


async def uses_of(connection: AsyncConnection, artifacts: Iterable[UUID]) -> list[tuple[UUID, UUID]]:
    """Return those of some artifacts that runs have used, or used parts of, each with such a run."""
    uses: list[tuple[UUID, UUID]] = []
    for ids in chunks(list(artifacts)):
        found = await connection.execute(_uses.where(node_table.c.tree_root_id.in_(ids)))
        uses += [(row.tree_root_id, row.target_id) for row in found]
    return uses


async def _users(connection: AsyncConnection, going: Going) -> list[tuple[UUID, UUID]]:
    """Return artifacts that go, each with a run that has used it and stays."""
    return [(artifact, run) for artifact, run in await uses_of(connection, going.trees) if run not in going.runs]


async def _add_users(connection: AsyncConnection, going: Going, users: Collection[UUID], dialect: DialectName) -> None:
    """Add runs that used what goes, and all that depends on them: the outermost by themselves, for what they used."""
    parents: dict[UUID, UUID | None] = {}
    for ids in chunks(sorted(users)):
        dependent = recursive(select_dependent_runs(ids), dialect)
        parents |= {row.node_id: row.parent_id for row in await connection.execute(dependent)}
    outermost = [run for run in sorted(parents) if run not in going.runs and parents[run] not in parents]
    going.reasons |= dict.fromkeys(outermost, "")
    await _find(connection, going, dialect)
    for ids in chunks(outermost):
        for row in await connection.execute(_uses.where(link_table.c.target_id.in_(ids))):
            if row.tree_root_id in going.trees:
                going.reasons[row.target_id] = f"used {row.tree_root_id}, which goes"


def _refuse(users: Sequence[tuple[UUID, UUID]], going: Going) -> None:
    artifact, run = users[0]
    others = f", and {len(users) - 1:,} more such" if len(users) > 1 else ""
    msg = (
        f"Artifact {artifact} ({_reason(artifact, going)}) was used by run {run}{others}. With cascade=True the runs "
        "that used it go too, with everything below them (dry_run=True beside that shows it); prune leaves it with "
        "keep_used=True. Nothing was deleted."
    )
    raise ArtifactInUseError(msg)


def _reason(artifact: UUID, going: Going) -> str:
    return going.reasons.get(artifact, f"below run {going.trees[artifact]}")
