"""Writing trees: objects first, then rows in one transaction.

docs/design/saving.md describes the protocol, and the races it was tested under. In short:

- Values are encoded and hashed. The database is asked which of them it has, and only the others are put.
- In one transaction, the missing blob rows are inserted in the order of their hashes, all needed rows are selected with
  a share lock, and the nodes are inserted.
- The commit decides: before it, there are only objects that nothing refers to; after it, the save is complete.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

import artigraph.db as db
from artigraph.errors import DatabaseUnavailableError, LabelConflictError, NodeNotFoundError, RetryableError
from artigraph.graph import runs
from artigraph.graph._blobs import Blobs, BlobVanishedError
from artigraph.graph._tree import PendingValue, Tree
from artigraph.graph._usage import due_uses, record_inputs
from artigraph.graph.run_rows import RunRow, RunValueRow
from artigraph.identifiers import check_id
from artigraph.orm import node_table
from artigraph.progress import ProgressReporter

_ATTEMPTS = 10
"""How often a save is tried if others collect or insert one of its objects meanwhile."""

Also = Callable[[AsyncConnection], Awaitable[None]]
"""Writes more rows in the transaction of a save."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRows:
    """What is written of a run in the transaction of a save, so that both are one transaction."""

    start: runs.RunStart | None = None
    """The start of the run, if it is not written yet."""
    end: Callable[[], RunRow] | None = None
    """Returns the run as it ends. It is called in each attempt of the transaction, which may be long after the call."""
    values: Sequence[RunValueRow] = ()
    """More values of the run."""
    inputs: bool = False
    """Whether the run used the artifacts that are saved, and did not produce them."""

    async def prepare(self, *, puts_objects: bool) -> None:
        """Get ready for the transaction. If objects are put before it, write the start now, so that the run is visible.

        Raises:
            NodeNotFoundError: the parent of the run does not exist, or is no run.
        """
        if self.start is not None:
            await (self.start.write() if puts_objects else self.start.prepare())

    async def write_before(self, connection: AsyncConnection) -> None:
        """Write what precedes the nodes of the save. The lease is locked before anything refers to the run."""
        if self.start is not None:
            await self.start.write_in(connection)
        if self.end is not None:
            await runs.end_in(connection, self.end())

    async def write_after(self, connection: AsyncConnection, run_id: UUID | None, node_ids: Sequence[UUID]) -> None:
        """Write what refers to the nodes of the save."""
        if run_id is None:
            return
        await runs.insert_values(connection, run_id, self.values)
        if self.inputs:
            await record_inputs(connection, run_id, node_ids)

    def settle(self) -> None:
        """Note that the transaction has committed or, in a session, that the call has succeeded."""
        if self.start is not None:
            self.start.settle()


async def _nothing(_connection: AsyncConnection) -> None:
    pass


_is_there = select(node_table.c.node_id).where(node_table.c.node_id == bindparam("root"))
_node_type = select(node_table.c.node_type).where(node_table.c.node_id == bindparam("parent"))


async def write_trees(
    trees: Sequence[Tree],
    *,
    parent_id: UUID | None = None,
    report: ProgressReporter | None = None,
    also: Also | None = None,
    run: RunRows | None = None,
) -> None:
    """Write trees, all or none, in one transaction, or in the caller's if there is one.

    With a `parent_id`, the parent is first checked to be a run. `also` writes more rows in the transaction. `run`
    writes the start or the end of the run that the trees are saved under. If a run is active, its due uses are written,
    too. Progress is reported before the transaction only, so that an exception of the callback leaves nothing behind.

    Raises:
        LabelConflictError: a root's label is taken under its parent; nothing was saved.
        NodeNotFoundError: the parent does not exist, or is no run.
        SerializationError: a value cannot be stored; nothing was saved.
        StorageError: an object could not be put; nothing was saved.
        DatabaseError: the database failed; nothing was saved.
    """
    if parent_id is not None:
        check_id(parent_id)
    database = await db.current_database()
    rows = trees[0].rows if len(trees) == 1 else [row for tree in trees for row in tree.rows]
    if not rows:
        return
    pending = [value for tree in trees for value in tree.pending]
    root_id = trees[0].root_id
    parent = None if rows[0]["parent_id"] is None else UUID(bytes=rows[0]["parent_id"])
    used = due_uses(parent)
    run = run or RunRows()
    await run.prepare(puts_objects=bool(pending))

    async def committed(connection: AsyncConnection) -> bool:
        return (await connection.execute(_is_there, {"root": root_id})).first() is not None

    async def insert_nodes(connection: AsyncConnection) -> None:
        if parent_id is not None:
            await _check_parent(connection, parent_id)
        await run.write_before(connection)
        try:
            await db.insert_rows(connection, node_table, rows)
        except IntegrityError:
            # SQLite does not say which reference failed, but its transaction can still run a query.
            if database.dialect == "sqlite" and parent is not None:
                await _check_parent(connection, parent)
            raise
        await (also or _nothing)(connection)
        await run.write_after(connection, parent, [tree.root_id for tree in trees])
        await used.write(connection, database.dialect)

    try:
        await write_values(insert_nodes, committed, pending, database, report or ProgressReporter(), len(rows))
    except db.ReferenceVanishedError as error:
        msg = f"There is no node {parent} to save under; it was deleted. Nothing was saved."
        raise NodeNotFoundError(msg) from error
    except LabelConflictError as error:
        labels = ", ".join(repr(tree.rows[0]["label"]) for tree in trees)
        msg = f"Node {parent} has a child of this label already: {labels}. Nothing was saved."
        raise LabelConflictError(msg) from error
    run.settle()
    used.settle(saved=(tree.root_id for tree in trees))
    await db.note_inserted(len(rows))


async def write_values(
    insert_nodes: Callable[[AsyncConnection], Awaitable[None]],
    committed: Callable[[AsyncConnection], Awaitable[bool]],
    pending: Sequence[PendingValue],
    database: db.Database,
    report: ProgressReporter,
    rows: int,
) -> None:
    """Put values that need more than a row, and write rows in one transaction, or in the caller's if there is one.

    Args:
        insert_nodes: writes the rows. It is called again if the transaction is tried again.
        committed: returns whether the rows were written, if the outcome of a commit is unknown.
        pending: the values. Their rows are completed before `insert_nodes` is called.
        database: the current database.
        report: reports the progress.
        rows: the number of rows, for the progress.
    """
    if not pending:
        report("insert rows", 0, rows, "rows")
        await db.write(insert_nodes, committed=committed)
        return
    blobs = Blobs(pending, database)

    async def work(connection: AsyncConnection) -> None:
        await blobs.hold(connection)
        await insert_nodes(connection)

    for _ in range(_ATTEMPTS):
        try:
            async with report.metered("put objects") as meter:
                await blobs.put_missing(meter)
            report("insert rows", 0, rows, "rows")
            await blobs.commit_apart()
            await db.write(work, committed=committed)
        except (BlobVanishedError, db.ReferenceVanishedError, db.UniqueViolationError) as error:
            if not blobs.can_begin_again(error):
                await blobs.remove_unregistered()
                raise
            continue
        except (DatabaseUnavailableError, RetryableError, db.CommitFailedError):
            raise  # the commit may have happened, so only gc may decide about the objects
        except Exception:
            await blobs.remove_unregistered()
            raise
        await blobs.remove_redundant()
        return
    msg = "Objects that this save relied on were collected again and again while it ran; nothing was saved. Try again."
    raise RetryableError(msg)


async def _check_parent(connection: AsyncConnection, parent_id: UUID) -> None:
    node_type = (await connection.execute(_node_type, {"parent": parent_id})).scalar()
    if node_type is None:
        msg = f"There is no node {parent_id} to save under"
        raise NodeNotFoundError(msg)
    if node_type != "run":
        msg = (
            f"Node {parent_id} is no run but a {node_type}: a saved artifact never changes, so only runs have children"
        )
        raise NodeNotFoundError(msg)
