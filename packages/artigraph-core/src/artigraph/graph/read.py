"""Reading trees: any number of them, or a part of one, in one range of an index each, and their objects."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast
from uuid import UUID

from sqlalchemy import Select, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import Row, current_database, fetch_rows, id_of, read, recursive
from artigraph.errors import ArtigraphError, DeserializationError, NodeNotFoundError
from artigraph.graph.objects import StoredObject, fetch
from artigraph.graph.storages import storage_by_name
from artigraph.ids import check_id
from artigraph.orm import blob_table, node_table

__all__ = ["Announce", "NodeRow", "StoredNode", "StoredTree", "read_artifacts", "read_tree"]


NodeRow = tuple[int, int, str, str, str | None, int | None, str | None, bytes | None, object]
"""The columns of a `StoredNode`, in their order, in a row as the driver made it: there are many, so they stay that."""


class StoredNode(NamedTuple):
    """A node as it is stored, with its bytes."""

    position: int
    span: int
    node_type: str
    label: str
    model_name: str | None
    model_version: int | None
    serializer: str | None
    value: bytes | None
    blob_id: object
    """Of a value that was in a storage, its id as the driver has it."""


_WIDTH = len(StoredNode._fields)
_VALUE, _BLOB_ID = StoredNode._fields.index("value"), StoredNode._fields.index("blob_id")


@dataclass(frozen=True, slots=True)
class StoredTree:
    """An artifact, or a part of one: nodes in preorder, the first one its root."""

    root_id: UUID
    nodes: Sequence[NodeRow]

    @property
    def label(self) -> str:
        """The label that the root was saved under."""
        return self.nodes[0][3]


_root = node_table.alias("root")
_node = node_table.alias("node")
_in_subtree = (
    (_node.c.tree_root_id == _root.c.tree_root_id)
    & (_node.c.position >= _root.c.position)
    & (_node.c.position < _root.c.position + _root.c.span)
)
_whole_tree = _node.c.tree_root_id == _root.c.node_id
_columns = tuple(_node.c[name] for name in StoredNode._fields)
_by_id = (
    select(*_columns)
    .select_from(_root.join(_node, _in_subtree))
    .where(_root.c.node_id == bindparam("node_id"))
    .order_by(_node.c.position)
)
_node_type = select(_root.c.node_type).where(_root.c.node_id == bindparam("node_id"))
_under = (
    select(*_columns, _root.c.node_id.label("root_id"), _root.c.parent_id.label("root_parent_id"))
    .select_from(_root.join(_node, _whole_tree))
    .order_by(_root.c.node_id, _node.c.position)
)
_under_parent = _under.where(_root.c.parent_id == bindparam("parent_id"))
_under_parent_by_label = _under_parent.where(_root.c.label == bindparam("label"))


Announce = Callable[[Collection[str]], None]
"""Told the names of the models whose objects are about to be fetched, so that their storages can be made known."""


async def read_tree(node_id: UUID, *, announce: Announce) -> StoredTree:
    """Read the artifact, or the part of one, whose root a node is.

    Raises:
        NodeNotFoundError: there is no such node, or it is a run.
    """
    check_id(node_id)
    await current_database()

    async def work(connection: AsyncConnection) -> tuple[list[Row], dict[UUID, _StoredObject]]:
        rows = await fetch_rows(connection, _by_id, {"node_id": node_id})
        if not rows:
            node_type = (await connection.execute(_node_type, {"node_id": node_id})).scalar()
            if node_type is None:
                msg = f"There is no node {node_id}"
                raise NodeNotFoundError(msg)
            if node_type == "run":
                msg = (
                    f"Node {node_id} is a run, not an artifact; read what belongs to it with RunManager.load_artifacts"
                )
                raise NodeNotFoundError(msg)
            msg = f"Node {node_id} has no place in its tree; its row was altered"
            raise DeserializationError(msg)
        return rows, await _select_objects(connection, rows)

    rows, objects = await read(work)
    await _fill_in(rows, objects, announce)
    return StoredTree(node_id, cast("list[NodeRow]", rows))


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

    async def work(connection: AsyncConnection) -> tuple[list[Row], dict[UUID, _StoredObject]]:
        rows = await fetch_rows(connection, statement, parameters)
        return rows, await _select_objects(connection, rows)

    rows, objects = await read(work)
    await _fill_in(rows, objects, announce)
    trees: list[tuple[UUID, StoredTree]] = []
    nodes: list[Any] = []
    current: object = None
    for number, row in enumerate(rows, 1):
        root_id = row[_WIDTH]
        if root_id != current:
            current, nodes = root_id, []
            trees.append((id_of(row[_WIDTH + 1]), StoredTree(id_of(root_id), nodes)))
        nodes.append(row[:_WIDTH])
        if not number % _PART:
            await asyncio.sleep(0)
    return trees


class _StoredObject(NamedTuple):
    storage: str
    location: str
    size: int
    sha256: bytes


_CHUNK = 1000
_PART = 10_000
"""Rows after which the event loop gets a turn."""


async def _select_objects(connection: AsyncConnection, rows: Iterable[Row]) -> dict[UUID, _StoredObject]:
    ids = sorted({id_of(row[_BLOB_ID]) for row in rows if row[_BLOB_ID] is not None})
    found: dict[UUID, _StoredObject] = {}
    for start in range(0, len(ids), _CHUNK):
        statement = select(blob_table).where(blob_table.c.blob_id.in_(ids[start : start + _CHUNK]))
        for row in await connection.execute(statement):
            found[row.blob_id] = _StoredObject(row.storage, row.location, row.size, bytes(row.sha256))
    if len(found) < len(ids):
        msg = "An artifact was deleted while it was read"
        raise NodeNotFoundError(msg)
    return found


async def _fill_in(rows: list[Row], objects: dict[UUID, _StoredObject], announce: Announce) -> None:
    """Put the bytes of objects where a row has none."""
    if not objects:
        return
    nodes = {index: StoredNode(*row[:_WIDTH]) for index, row in enumerate(rows) if row[_BLOB_ID] is not None}
    announce({row[4] for row in rows if row[2] == "model"})
    owners = {id_of(cast("Any", node.blob_id)): _owner(node) for node in nodes.values()}
    wanted: dict[UUID, StoredObject] = {}
    for blob_id, (storage, location, size, sha256) in objects.items():
        try:
            wanted[blob_id] = StoredObject(await storage_by_name(storage), location, size, sha256, owners[blob_id])
        except ArtigraphError as error:
            error.add_note(f"It holds the value of {owners[blob_id]}.")
            raise
    data = await fetch(wanted)
    for index in nodes:
        row = rows[index]
        value = data[id_of(row[_BLOB_ID])]
        rows[index] = (*row[:_VALUE], value, *row[_VALUE + 1 :])


def _owner(node: StoredNode) -> str:
    return repr(node.label) if node.model_name is None else f"field {node.label!r} of model {node.model_name!r}"
