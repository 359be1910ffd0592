"""Reading trees: any number of them, or a part of one, in one range of an index each; objects are only told of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn
from uuid import UUID

from sqlalchemy import Select, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import current_database, read, recursive
from artigraph.errors import ArtigraphError, DeserializationError, NodeNotFoundError
from artigraph.graph.storages import storage_by_name
from artigraph.graph.stored import StoredObject
from artigraph.ids import check_id
from artigraph.orm import blob_table, node_table

__all__ = ["Announce", "StoredNode", "StoredTree", "read_artifacts", "read_trees"]


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
_by_ids = (
    select(_root.c.node_id.label("root_id"), *_columns)
    .select_from(_root.join(_node, _in_subtree))
    .where(_root.c.node_id.in_(bindparam("ids", expanding=True)))
)
_roots = select(_root.c.node_id.label("root_id"), *(_root.c[column.name] for column in _columns)).where(
    _root.c.node_id.in_(bindparam("ids", expanding=True))
)
_field = node_table.alias("field")
_fields = (
    select(_root.c.node_id.label("root_id"), *_columns)
    .select_from(
        _root.join(_field, _field.c.parent_id == _root.c.node_id).join(
            _node,
            (_node.c.tree_root_id == _field.c.tree_root_id)
            & (_node.c.position >= _field.c.position)
            & (_node.c.position < _field.c.position + _field.c.span),
        )
    )
    .where(
        _root.c.node_id.in_(bindparam("ids", expanding=True)), _field.c.label.in_(bindparam("fields", expanding=True))
    )
)
_whole = _by_ids.order_by("root_id", "position")
_part = _roots.union_all(_fields).order_by("root_id", "position")
_types = select(_root.c.node_id, _root.c.node_type).where(_root.c.node_id.in_(bindparam("ids", expanding=True)))
_under = (
    select(_root.c.node_id.label("root_id"), _root.c.parent_id.label("root_parent_id"), *_columns)
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
    await current_database()
    wanted = list(dict.fromkeys(node_ids))

    async def work(connection: AsyncConnection) -> tuple[Sequence[Any], dict[UUID, _Blob]]:
        rows: list[Any] = []
        for start in range(0, len(wanted), _CHUNK):
            ids = wanted[start : start + _CHUNK]
            parameters: dict[str, Any] = {"ids": ids} if fields is None else {"ids": ids, "fields": list(fields)}
            rows += (await connection.execute(_whole if fields is None else _part, parameters)).all()
        missing = set(wanted).difference(row.root_id for row in rows)
        if missing:
            await _refuse(connection, min(missing))
        return rows, await _select_blobs(connection, rows)

    rows, blobs = await read(work)
    objects = await _objects(blobs, rows, announce)
    trees: dict[UUID, list[StoredNode]] = {}
    for row in rows:
        trees.setdefault(row.root_id, []).append(_stored_node(row, objects))
    return {root_id: StoredTree(root_id, nodes) for root_id, nodes in trees.items()}


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

    async def work(connection: AsyncConnection) -> tuple[Sequence[Any], dict[UUID, _Blob]]:
        rows = (await connection.execute(statement, parameters)).all()
        return rows, await _select_blobs(connection, rows)

    rows, blobs = await read(work)
    objects = await _objects(blobs, rows, announce)
    trees: dict[UUID, tuple[UUID, list[StoredNode]]] = {}
    for row in rows:
        trees.setdefault(row.root_id, (row.root_parent_id, []))[1].append(_stored_node(row, objects))
    return [(run_id, StoredTree(root_id, nodes)) for root_id, (run_id, nodes) in trees.items()]


class _Blob(NamedTuple):
    storage: str
    location: str
    size: int
    sha256: bytes
    chunk_sha256: bytes | None


_CHUNK = 1000
"""Ids in one IN list; asyncpg takes 32,767 parameters, SQLite an expression of depth 1,000."""


async def _select_blobs(connection: AsyncConnection, rows: Iterable[Any]) -> dict[UUID, _Blob]:
    ids = sorted({row.blob_id for row in rows if row.blob_id is not None})
    found: dict[UUID, _Blob] = {}
    for start in range(0, len(ids), _CHUNK):
        statement = select(blob_table).where(blob_table.c.blob_id.in_(ids[start : start + _CHUNK]))
        for row in await connection.execute(statement):
            chunks = None if row.chunk_sha256 is None else bytes(row.chunk_sha256)
            found[row.blob_id] = _Blob(row.storage, row.location, row.size, bytes(row.sha256), chunks)
    if len(found) < len(ids):
        msg = "An artifact was deleted while it was read"
        raise NodeNotFoundError(msg)
    return found


async def _objects(blobs: dict[UUID, _Blob], rows: Iterable[Any], announce: Announce) -> dict[UUID, StoredObject]:
    if not blobs:
        return {}
    announce({row.model_name for row in rows if row.node_type == "model"})
    owners = {row.blob_id: _owner(row) for row in rows if row.blob_id is not None}
    objects: dict[UUID, StoredObject] = {}
    for blob_id, blob in blobs.items():
        try:
            objects[blob_id] = StoredObject(await storage_by_name(blob.storage), *blob[1:], owners[blob_id])
        except ArtigraphError as error:
            error.add_note(f"It holds the value of {owners[blob_id]}.")
            raise
    return objects


def _owner(row: Any) -> str:
    return repr(row.label) if row.model_name is None else f"field {row.label!r} of model {row.model_name!r}"


def _stored_node(row: Any, objects: dict[UUID, StoredObject]) -> StoredNode:
    value = row.value if row.blob_id is None else objects[row.blob_id]
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
