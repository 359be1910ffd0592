"""Deleting trees and runs: rows in one transaction first, their objects afterwards (docs/design/deleting.md).

However much goes, the number of statements is the same: trees are deleted by their root's id, runs by their ids.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import Select, delete, exists, func, select, union, update
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import (
    DialectName,
    ReferenceInUse,
    chunks,
    current_database,
    in_session,
    parts_first,
    read,
    write,
)
from artigraph.errors import ArtigraphError, RetryableError
from artigraph.graph.going import Going, find_going
from artigraph.graph.objects import gather
from artigraph.graph.storages import storage_by_name
from artigraph.graph.stored import call
from artigraph.orm import alias_table, blob_table, link_table, node_table

__all__ = ["Choose", "DeletedNode", "Deletion", "delete_nodes"]

T = TypeVar("T")

_ATTEMPTS = 15
"""How often a deletion starts again because something was saved meanwhile under what it deletes."""

Work = Callable[[AsyncConnection], Awaitable[T]]
Choose = Work[Mapping[UUID, str]]
"""Says, within the transaction that deletes, which artifacts and runs are to go, each with the reason."""


@dataclass(frozen=True, slots=True)
class DeletedNode:
    """An artifact or run that goes, with everything below it."""

    node_id: UUID
    is_run: bool
    label: str | None
    model_name: str | None
    reason: str
    runs: int
    """Runs that go with it, itself included."""
    artifacts: int
    """Artifacts that go with it, itself included."""
    rows: int
    value_bytes: int
    """Bytes of values in rows."""


@dataclass(slots=True)
class Deletion:
    """What a deletion comes to."""

    nodes: list[DeletedNode] = field(default_factory=list[DeletedNode])
    missing: list[UUID] = field(default_factory=list[UUID])
    """Ids that were asked for and are not there (any more)."""
    links: int = 0
    aliases: int = 0
    objects: list[StoredAt] = field(default_factory=list["StoredAt"])
    """Objects that nothing refers to any more."""
    shared: int = 0
    """Objects that others refer to, and that stay."""
    left: list[StoredAt] = field(default_factory=list["StoredAt"])
    """Those of the objects that are still to be removed, by garbage collection."""
    changed: bool = False
    """Whether others deleted some of it while it was looked at."""


class StoredAt(NamedTuple):
    """Where an object is."""

    blob_id: UUID
    storage: str
    location: str
    size: int


async def delete_nodes(choose: Choose, *, dry_run: bool, cascade: bool, keep_aliased: bool) -> Deletion:
    """Delete what is chosen, all or nothing, in one transaction, or in the caller's where there is one.

    The objects that nothing refers to any more go after the commit. In a transaction of the caller's they, and their
    rows, are left to garbage collection.

    Args:
        choose: says what is to go.
        dry_run: say what would go, and delete nothing.
        cascade: delete, too, the runs that have used what goes.
        keep_aliased: refuse to delete what an alias points to, instead of deleting the alias with it.

    Raises:
        NestedNodeError: a node is a part of an artifact.
        ArtifactInUseError: a run that stays has used an artifact that is to go, and `cascade` is false; or an alias
            points to one, and `keep_aliased` is true.
        RetryableError: others went on saving under what is deleted.
    """
    database = await current_database()
    apart = not in_session()

    async def plan(connection: AsyncConnection) -> tuple[Going, Deletion]:
        reasons = await choose(connection)
        made = await find_going(connection, reasons, database.dialect, cascade=cascade, keep_aliased=keep_aliased)
        return made, await _measure(connection, made)

    gone: list[UUID] = []

    async def work(connection: AsyncConnection) -> Deletion:
        made, deletion = await plan(connection)
        gone[:] = list(made.named)[:1]
        if made.named:
            rows = await _delete(connection, made, deletion, database.dialect)
            if apart:
                if deletion.changed or rows != sum(node.rows for node in deletion.nodes):
                    raise _Taken
                await _delete_blobs(connection, [item.blob_id for item in deletion.objects])
        return deletion

    async def committed(connection: AsyncConnection) -> bool:
        found = await connection.execute(select(node_table.c.node_id).where(node_table.c.node_id.in_(gone)))
        return found.first() is None

    if dry_run:
        return (await read(plan))[1]
    deletion = await _tried(work, committed)
    deletion.left = await _remove(deletion.objects) if apart else list(deletion.objects)
    return deletion


async def _tried(work: Work[T], committed: Work[bool]) -> T:
    attempts = 1 if in_session() else _ATTEMPTS
    while True:
        try:
            return await write(work, committed=committed)
        except (ReferenceInUse, _Taken) as error:
            attempts -= 1
            if not attempts:
                msg = (
                    "Others saved, or deleted, what belongs to what was to go, or shares an object with it. Try again."
                )
                raise RetryableError(msg) from error


class _Taken(Exception):  # noqa: N818
    """Somebody began to refer to an object that was to go, or deleted some of what goes."""


# What that comes to ------------------------------------------------------------------------------------------------


async def _measure(connection: AsyncConnection, plan: Going) -> Deletion:
    rows = dict.fromkeys(plan.named, 0)
    value_bytes = dict.fromkeys(plan.named, 0)
    runs = dict.fromkeys(plan.named, 0)
    artifacts = dict.fromkeys(plan.named, 0)
    here: dict[UUID, int] = {}
    """The objects of what goes, and how often it refers to them."""
    for named in plan.runs.values():
        runs[named] += 1
        rows[named] += 1
    for named in plan.trees.values():
        artifacts[named] += 1
    root = node_table.c.tree_root_id
    measured = 0
    for ids in chunks(list(plan.trees)):
        sizes = select(root, func.count(), func.coalesce(func.sum(func.length(node_table.c.value)), 0))
        for tree, count, size in await connection.execute(sizes.where(root.in_(ids)).group_by(root)):
            measured += 1
            rows[plan.trees[tree]] += count
            value_bytes[plan.trees[tree]] += int(size)
        for blob_id, count in await connection.execute(_references().where(root.in_(ids))):
            here[blob_id] = here.get(blob_id, 0) + count
    deletion = Deletion(
        missing=[node_id for node_id in plan.reasons if node_id not in plan.named], changed=measured < len(plan.trees)
    )
    deletion.nodes = [
        DeletedNode(
            node_id=node_id,
            is_run=node.node_type == "run",
            label=node.label,
            model_name=node.model_name,
            reason=reason,
            runs=runs[node_id],
            artifacts=artifacts[node_id],
            rows=rows[node_id],
            value_bytes=value_bytes[node_id],
        )
        for node_id, reason in plan.reasons.items()
        if (node := plan.named.get(node_id)) is not None
    ]
    for ids in chunks(list(here)):
        everywhere = dict((await connection.execute(_references().where(node_table.c.blob_id.in_(ids)))).all())
        statement = select(*(blob_table.c[name] for name in StoredAt._fields)).where(blob_table.c.blob_id.in_(ids))
        for row in await connection.execute(statement.order_by(blob_table.c.blob_id)):
            if everywhere.get(row.blob_id) == here[row.blob_id]:
                deletion.objects.append(StoredAt(*row))
            else:
                deletion.shared += 1
    deletion.links = len(await _links(connection, plan))
    deletion.aliases = len(plan.aliases)
    return deletion


def _references() -> Select[*tuple[Any, ...]]:
    blob_id = node_table.c.blob_id
    return select(blob_id, func.count()).where(blob_id.is_not(None)).group_by(blob_id)


async def _links(connection: AsyncConnection, plan: Going) -> set[tuple[UUID, UUID]]:
    links: set[tuple[UUID, UUID]] = set()
    for ends in _ends(plan):
        both = [select(link_table.c.source_id, link_table.c.target_id).where(end.in_(ends)) for end in _ENDS]
        links.update((row.source_id, row.target_id) for row in await connection.execute(union(*both)))
    return links


_ENDS = (link_table.c.source_id, link_table.c.target_id)


def _ends(plan: Going) -> Iterator[Any]:
    """Yield what the ends of links that go are in: nodes of trees, and runs."""
    for ids in chunks(list(plan.trees)):
        yield select(node_table.c.node_id).where(node_table.c.tree_root_id.in_(ids))
    yield from chunks(list(plan.runs))


# Doing it ---------------------------------------------------------------------------------------------------------


async def _delete(connection: AsyncConnection, plan: Going, deletion: Deletion, dialect: DialectName) -> int:
    """Delete rows, and return how many of nodes: fewer than were found, if others deleted some meanwhile."""
    rows = 0
    if deletion.links:
        for ends in _ends(plan):
            for end in _ENDS:
                await connection.execute(delete(link_table).where(end.in_(ends)))
    if deletion.aliases:
        for ids in chunks(list(plan.trees)):
            await connection.execute(delete(alias_table).where(alias_table.c.node_id.in_(ids)))
    for ids in chunks(list(plan.trees)):
        whole_trees = delete(node_table).where(node_table.c.tree_root_id.in_(ids))
        rows += (await connection.execute(parts_first(whole_trees, node_table.c.position, dialect))).rowcount
    for ids in chunks(list(plan.runs)):  # MySQL and MariaDB would want those below first, whichever chunk they are in
        await connection.execute(update(node_table).where(node_table.c.node_id.in_(ids)).values(parent_id=None))
    for ids in chunks(list(plan.runs)):
        rows += (await connection.execute(delete(node_table).where(node_table.c.node_id.in_(ids)))).rowcount
    return rows


async def _delete_blobs(connection: AsyncConnection, blob_ids: Sequence[UUID]) -> None:
    """Delete the rows of objects that nothing refers to any more.

    Raises:
        _Taken, ReferenceInUse: somebody has begun to refer to one.
    """
    referred = exists().where(node_table.c.blob_id == blob_table.c.blob_id)
    for ids in chunks(blob_ids):
        result = await connection.execute(delete(blob_table).where(blob_table.c.blob_id.in_(ids), ~referred))
        if result.rowcount != len(ids):
            raise _Taken


async def _remove(objects: Sequence[StoredAt]) -> list[StoredAt]:
    """Remove objects that have no row any more, and return those that could not be removed."""
    left: list[StoredAt] = []

    async def remove(item: StoredAt) -> None:
        try:
            storage = await storage_by_name(item.storage)
            await call(storage, storage.delete(item.location))
        except ArtigraphError:
            left.append(item)

    await gather(objects, remove)
    return left
