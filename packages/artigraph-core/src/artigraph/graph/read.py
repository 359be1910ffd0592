"""Reading trees: any number of them, or a part of one, in one range of an index each, and their objects."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Select, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import current_database, read, recursive
from artigraph.errors import ArtigraphError, DeserializationError, NodeNotFoundError
from artigraph.graph.objects import StoredObject, fetch
from artigraph.graph.storages import storage_by_name
from artigraph.ids import check_id
from artigraph.orm import blob_table, node_table

__all__ = ["Announce", "StoredNode", "StoredTree", "read_artifacts", "read_tree"]


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


@dataclass(frozen=True, slots=True)
class StoredTree:
    """An artifact, or a part of one: nodes in preorder, the first one its root."""

    root_id: UUID
    nodes: Sequence[StoredNode]


_root = node_table.alias("root")
_node = node_table.alias("node")
_in_subtree = (
    (_node.c.tree_root_id == _root.c.tree_root_id)
    & (_node.c.position >= _root.c.position)
    & (_node.c.position < _root.c.position + _root.c.span)
)
_whole_tree = _node.c.tree_root_id == _root.c.node_id
_columns = (
    _node.c.position,
    _node.c.span,
    _node.c.node_type,
    _node.c.label,
    _node.c.model_name,
    _node.c.model_version,
    _node.c.serializer,
    _node.c.value,
    _node.c.blob_id,
)
_by_id = (
    select(*_columns)
    .select_from(_root.join(_node, _in_subtree))
    .where(_root.c.node_id == bindparam("node_id"))
    .order_by(_node.c.position)
)
_node_type = select(_root.c.node_type).where(_root.c.node_id == bindparam("node_id"))
_under = (
    select(_root.c.node_id.label("root_id"), _root.c.parent_id.label("root_parent_id"), *_columns)
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

    async def work(connection: AsyncConnection) -> tuple[Sequence[Any], dict[UUID, _StoredObject]]:
        rows = (await connection.execute(_by_id, {"node_id": node_id})).all()
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
    data = await _fetch(objects, rows, announce)
    return StoredTree(node_id, [_stored_node(row, data) for row in rows])


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

    async def work(connection: AsyncConnection) -> tuple[Sequence[Any], dict[UUID, _StoredObject]]:
        rows = (await connection.execute(statement, parameters)).all()
        return rows, await _select_objects(connection, rows)

    rows, objects = await read(work)
    data = await _fetch(objects, rows, announce)
    trees: dict[UUID, tuple[UUID, list[StoredNode]]] = {}
    for row in rows:
        trees.setdefault(row.root_id, (row.root_parent_id, []))[1].append(_stored_node(row, data))
    return [(run_id, StoredTree(root_id, nodes)) for root_id, (run_id, nodes) in trees.items()]


class _StoredObject(NamedTuple):
    storage: str
    location: str
    size: int
    sha256: bytes


_CHUNK = 1000


async def _select_objects(connection: AsyncConnection, rows: Iterable[Any]) -> dict[UUID, _StoredObject]:
    ids = sorted({row.blob_id for row in rows if row.blob_id is not None})
    found: dict[UUID, _StoredObject] = {}
    for start in range(0, len(ids), _CHUNK):
        statement = select(blob_table).where(blob_table.c.blob_id.in_(ids[start : start + _CHUNK]))
        for row in await connection.execute(statement):
            found[row.blob_id] = _StoredObject(row.storage, row.location, row.size, bytes(row.sha256))
    if len(found) < len(ids):
        msg = "An artifact was deleted while it was read"
        raise NodeNotFoundError(msg)
    return found


async def _fetch(objects: dict[UUID, _StoredObject], rows: Iterable[Any], announce: Announce) -> dict[UUID, bytes]:
    if not objects:
        return {}
    announce({row.model_name for row in rows if row.node_type == "model"})
    owners = {row.blob_id: _owner(row) for row in rows if row.blob_id is not None}
    wanted: dict[UUID, StoredObject] = {}
    for blob_id, (storage, location, size, sha256) in objects.items():
        try:
            wanted[blob_id] = StoredObject(await storage_by_name(storage), location, size, sha256, owners[blob_id])
        except ArtigraphError as error:
            error.add_note(f"It holds the value of {owners[blob_id]}.")
            raise
    return await fetch(wanted)


def _owner(row: Any) -> str:
    return repr(row.label) if row.model_name is None else f"field {row.label!r} of model {row.model_name!r}"


def _stored_node(row: Any, data: dict[UUID, bytes]) -> StoredNode:
    value = row.value if row.blob_id is None else data[row.blob_id]
    return StoredNode(
        row.position,
        row.span,
        row.node_type,
        row.label,
        row.model_name,
        row.model_version,
        row.serializer,
        value,
    )
