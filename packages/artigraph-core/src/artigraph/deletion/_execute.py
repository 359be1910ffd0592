"""Deleting trees and runs: first the rows in one transaction, then their objects (docs/design/deleting.md).

The number of statements does not depend on how much is deleted: trees are deleted by their root's id, runs by their
ids.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import Select, delete, func, select, union, update
from sqlalchemy.ext.asyncio import AsyncConnection

import artigraph.db as db
from artigraph.db.planner import expect_few_rows
from artigraph.deletion._cascade import DeletionPlan, plan_deletion
from artigraph.deletion.unused import delete_unused
from artigraph.errors import ArtigraphError, RetryableError
from artigraph.graph.objects import report_leftovers, run_concurrently
from artigraph.graph.placement import storage_by_name
from artigraph.graph.stored_object import call_storage
from artigraph.orm import alias_table, blob_table, link_table, node_table
from artigraph.progress import ProgressReporter

T = TypeVar("T")

_ATTEMPTS = 15
"""How often a deletion is tried if others save below what it deletes."""

Work = Callable[[AsyncConnection], Awaitable[T]]
Choose = Work[Mapping[UUID, str]]
"""Selects artifacts and runs to delete, each with the reason, within the transaction that deletes them."""


@dataclass(frozen=True, slots=True)
class DeletedNode:
    """An artifact or run to delete, with everything below it."""

    node_id: UUID
    is_run: bool
    label: str | None
    model_name: str | None
    reason: str
    runs: int
    """Runs that are deleted with it, including itself."""
    artifacts: int
    """Artifacts that are deleted with it, including itself."""
    rows: int
    value_bytes: int
    """Bytes of values in rows."""


@dataclass(slots=True)
class Deletion:
    """The result of a deletion."""

    nodes: list[DeletedNode] = field(default_factory=list[DeletedNode])
    missing: list[UUID] = field(default_factory=list[UUID])
    """Ids that were given and do not exist, or no longer do."""
    links: int = 0
    aliases: int = 0
    objects: list[StoredAt] = field(default_factory=list["StoredAt"])
    """Objects that nothing refers to after the deletion."""
    shared: int = 0
    """Objects that are kept, because others refer to them."""
    left: list[StoredAt] = field(default_factory=list["StoredAt"])
    """The objects that still have to be removed, by garbage collection."""
    changed: bool = False
    """Whether others deleted a part of the selection meanwhile."""


class StoredAt(NamedTuple):
    """The location of an object, with its hash and size."""

    blob_id: UUID
    storage: str
    location: str
    sha256: bytes
    size: int


async def delete_nodes(
    choose: Choose, report: ProgressReporter, *, dry_run: bool, cascade: bool, keep_aliased: bool
) -> Deletion:
    """Delete the chosen artifacts and runs in one transaction, or in the caller's if there is one.

    After the commit, the objects are removed that nothing refers to. In the caller's transaction these objects and
    their rows are left to garbage collection.

    Args:
        choose: selects the artifacts and runs to delete.
        report: reports the progress. Until the commit, an exception of its callback undoes everything.
        dry_run: report what would be deleted, and delete nothing.
        cascade: also delete the runs that have used a deleted artifact.
        keep_aliased: refuse to delete an artifact that an alias points to, instead of deleting the alias with it.

    Raises:
        NestedNodeError: a node is a part of an artifact.
        ArtifactInUseError: a remaining run has used an artifact to delete, and `cascade` is false; or an alias points
            to one, and `keep_aliased` is true.
        RetryableError: at every attempt, others saved below what is deleted.
    """
    database = await db.current_database()
    apart = not db.in_session()

    async def plan(connection: AsyncConnection) -> tuple[DeletionPlan, Deletion]:
        report("select", 0, unit="nodes")
        reasons = await choose(connection)
        made = await plan_deletion(connection, reasons, database.dialect, cascade=cascade, keep_aliased=keep_aliased)
        return made, await _measure(connection, made, report)

    gone: list[UUID] = []

    async def work(connection: AsyncConnection) -> Deletion:
        made, deletion = await plan(connection)
        gone[:] = list(made.named)[:1]
        if made.named:
            rows = await _delete(connection, made, deletion, database.dialect, report)
            if apart:
                if deletion.changed or rows != sum(node.rows for node in deletion.nodes):
                    raise _ConcurrentChangeError
                gone_blobs = await delete_unused(connection, deletion.objects)
                held = [item for item in deletion.objects if item.blob_id not in gone_blobs]
                deletion.objects = [item for item in deletion.objects if item.blob_id in gone_blobs]
                deletion.shared += len(held)  # another transaction holds them and is about to refer to them
        return deletion

    async def committed(connection: AsyncConnection) -> bool:
        found = await connection.execute(select(node_table.c.node_id).where(node_table.c.node_id.in_(gone)))
        return found.first() is None

    if dry_run:
        return (await db.read(plan))[1]
    deletion = await _tried(work, committed)
    deletion.left = await _remove(deletion.objects, report) if apart else list(deletion.objects)
    return deletion


async def _tried(work: Work[T], committed: Work[bool]) -> T:
    attempts = 1 if db.in_session() else _ATTEMPTS
    while True:
        try:
            return await db.write(work, committed=committed)
        except (db.ReferenceInUseError, _ConcurrentChangeError) as error:
            attempts -= 1
            if not attempts:
                msg = (
                    "The set to delete changed during each attempt: other processes saved or deleted parts of it, or "
                    "refer to its objects. Try again."
                )
                raise RetryableError(msg) from error


class _ConcurrentChangeError(Exception):
    """The set to delete changed concurrently: it shrank, or a new node refers to one of its objects."""


# Measuring the deletion -------------------------------------------------------------------------------------------


async def _measure(connection: AsyncConnection, plan: DeletionPlan, report: ProgressReporter) -> Deletion:
    rows = dict.fromkeys(plan.named, 0)
    value_bytes = dict.fromkeys(plan.named, 0)
    runs = dict.fromkeys(plan.named, 0)
    artifacts = dict.fromkeys(plan.named, 0)
    here: dict[UUID, int] = {}
    """The objects that the selection refers to, each with the number of these references."""
    for named in plan.runs.values():
        runs[named] += 1
        rows[named] += 1
    for named in plan.trees.values():
        artifacts[named] += 1
    root = node_table.c.tree_root_id
    measured = 0
    for ids in db.in_batches(list(plan.trees)):
        report("measure", measured, len(plan.trees), "artifacts")
        in_trees = expect_few_rows(root.in_(ids), root)
        sizes = select(root, func.count(), func.coalesce(func.sum(func.length(node_table.c.value)), 0))
        for tree, count, size in await connection.execute(sizes.where(in_trees).group_by(root)):
            measured += 1
            rows[plan.trees[tree]] += count
            value_bytes[plan.trees[tree]] += int(size)
        for blob_id, count in await connection.execute(_references().where(in_trees)):
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
    for ids in db.in_batches(list(here)):
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


async def _links(connection: AsyncConnection, plan: DeletionPlan) -> set[tuple[UUID, UUID]]:
    links: set[tuple[UUID, UUID]] = set()
    for ends in _ends(plan):
        both = [select(link_table.c.source_id, link_table.c.target_id).where(end.in_(ends)) for end in _ENDS]
        links.update((row.source_id, row.target_id) for row in await connection.execute(union(*both)))
    return links


_ENDS = (link_table.c.source_id, link_table.c.target_id)


def _ends(plan: DeletionPlan) -> Iterator[Any]:
    """Yield the possible ends of links to delete: the nodes of the trees, and the runs."""
    for ids in db.in_batches(list(plan.trees)):
        yield select(node_table.c.node_id).where(
            expect_few_rows(node_table.c.tree_root_id.in_(ids), node_table.c.tree_root_id)
        )
    yield from db.in_batches(list(plan.runs))


# Deleting rows and objects ------------------------------------------------------------------------------------------


async def _delete(
    connection: AsyncConnection,
    plan: DeletionPlan,
    deletion: Deletion,
    dialect: db.DialectName,
    report: ProgressReporter,
) -> int:
    """Delete the rows, and return the number of nodes deleted: fewer than planned if others deleted some meanwhile."""
    rows, total = 0, sum(node.rows for node in deletion.nodes)
    if deletion.links:
        for ends in _ends(plan):
            for end in _ENDS:
                await connection.execute(delete(link_table).where(end.in_(ends)))
    if deletion.aliases:
        for ids in db.in_batches(list(plan.trees)):
            await connection.execute(delete(alias_table).where(alias_table.c.node_id.in_(ids)))
    for ids in db.in_batches(list(plan.trees)):
        report("delete rows", rows, total, "rows")
        whole_trees = delete(node_table).where(
            expect_few_rows(node_table.c.tree_root_id.in_(ids), node_table.c.tree_root_id)
        )
        rows += (await connection.execute(db.parts_first(whole_trees, node_table.c.position, dialect))).rowcount
    for ids in db.in_batches(list(plan.runs)):  # MySQL and MariaDB want children deleted first
        await connection.execute(update(node_table).where(node_table.c.node_id.in_(ids)).values(parent_id=None))
    for ids in db.in_batches(list(plan.runs)):
        report("delete rows", rows, total, "rows")
        rows += (await connection.execute(delete(node_table).where(node_table.c.node_id.in_(ids)))).rowcount
    return rows


async def _remove(objects: Sequence[StoredAt], report: ProgressReporter) -> list[StoredAt]:
    """Remove objects whose rows were deleted, and return those that could not be removed."""
    left: list[StoredAt] = []
    errors: list[tuple[str, Exception]] = []

    done = 0

    async def remove(item: StoredAt) -> None:
        nonlocal done
        try:
            storage = await storage_by_name(item.storage)
            await call_storage(storage, storage.delete(item.location))
        except ArtigraphError as error:
            left.append(item)
            errors.append((item.storage, error))
        done += 1
        report.paced("remove objects", done, len(objects), "objects")

    await run_concurrently(objects, remove)
    report_leftovers(errors)
    return left
