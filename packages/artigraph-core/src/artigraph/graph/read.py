"""Reading trees: any number of them, or a part of one, in one range of an index each; objects are only told of."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple, NoReturn, cast
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, CompoundSelect, Select, Uuid, any_, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import Row, chunks, current_database, fetch_rows, id_of, read, recursive
from artigraph.errors import ArtigraphError, DeserializationError, NodeNotFoundError
from artigraph.graph.storages import storage_by_name
from artigraph.graph.stored import StoredObject
from artigraph.ids import check_id
from artigraph.orm import blob_table, node_table
from artigraph.storage import Storage

__all__ = ["Announce", "NodeRow", "StoredNode", "StoredTree", "read_artifacts", "read_trees"]


NodeRow = Sequence[Any]
"""The columns of a `StoredNode`, in their order, in a row as the driver made it: there are many, so they stay that."""


class StoredNode(NamedTuple):
    """A node as it is stored, with the bytes in its row or the object that it refers to."""

    position: int
    span: int
    node_type: str
    label: str
    model_name: str | None
    model_version: int | None
    serializer: str | None
    value: bytes | StoredObject | None
    blob_id: object
    """Of a value in a storage, the id of its object as the driver has it."""


_WIDTH = len(StoredNode._fields)
_VALUE, _BLOB_ID = StoredNode._fields.index("value"), StoredNode._fields.index("blob_id")


@dataclass(frozen=True, slots=True)
class StoredTree:
    """An artifact, or a part of one: nodes in preorder, the first one its root."""

    root_id: UUID
    nodes: Sequence[NodeRow]

    @property
    def root(self) -> StoredNode:
        """The first node."""
        return StoredNode._make(self.nodes[0])


_root = node_table.alias("root")
_node = node_table.alias("node")
_in_subtree = (
    (_node.c.tree_root_id == _root.c.tree_root_id)
    & (_node.c.position >= _root.c.position)
    & (_node.c.position < _root.c.position + _root.c.span)
)
_whole_tree = _node.c.tree_root_id == _root.c.node_id
_columns = tuple(_node.c[name] for name in StoredNode._fields)
_field = node_table.alias("field")
_in_field = (
    (_node.c.tree_root_id == _field.c.tree_root_id)
    & (_node.c.position >= _field.c.position)
    & (_node.c.position < _field.c.position + _field.c.span)
)
_root_id = _root.c.node_id.label("root_id")


_BY_POSITION = "FORCE INDEX (uq_artigraph_node_tree_root_id_position)"


def _whole(which: ColumnElement[bool]) -> CompoundSelect[*tuple[Any, ...]] | Select[*tuple[Any, ...]]:
    # A tree that is much of its table is no reason to read all of the table and sort it, as MySQL would: its rows were
    # inserted together, so they lie together, and the index has them in order.
    whole = select(*_columns, _root_id).select_from(_root.join(_node, _in_subtree)).where(which)
    return whole.with_hint(_node, _BY_POSITION, "mysql").with_hint(_node, _BY_POSITION, "mariadb")


def _part(which: ColumnElement[bool]) -> CompoundSelect[*tuple[Any, ...]] | Select[*tuple[Any, ...]]:
    roots = select(*(_root.c[name] for name in StoredNode._fields), _root_id).where(which)
    children = _root.join(_field, _field.c.parent_id == _root.c.node_id).join(_node, _in_field)
    named = _field.c.label.in_(bindparam("fields", expanding=True))
    return roots.union_all(select(*_columns, _root_id).select_from(children).where(which, named))


_of_ids = {
    "one": _root.c.node_id == bindparam("ids"),
    "some": _root.c.node_id.in_(bindparam("ids", expanding=True)),
    "array": _root.c.node_id == any_(bindparam("ids", type_=ARRAY(Uuid()))),
}
"""One root is the most frequent case, and costs less than a list of one. A list is written out into the statement anew
each time that it is executed; an array, which PostgreSQL has, is one parameter."""
_SELECTS = {
    (ids, part): (_part if part else _whole)(which).order_by("root_id", "position")
    for ids, which in _of_ids.items()
    for part in (True, False)
}
"""By how the ids are given, and whether some fields are wanted."""
_types = select(_root.c.node_id, _root.c.node_type).where(_root.c.node_id.in_(bindparam("ids", expanding=True)))
_under = (
    select(*_columns, _root.c.node_id.label("root_id"), _root.c.parent_id.label("root_parent_id"))
    .select_from(_root.join(_node, _whole_tree))
    .order_by(_root.c.node_id, _node.c.position)
)
_under_parent = _under.where(_root.c.parent_id == bindparam("parent_id"))
_under_parent_by_label = _under_parent.where(_root.c.label == bindparam("label"))


Announce = Callable[[Collection[str]], None]
"""Told the names of the models whose objects are about to be fetched, so that their storages can be made known."""


async def read_trees(
    node_ids: Sequence[UUID], *, fields: Collection[str] | None = None, announce: Announce
) -> dict[UUID, StoredTree]:
    """Read the artifacts, or the parts of some, whose roots nodes are; of each the whole or its root and some fields.

    Raises:
        NodeNotFoundError: one of the nodes does not exist, or is a run.
    """
    for node_id in node_ids:
        check_id(node_id)
    several = "array" if (await current_database()).dialect == "postgresql" else "some"
    wanted = list(dict.fromkeys(node_ids))

    async def work(connection: AsyncConnection) -> tuple[list[Row], dict[UUID, _Blob]]:
        rows: list[Row] = []
        for ids in chunks(wanted):
            parameters: dict[str, Any] = {"ids": ids[0] if len(ids) == 1 else ids}
            if fields is not None:
                parameters["fields"] = list(fields)
            given = "one" if len(ids) == 1 else several
            rows += await fetch_rows(connection, _SELECTS[given, fields is not None], parameters)
        # Every node has its root among its rows, or else nothing was found for it.
        missing = set(wanted).difference({id_of(found) for found in {row[_WIDTH] for row in rows}})
        if missing:
            await _refuse(connection, min(missing))
        return rows, await _select_blobs(connection, rows)

    rows, blobs = await read(work)
    await _fill_in(rows, blobs, announce)
    return {tree.root_id: tree for _, tree in await _trees(rows)}


async def _refuse(connection: AsyncConnection, node_id: UUID) -> NoReturn:
    """Say why nothing was found for a node."""
    found = (await connection.execute(_types, {"ids": [node_id]})).first()
    if found is None:
        msg = f"There is no node {node_id}"
        raise NodeNotFoundError(msg)
    if found.node_type == "run":
        msg = f"Node {node_id} is a run, not an artifact; read what belongs to it with RunManager.load_artifacts"
        raise NodeNotFoundError(msg)
    msg = f"Node {node_id} has no place in its tree; its row was altered"
    raise DeserializationError(msg)


async def read_artifacts(
    parent_id: UUID | None = None,
    *,
    label: str | None = None,
    parents: Select[*tuple[Any, ...]] | None = None,
    announce: Announce,
) -> list[tuple[UUID, StoredTree]]:
    """Read all artifacts of a run, or of the runs that a select of ids returns, or the one with a label.

    Returns:
        The id of the run and the artifact, in the order in which the artifacts were saved.
    """
    database = await current_database()
    parameters: dict[str, Any] = {}
    if parents is not None:
        statement = recursive(_under.where(_root.c.parent_id.in_(parents)), database.dialect)
    elif label is None:
        statement, parameters = _under_parent, {"parent_id": parent_id}
    else:
        statement, parameters = _under_parent_by_label, {"parent_id": parent_id, "label": label}

    async def work(connection: AsyncConnection) -> tuple[list[Row], dict[UUID, _Blob]]:
        rows = await fetch_rows(connection, statement, parameters)
        return rows, await _select_blobs(connection, rows)

    rows, blobs = await read(work)
    await _fill_in(rows, blobs, announce)
    return [(id_of(row[_WIDTH + 1]), tree) for row, tree in await _trees(rows)]


async def _trees(rows: Iterable[Row]) -> list[tuple[Row, StoredTree]]:
    """Return the trees that rows in order make up, each with the row of its root."""
    trees: list[tuple[Row, StoredTree]] = []
    turn = 0
    for root_id, group in groupby(rows, itemgetter(_WIDTH)):
        members = list(group)
        trees.append((members[0], StoredTree(id_of(root_id), [row[:_WIDTH] for row in members])))
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
"""Rows after which others have a turn."""


async def _select_blobs(connection: AsyncConnection, rows: Collection[Row]) -> dict[UUID, _Blob]:
    ids = sorted({id_of(row[_BLOB_ID]) for row in rows if row[_BLOB_ID] is not None})
    found: dict[UUID, _Blob] = {}
    for some in chunks(ids):
        statement = select(blob_table).where(blob_table.c.blob_id.in_(some))
        for row in await connection.execute(statement):
            chunk_sha256 = None if row.chunk_sha256 is None else bytes(row.chunk_sha256)
            found[row.blob_id] = _Blob(row.storage, row.location, row.size, bytes(row.sha256), chunk_sha256)
    if len(found) < len(ids):
        blob_ids = ((row[_BLOB_ID], row[_WIDTH]) for row in rows if row[_BLOB_ID] is not None)
        root_id = next(id_of(root_id) for blob_id, root_id in blob_ids if id_of(blob_id) not in found)
        msg = (
            f"Node {root_id} was deleted while it was read. If it is still there, the row of one of its objects is "
            "missing: artigraph.maintenance.fsck tells"
        )
        raise NodeNotFoundError(msg)
    return found


async def _fill_in(rows: list[Row], blobs: dict[UUID, _Blob], announce: Announce) -> None:
    """Put objects where a row has no value."""
    if not blobs:
        return
    nodes = {index: StoredNode(*row[:_WIDTH]) for index, row in enumerate(rows) if row[_BLOB_ID] is not None}
    announce({row[4] for row in rows if row[2] == "model"})
    storages: dict[str, Storage] = {}
    for index, node in nodes.items():
        owner = repr(node.label) if node.model_name is None else f"field {node.label!r} of model {node.model_name!r}"
        blob = blobs[id_of(cast("bytes", node.blob_id))]
        try:
            storage = storages.get(blob.storage) or await storage_by_name(blob.storage)
        except ArtigraphError as error:
            error.add_note(f"It holds the value of {owner}.")
            raise
        storages[blob.storage] = storage
        row = rows[index]
        rows[index] = (*row[:_VALUE], StoredObject(storage, *blob[1:], owner), *row[_VALUE + 1 :])
