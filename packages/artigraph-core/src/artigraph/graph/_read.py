"""Reading trees: any number of complete trees or parts of trees, each from one range of an index.

The objects of values are described, not fetched. This module is over 400 lines, because each load walks through all of
it: the rows of the nodes, those of their objects, and the values made of both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, CompoundSelect, FromClause, Select, Uuid, any_, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

import artigraph.db as db
import artigraph.errors as errors
from artigraph.db.planner import expect_few_rows, in_precomputed
from artigraph.graph.placement import storage_by_name
from artigraph.graph.stored_object import StoredObject
from artigraph.identifiers import check_id, id_of
from artigraph.orm import blob_table, node_table
from artigraph.progress import ProgressReporter
from artigraph.storage import Storage

_NodeRow = Sequence[Any]
"""The columns of a `StoredNode`, in its order, and more, as the driver's row. Rows are not converted, being many."""


class StoredNode(NamedTuple):
    """A stored node, with the bytes in its row or the object that it refers to."""

    position: int
    span: int
    node_type: str
    label: str
    model_name: str | None
    model_version: int | None
    serializer: str | None
    value: bytes | StoredObject | None
    blob_id: object
    """The id of a value's object, as the driver returns it, if the value is in a storage."""


_TYPES: Mapping[str, type[Any] | tuple[type[Any], ...]] = {
    "position": int,
    "span": int,
    "node_type": str,
    "label": str,
    "model_name": str,
    "model_version": int,
    "serializer": str,
    "value": (bytes, StoredObject),
}
"""The types that each column holds. Only SQLite can hold others."""
_WIDTH = len(StoredNode._fields)
_LABEL = StoredNode._fields.index("label")
_VALUE, _BLOB_ID = StoredNode._fields.index("value"), StoredNode._fields.index("blob_id")


class StoredTree:
    """An artifact, or a part of one: its nodes in preorder, beginning with the root."""

    __slots__ = ("nodes", "root", "root_id")

    def __init__(self, root_id: UUID, nodes: Sequence[_NodeRow]) -> None:
        self.root_id: UUID = root_id
        self.nodes: Sequence[_NodeRow] = nodes
        self.root: StoredNode = StoredNode._make(nodes[0][:_WIDTH])
        """The first node."""

    def malformed(self) -> errors.MalformedRowError | None:
        """Return an error that names the first value that is invalid for its column, or None."""
        for row in self.nodes:
            node = StoredNode._make(row[:_WIDTH])
            for column, value in zip(StoredNode._fields, node, strict=True):
                if column in _TYPES and value is not None and not isinstance(value, _TYPES[column]):
                    return self._error(node, column, value)
        return None

    def _error(self, node: StoredNode, column: str, value: object) -> errors.MalformedRowError:
        label = node.label if isinstance(node.label, str) else None
        msg = (
            f"Node {node.label!r:.100}, at position {node.position!r:.40} of artifact {self.root_id}, holds "
            f"{value!r:.100} in column {column} of {node_table.name}, which cannot hold that. The row was altered by "
            "hand, or the database is damaged: artigraph.maintenance.fsck lists all such"
        )
        return errors.MalformedRowError(msg, table=node_table.name, column=column, node_id=self.root_id, label=label)


_root = node_table.alias("root")
_node = node_table.alias("node")
_field = node_table.alias("field")
_in_subtree, _in_field = (
    (_node.c.tree_root_id == top.c.tree_root_id)
    & (_node.c.position >= top.c.position)
    & (_node.c.position < top.c.position + top.c.span)
    for top in (_root, _field)
)
_whole_tree = _node.c.tree_root_id == _root.c.node_id
_columns = tuple(_node.c[name] for name in StoredNode._fields)
_root_id = _root.c.node_id.label("root_id")


class _Subtree(NamedTuple):
    """The tables of a statement that reads trees, or parts of trees."""

    root: FromClause
    """The roots. A condition on them chooses the trees."""
    node: FromClause
    """All nodes of the trees."""
    nodes: FromClause
    """The nodes joined to their roots."""


SUBTREE = _Subtree(_root, _node, _root.join(_node, _in_subtree))
_BY_POSITION = "FORCE INDEX (uq_artigraph_node_tree_root_id_position)"


def subtrees(
    which: ColumnElement[bool], columns: Sequence[ColumnElement[Any]] = _columns, joined: FromClause | None = None
) -> Select[*tuple[Any, ...]]:
    """Return a select of the nodes of trees, or parts of trees: columns of `SUBTREE.node`, and the id of each's root.

    Args:
        which: the condition on `SUBTREE.root` that chooses the trees.
        columns: the columns.
        joined: instead of the nodes alone, a join that begins with `SUBTREE.nodes`.
    """
    # Force the index, because MySQL would read the complete table and sort it if a tree is a large part of it. The rows
    # of a tree were inserted together, so they lie together, and the index has them in order.
    whole = select(*columns, _root_id).select_from(SUBTREE.nodes if joined is None else joined).where(which)
    return whole.with_hint(_node, _BY_POSITION, "mysql").with_hint(_node, _BY_POSITION, "mariadb")


def _part(which: ColumnElement[bool]) -> CompoundSelect[*tuple[Any, ...]]:
    roots = select(*(_root.c[name] for name in StoredNode._fields), _root_id).where(which)
    children = _root.join(_field, _field.c.parent_id == _root.c.node_id).join(_node, _in_field)
    named = _field.c.label.in_(bindparam("fields", expanding=True))
    return roots.union_all(select(*_columns, _root_id).select_from(children).where(which, named))


_of_ids = {
    "one": _root.c.node_id == bindparam("ids"),
    "some": _root.c.node_id.in_(bindparam("ids", expanding=True)),
    "array": expect_few_rows(_root.c.node_id == any_(bindparam("ids", type_=ARRAY(Uuid()))), _root.c.node_id),
}
"""How the ids are passed. One root is the most frequent case, and cheaper than a list of one.

A list is written into the statement anew for each execution. An array, which PostgreSQL has, is one parameter.
"""
_SELECTS = {
    (ids, part): (_part(which) if part else subtrees(which)).order_by("root_id", "position")
    for ids, which in _of_ids.items()
    for part in (True, False)
}
"""The statements by how the ids are passed, and by whether only some fields are read."""
_types = select(_root.c.node_id, _root.c.node_type).where(_root.c.node_id.in_(bindparam("ids", expanding=True)))
_under = (
    select(*_columns, _root.c.node_id.label("root_id"), _root.c.parent_id.label("root_parent_id"))
    .select_from(_root.join(_node, _whole_tree))
    .order_by(_root.c.node_id, _node.c.position)
)
_under_parent = _under.where(expect_few_rows(_root.c.parent_id == bindparam("parent_id"), _root.c.parent_id))
_under_parent_by_label = _under_parent.where(_root.c.label == bindparam("label"))


FindIds = Callable[[AsyncConnection], Awaitable[Iterable[UUID]]]
"""Finds the ids of artifacts. It may be called several times, if a read is tried again."""


async def read_trees(
    node_ids: Sequence[UUID],
    *,
    fields: Collection[str] | None = None,
    refused: dict[UUID, errors.ArtigraphError] | None = None,
    report: ProgressReporter | None = None,
    find: FindIds | None = None,
) -> dict[UUID, StoredTree]:
    """Read artifacts, or parts of artifacts, by the ids of their roots.

    With `fields`, read only each root and these fields of it.

    With `find`, read the artifacts that it finds, too, on the connection on which it found them.

    With `refused`, trees that cannot be read are left out, and their errors are added to it.

    Raises:
        NodeNotFoundError: one of the nodes does not exist, or is a run.
    """
    for node_id in node_ids:
        check_id(node_id)
    several = "array" if (await db.current_database()).dialect == "postgresql" else "some"
    wanted = list(dict.fromkeys(node_ids))
    report = report or ProgressReporter()
    failed: dict[UUID, errors.ArtigraphError] | None = None if refused is None else {}

    roots: dict[object, UUID] = {}

    async def fetch(connection: AsyncConnection) -> list[db.Row]:
        rows: list[db.Row] = []
        done = 0
        roots.clear()
        for ids in db.in_batches(wanted):
            report("read rows", done, len(wanted), "models")
            done += len(ids)
            parameters: dict[str, Any] = {"ids": ids[0] if len(ids) == 1 else ids}
            if fields is not None:
                parameters["fields"] = list(fields)
            form = "one" if len(ids) == 1 else several
            rows += await db.fetch_rows(connection, _SELECTS[form, fields is not None], parameters)
        # Every node found has its root among the rows. An id without a root was not found.
        roots.update((found, id_of(found)) for found in {row[_WIDTH] for row in rows})
        missing = set(wanted).difference(roots.values())
        if missing:
            await _refuse_unread(connection, missing, failed)
        return rows

    async def work(connection: AsyncConnection) -> tuple[list[db.Row], dict[UUID, _Blob]]:
        if find is not None:
            wanted[:] = dict.fromkeys([*node_ids, *await find(connection)])
        db.declare_nodes(wanted)
        if failed is not None:
            failed.clear()  # of an earlier attempt
        return await _with_blobs(connection, fetch, failed)

    rows, blobs = await db.read_anywhere(work, lacks=lambda _: any_missing(failed))
    if refused is not None and failed:
        refused.update(failed)
    rows = await _fill_in(rows, blobs, refused)
    return {tree.root_id: tree for tree in await _trees(rows, roots)}


async def _refuse_unread(
    connection: AsyncConnection, missing: Collection[UUID], failed: dict[UUID, errors.ArtigraphError] | None
) -> None:
    """Raise an error for the first node of which no tree was found, or add the errors of all to `failed`."""
    reasons = await reasons_not_read(connection, sorted(missing))
    if failed is None:
        raise reasons[min(missing)]
    failed.update(reasons)


def any_missing(failed: Mapping[UUID, errors.ArtigraphError] | None) -> bool:
    """Return whether a node could not be read because it does not exist."""
    return any(isinstance(error, errors.NodeNotFoundError) for error in (failed or {}).values())


async def reasons_not_read(connection: AsyncConnection, node_ids: Sequence[UUID]) -> dict[UUID, errors.ArtigraphError]:
    """Return for each of these nodes why no tree was found."""
    types: dict[UUID, str] = {}
    for ids in db.in_batches(node_ids):
        types |= {row.node_id: row.node_type for row in await connection.execute(_types, {"ids": ids})}
    return {node_id: _reason(node_id, types.get(node_id)) for node_id in node_ids}


def _reason(node_id: UUID, node_type: str | None) -> errors.ArtigraphError:
    error: errors.ArtigraphError
    if node_type is None:
        error = errors.NodeNotFoundError(f"There is no node {node_id}")
    elif node_type == "run":
        how = "read what belongs to it with RunManager.load_artifacts"
        error = errors.NodeNotFoundError(f"Node {node_id} is a run, not an artifact; {how}")
    else:
        error = errors.DeserializationError(f"Node {node_id} has no place in its tree; its row was altered")
    error.node_id = node_id
    return error


async def read_artifacts(
    parent_id: UUID | None = None,
    *,
    label: str | None = None,
    parents: Select[*tuple[Any, ...]] | None = None,
    model_names: Collection[str] | None = None,
) -> list[tuple[UUID, StoredTree]]:
    """Read all artifacts of a run, or of the runs that a select of ids returns, or the artifact with a label.

    With `model_names`, read only the artifacts whose models are stored under one of these names.

    Returns:
        The id of the run and the artifact, in the order in which the artifacts were saved.
    """
    database = await db.current_database()
    parameters: dict[str, Any] = {}
    if parents is not None:
        statement = db.recursive(
            _under.where(expect_few_rows(in_precomputed(_root.c.parent_id, parents), _root.c.parent_id)),
            database.dialect,
        )
    elif label is None:
        statement, parameters = _under_parent, {"parent_id": parent_id}
    else:
        statement, parameters = _under_parent_by_label, {"parent_id": parent_id, "label": label}
    if model_names is not None:
        statement = statement.where(_root.c.model_name.in_(model_names))

    ids: dict[object, UUID] = {}

    async def fetch(connection: AsyncConnection) -> list[db.Row]:
        rows = await db.fetch_rows(connection, statement, parameters)
        found = {row[_WIDTH] for row in rows} | {row[_WIDTH + 1] for row in rows}
        ids.update((each, id_of(each)) for each in found)  # here, where an error names the row
        return rows

    async def work(connection: AsyncConnection) -> tuple[list[db.Row], dict[UUID, _Blob]]:
        return await _with_blobs(connection, fetch)

    rows, blobs = await db.read_anywhere(work)
    rows = await _fill_in(rows, blobs)
    return [(ids[tree.nodes[0][_WIDTH + 1]], tree) for tree in await _trees(rows, ids)]


async def _trees(rows: Iterable[db.Row], ids: Mapping[object, UUID]) -> list[StoredTree]:
    """Return the trees that consecutive rows make up. `ids` has the ids of their roots by what the driver returned."""
    trees: list[StoredTree] = []
    turn = 0
    for root_id, group in groupby(rows, itemgetter(_WIDTH)):
        members = list(group)
        trees.append(StoredTree(ids[root_id], members))
        turn += len(members)
        if turn > _SLICE:
            turn = 0
            await asyncio.sleep(0)
    return trees


class _Blob(NamedTuple):
    storage: str
    location: str
    size: int
    sha256: bytes
    chunk_sha256: bytes | None


_SLICE = 10_000
"""Rows after which other tasks get a turn on the event loop."""


async def _with_blobs(
    connection: AsyncConnection,
    fetch: Callable[[AsyncConnection], Awaitable[list[db.Row]]],
    refused: dict[UUID, errors.ArtigraphError] | None = None,
) -> tuple[list[db.Row], dict[UUID, _Blob]]:
    """Fetch the rows of nodes, and the rows of their objects.

    `copy_objects` may make nodes refer to another row and delete the former one between the two. Then the rows of the
    nodes are fetched once more.

    A node that was saved in a session may refer to a row that is newer than the session's snapshot: under REPEATABLE
    READ on MySQL and MariaDB, a save finds the row by a lock. A lock then also finds it here.
    """
    reads = 0
    while True:
        rows = await fetch(connection)
        ids = sorted({id_of(row[_BLOB_ID]) for row in rows if row[_BLOB_ID] is not None})
        found = await _select_blobs(connection, ids, lock=reads > 0 and db.in_session())
        reads += 1
        if len(found) == len(ids):
            return rows, found
        if reads == _READS:
            _refuse_missing(rows, found, refused)
            return rows, found


_READS = 3
"""How often the rows of nodes are fetched if rows of their objects are missing."""


async def _select_blobs(connection: AsyncConnection, ids: Sequence[UUID], *, lock: bool) -> dict[UUID, _Blob]:
    found: dict[UUID, _Blob] = {}
    for some in db.in_batches(ids):
        statement = select(blob_table).where(blob_table.c.blob_id.in_(some))
        if lock and connection.dialect.name in ("mysql", "mariadb"):
            statement = db.share_lock(statement, db.dialect_name(connection.dialect))
        for row in await connection.execute(statement):
            chunk_sha256 = None if row.chunk_sha256 is None else bytes(row.chunk_sha256)
            found[row.blob_id] = _Blob(row.storage, row.location, row.size, bytes(row.sha256), chunk_sha256)
    return found


def _refuse_missing(
    rows: Collection[db.Row], found: Mapping[UUID, _Blob], refused: dict[UUID, errors.ArtigraphError] | None
) -> None:
    """Raise an error for the first node whose object has no row, or add the errors of all to `refused`."""
    for each in rows:
        if each[_BLOB_ID] is not None and id_of(each[_BLOB_ID]) not in found:
            root_id = id_of(each[_WIDTH])
            msg = (
                f"Node {root_id} was deleted while it was read. If it is still there, the row of one of its "
                "objects is missing: artigraph.maintenance.fsck tells"
            )
            error = errors.NodeNotFoundError(msg)
            error.node_id, error.label = root_id, _label_of(rows, each[_WIDTH])
            if refused is None:
                raise error
            refused.setdefault(root_id, error)


def _label_of(rows: Iterable[db.Row], root_id: object) -> str | None:
    """Return the label of the root of a tree."""
    return next((row[_LABEL] for row in rows if row[_WIDTH] == root_id), None)


async def _fill_in(
    rows: list[db.Row], blobs: dict[UUID, _Blob], refused: dict[UUID, errors.ArtigraphError] | None = None
) -> list[db.Row]:
    """Replace missing values in rows by their objects, and drop the trees that are refused."""
    if refused:
        rows = [row for row in rows if id_of(row[_WIDTH]) not in refused]
    if not blobs:
        return rows
    nodes = {index: StoredNode(*row[:_WIDTH]) for index, row in enumerate(rows) if row[_BLOB_ID] is not None}
    storages: dict[str, Storage] = {}
    for index, node in nodes.items():
        owner = repr(node.label) if node.model_name is None else f"field {node.label!r} of model {node.model_name!r}"
        blob = blobs[id_of(node.blob_id)]
        try:
            storage = storages.get(blob.storage) or await storage_by_name(blob.storage)
        except errors.ArtigraphError as error:
            root_id = id_of(rows[index][_WIDTH])
            if error.node_id is None:
                error.node_id, error.label = root_id, _label_of(rows, rows[index][_WIDTH])
                error.add_note(f"It holds the value of {owner}.")
            if refused is None or not isinstance(error, errors.UnknownStorageError):
                raise
            refused.setdefault(root_id, error)
            continue
        storages[blob.storage] = storage
        row = rows[index]
        rows[index] = (*row[:_VALUE], StoredObject(storage, *blob[1:], owner), *row[_VALUE + 1 :])
    return [row for row in rows if id_of(row[_WIDTH]) not in refused] if refused else rows
