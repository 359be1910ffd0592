"""Writing trees: bytes first, rows second, one transaction.

The protocol, and the races it was tried under, are in docs/design/saving.md. In short: what is to be stored is hashed,
the database is asked what it has already, only the rest is put. Then, in one transaction, the missing blob rows are
inserted in the order of their hashes, all wanted rows are selected with a share lock, and the nodes are inserted. The
commit is the one switch: before it there are objects that nothing refers to, after it everything is there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import (
    Database,
    ReferenceVanished,
    current_database,
    in_session,
    insert_missing,
    insert_rows,
    read,
    share_lock,
    utc_now,
    write,
    write_apart,
)
from artigraph.errors import DatabaseUnavailable, LabelConflictError, NodeNotFoundError, RetryableError
from artigraph.graph.limits import spill
from artigraph.graph.objects import Content, hash_content, put_all, remove_quietly
from artigraph.graph.tree import PendingObject, Tree
from artigraph.ids import check_id, new_ids
from artigraph.orm import blob_table, node_table
from artigraph.storage import Storage

__all__ = ["write_trees"]

_ATTEMPTS = 10
"""How often a save starts again because an object it relied on was collected meanwhile."""
_CHUNK = 1000
"""Hashes in one IN list; asyncpg takes 32,767 parameters, SQLite an expression of depth 1,000."""

_is_there = select(node_table.c.node_id).where(node_table.c.node_id == bindparam("root"))
_node_type = select(node_table.c.node_type).where(node_table.c.node_id == bindparam("parent"))


class _BlobVanishedError(Exception):
    """A blob row that the look found is gone: its object was collected before the transaction could hold it."""


async def write_trees(trees: Sequence[Tree], *, parent_id: UUID | None = None) -> None:
    """Write trees, all or nothing, in one transaction, or in the caller's where there is one.

    Where a `parent_id` is given, it is checked to be a run first.

    Raises:
        LabelConflictError: a root's label is taken under its parent; nothing remains of the save.
        NodeNotFoundError: the parent does not exist, or is no run.
        StorageError: an object could not be put; nothing remains of the save.
        DatabaseError: the database failed; nothing remains of the save.
    """
    if parent_id is not None:
        check_id(parent_id)
    database = await current_database()
    rows = trees[0].rows if len(trees) == 1 else [row for tree in trees for row in tree.rows]
    if not rows:
        return
    pending = [item for tree in trees for item in tree.objects] + spill(rows, database)
    root_id = trees[0].root_id

    async def committed(connection: AsyncConnection) -> bool:
        return (await connection.execute(_is_there, {"root": root_id})).first() is not None

    async def insert_nodes(connection: AsyncConnection) -> None:
        if parent_id is not None:
            await _check_parent(connection, parent_id)
        try:
            await insert_rows(connection, node_table, rows)
        except IntegrityError:
            # SQLite does not say which reference failed; its transaction is still good for a question.
            if database.dialect == "sqlite" and rows[0]["parent_id"] is not None:
                await _check_parent(connection, UUID(bytes=rows[0]["parent_id"]))
            raise

    try:
        await _write(insert_nodes, committed, pending, database)
    except ReferenceVanished as error:
        msg = f"There is no node {UUID(bytes=rows[0]['parent_id'])} to save under; it was deleted. Nothing was saved."
        raise NodeNotFoundError(msg) from error
    except LabelConflictError as error:
        labels = ", ".join(repr(tree.rows[0]["label"]) for tree in trees)
        msg = f"Node {UUID(bytes=rows[0]['parent_id'])} has a child of this label already: {labels}. Nothing was saved."
        raise LabelConflictError(msg) from error


async def _write(
    insert_nodes: Callable[[AsyncConnection], Awaitable[None]],
    committed: Callable[[AsyncConnection], Awaitable[bool]],
    pending: Sequence[PendingObject],
    database: Database,
) -> None:
    if not pending:
        await write(insert_nodes, committed=committed)
        return
    objects = await _Objects.prepare(pending, database)

    async def work(connection: AsyncConnection) -> None:
        await objects.hold(connection)
        await insert_nodes(connection)

    for _ in range(_ATTEMPTS):
        try:
            await objects.put_missing()
            await objects.commit_apart()
            await write(work, committed=committed)
        except _BlobVanishedError:
            continue
        except ReferenceVanished as error:
            if error.reference == "parent_id":
                await objects.remove_unregistered()
                raise
            continue
        except (DatabaseUnavailable, RetryableError):
            raise  # whether the commit happened is not known: gc may judge the objects, we may not
        except Exception:
            await objects.remove_unregistered()
            raise
        await objects.remove_redundant()
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


class _Objects:
    """The objects of one save on their way through the protocol."""

    def __init__(
        self, database: Database, wanted: dict[Content, list[PendingObject]], chunks: Mapping[Content, Any]
    ) -> None:
        self._database = database
        self._wanted = wanted
        self._chunks = chunks
        self._put: dict[Content, str] = {}
        """Where we put objects."""
        self._registered: dict[Content, str] = {}
        """Where the database says that objects are, once it holds them for us."""
        self._committed_apart = False

    @classmethod
    async def prepare(cls, pending: Iterable[PendingObject], database: Database) -> _Objects:
        wanted: dict[Content, list[PendingObject]] = {}
        chunks: dict[Content, bytes | None] = {}
        for item in pending:
            content, hashes = await hash_content(item.storage, item.data)
            wanted.setdefault(content, []).append(item)
            chunks[content] = hashes
        ordered = dict(sorted(wanted.items(), key=lambda entry: (entry[0].storage, entry[0].sha256, entry[0].size)))
        return cls(database, ordered, chunks)

    async def put_missing(self) -> None:
        """Look for the wanted rows, and put the objects of those that are not there."""
        known = await read(lambda connection: self._select(connection, lock=False))
        missing: dict[Content, tuple[Storage, bytes]] = {
            content: (items[0].storage, items[0].data)
            for content, items in self._wanted.items()
            if content not in known and content not in self._put
        }
        if missing:
            self._put |= await put_all(missing, self._database.store_id)

    async def insert(self, connection: AsyncConnection) -> None:
        """Insert the rows of the objects that we put, in the order of their hashes, where there are none."""
        if not self._put:
            return
        contents = [content for content in self._wanted if content in self._put]
        statement = insert_missing(blob_table, self._database.dialect).values(created_at=utc_now())
        await connection.execute(
            statement,
            [
                {
                    "blob_id": blob_id,
                    "storage": content.storage,
                    "location": self._put[content],
                    "size": content.size,
                    "sha256": content.sha256,
                    "chunk_sha256": self._chunks[content],
                }
                for blob_id, content in zip(new_ids(len(contents)), contents, strict=True)
            ],
        )

    async def commit_apart(self) -> None:
        """Inside a session, commit the rows by themselves, so that locks on them do not last as long as it does."""
        if in_session():
            await write_apart(self.insert)
            self._committed_apart = True

    async def hold(self, connection: AsyncConnection) -> None:
        """Hold all wanted rows until the transaction ends, and let the nodes refer to them."""
        if not self._committed_apart:
            await self.insert(connection)
        held = await self._select(connection, lock=True)
        if len(held) < len(self._wanted):
            raise _BlobVanishedError
        for content, items in self._wanted.items():
            for item in items:
                item.row["blob_id"] = held[content][0].bytes
        self._registered = {content: location for content, (_, location) in held.items()}

    async def remove_redundant(self) -> None:
        """Remove the objects that another save had put before us."""
        await remove_quietly(
            (self._wanted[content][0].storage, location)
            for content, location in self._put.items()
            if self._registered.get(content) != location
        )

    async def remove_unregistered(self) -> None:
        """Remove the objects of a save that did not happen, unless their rows were committed apart from it."""
        if not self._committed_apart:
            await remove_quietly((self._wanted[content][0].storage, place) for content, place in self._put.items())

    async def _select(self, connection: AsyncConnection, *, lock: bool) -> dict[Content, tuple[UUID, str]]:
        found: dict[Content, tuple[UUID, str]] = {}
        by_storage: dict[str, list[bytes]] = {}
        for content in self._wanted:
            by_storage.setdefault(content.storage, []).append(content.sha256)
        for storage, hashes in by_storage.items():
            for start in range(0, len(hashes), _CHUNK):
                statement = (
                    select(
                        blob_table.c.blob_id,
                        blob_table.c.storage,
                        blob_table.c.location,
                        blob_table.c.sha256,
                        blob_table.c.size,
                    )
                    .where(blob_table.c.storage == storage, blob_table.c.sha256.in_(hashes[start : start + _CHUNK]))
                    .order_by(blob_table.c.sha256)
                )
                if lock:
                    statement = share_lock(statement, self._database.dialect)
                for row in await connection.execute(statement):
                    content = Content(row.storage, bytes(row.sha256), row.size)
                    if content in self._wanted:
                        found[content] = (row.blob_id, row.location)
        return found
