"""Everything about one artifact."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

import artigraph.errors as errors
import artigraph.serializer.preview as previews
from artigraph.db import read_anywhere
from artigraph.identifiers import NodeId, check_id, moment_of
from artigraph.model import Media
from artigraph.model.definition import traits_of
from artigraph.orm import alias_table, blob_table, node_table
from artigraph.serializer.raw import bytes_serializer
from artigraph.stored import FieldKind, open_stored
from artigraph.stored.read import PLAIN_SERIALIZERS, decode_stored
from artigraph.view._document import Document, Record, check_limit
from artigraph.view._fields import Path
from artigraph.view._run_values import LARGEST_SHOWN
from artigraph.view._runs import RunItem, read_run_items, runs_page
from artigraph.view._spelling import type_name
from artigraph.view.previews import preview_stored

_MOST_NODES = 1_000
_MOST_PREVIEWS = 20
_BEGINNING = 500
_MEDIA = (bytes_serializer.name, traits_of(Media).name)
"""The serializer and the model of bytes that have a preview, even if they are in a row."""


@dataclass(frozen=True, slots=True)
class FieldItem(Record):
    """A field of an artifact, or an item or field inside one."""

    path: tuple[str, ...]
    """The labels from the artifact to it: names of fields, keys and indexes."""
    kind: FieldKind
    """A plain value; bytes that only their serializer reads; a model; a mapping or sequence whose items follow."""
    model_name: str | None
    """The stored name of a model."""
    class_version: int | None
    """The version of the class that wrote a model."""
    serializer: str | None
    """The serializer that wrote a value. For a container, the type that its items make up: `list`, `mapping`."""
    type: str | None
    """The name of the type of a plain value."""
    value: object
    """A plain value. It is None for any other kind, and if there is a `problem`."""
    size: int | None
    """The stored bytes of a value."""
    storage: str | None
    """The storage that holds the bytes. None if they are in the database."""
    location: str | None
    """Where in the storage the bytes are."""
    sha256: str | None
    """The SHA-256 of the bytes in hexadecimal digits, if they are in a storage."""
    cut: bool
    """Whether a plain value has more than 16 KiB, and `value` is a text: the beginning of what is stored."""
    preview: previews.Preview | None
    """What an object looks like, if previews were asked for."""
    problem: str | None
    """Why the value, or its preview, cannot be shown."""


@dataclass(frozen=True, slots=True)
class ArtifactDocument(Document):
    """Everything about an artifact, with the newest of the runs that used it."""

    schema: ClassVar[str] = "artigraph.artifact/1"

    artifact_id: UUID
    model_name: str
    """The stored name of the class."""
    class_version: int
    """The version of the class that wrote it."""
    label: str
    created_at: datetime
    """When it was saved: in UTC, to the millisecond, by the clock of that machine."""
    aliases: tuple[str, ...]
    """The aliases that point to it, ordered by name."""
    previous_id: UUID | None
    """The version before it: the artifact of the same model and label that was saved before."""
    following_id: UUID | None
    """The version after it."""
    nodes: int
    """How many nodes it has: itself, its fields, and everything inside."""
    fields: tuple[FieldItem, ...]
    """Its fields and what is inside them, each before its own parts. These are the first 1,000 nodes."""
    made_by: RunItem | None
    """The run to which it belongs."""
    used_by: tuple[RunItem, ...]
    """The newest runs that used it."""
    used_by_next: str | None
    """The cursor for `runs_page(used=artifact)`, which has the others."""

    def __artigraph_node_id__(self) -> UUID:
        return self.artifact_id


async def artifact_document(artifact: NodeId, *, limit: int = 50, preview_bytes: int = 0) -> ArtifactDocument:
    """Return everything about an artifact.

        document = await artifact_document(artifact_id, preview_bytes=2**20)
        for field in document.fields:
            print(".".join(field.path), field.value if field.kind == "plain" else field.preview)

    It takes a constant number of statements, and a few for each preview. A run does not record the artifact as used.

    Args:
        artifact: the artifact. The id of a part of one means the artifact that contains it.
        limit: the most runs that used it, up to 1,000.
        preview_bytes: the most bytes that are read of an object for its preview. Previews are made of the first 20
            objects, by their serializers if these are installed and able to, else by the format of the bytes. With 0,
            no storage is read.

    Raises:
        InvalidNodeIdError: `artifact` denotes no node.
        NodeNotFoundError: the artifact does not exist, or the node is a run.
        QueryError: the limit or the number of bytes is invalid.
        MalformedRowError: rows were altered by hand, or the database is damaged.
    """
    check_limit(limit)
    if not isinstance(preview_bytes, int) or isinstance(preview_bytes, bool) or preview_bytes < 0:
        msg = f"preview_bytes is a number of bytes, 0 for no previews, not {preview_bytes!r:.100}"
        raise errors.QueryError(msg)
    found = await _read(check_id(artifact))
    fields = found.fields
    if preview_bytes:
        fields = await _with_previews(found.root.node_id, fields, preview_bytes)
    made_by = () if found.root.parent_id is None else await read_run_items([found.root.parent_id], {})
    users = await runs_page(used=found.root.node_id, limit=limit)
    return ArtifactDocument(
        artifact_id=found.root.node_id,
        model_name=found.root.model_name,
        class_version=found.root.model_version,
        label=found.root.label,
        created_at=moment_of(found.root.node_id),
        aliases=found.aliases,
        previous_id=found.previous_id,
        following_id=found.following_id,
        nodes=found.root.span,
        fields=tuple(fields),
        made_by=made_by[0] if made_by else None,
        used_by=users.items,
        used_by_next=users.next,
    )


@dataclass(frozen=True, slots=True)
class _Found:
    root: Any
    fields: Sequence[FieldItem]
    aliases: tuple[str, ...]
    previous_id: UUID | None
    following_id: UUID | None


_node = node_table.c
_size = func.length(_node.value)
_tree = select(
    *(_node[name] for name in ("node_id", "parent_id", "position", "span", "node_type", "label")),
    *(_node[name] for name in ("model_name", "model_version", "serializer", "blob_id")),
    func.coalesce(blob_table.c.size, _size).label("size"),
    case((_size <= LARGEST_SHOWN, _node.value)).label("small"),
    case((_size > LARGEST_SHOWN, func.substr(_node.value, 1, _BEGINNING))).label("beginning"),
    *(blob_table.c[name] for name in ("storage", "location", "sha256")),
).select_from(node_table.outerjoin(blob_table, _node.blob_id == blob_table.c.blob_id))


async def _read(node_id: UUID) -> _Found:
    async def work(connection: AsyncConnection) -> _Found:
        root_id: Any = await connection.scalar(select(_node.tree_root_id).where(_node.node_id == node_id))
        tree = _tree.where(_node.tree_root_id == root_id, _node.position < _MOST_NODES).order_by(_node.position)
        rows: list[Any] = [] if root_id is None else list((await connection.execute(tree)).all())
        if not rows:
            msg = f"There is no artifact {node_id}: it does not exist, or is a run"
            raise errors.NodeNotFoundError(msg)
        root = rows[0]
        if root.node_id != root_id or root.node_type != "model" or None in (root.model_name, root.label, root.span):
            msg = f"Artifact {root_id} has no row of its own; rows were altered: artigraph.maintenance.fsck lists them"
            raise errors.MalformedRowError(msg, table=node_table.name, node_id=root_id)
        named = select(alias_table.c.alias).where(alias_table.c.node_id == root_id).order_by(alias_table.c.alias)
        aliases = tuple((await connection.scalars(named)).all())
        series = select(_node.node_id).where(
            _node.node_type == "model", _node.model_name == root.model_name, _node.label == root.label
        )
        key, place = root.node_id.bytes, _node.search_key  # the search key of an artifact is its id
        previous = series.where(place < key, place >= b"").order_by(place.desc()).limit(1)
        following = series.where(place > key).order_by(place).limit(1)
        beside = [await connection.scalar(previous), await connection.scalar(following)]
        return _Found(root, _fields(rows), aliases, *beside)

    return await read_anywhere(work)


def _fields(rows: Sequence[Any]) -> list[FieldItem]:
    paths: dict[UUID, Path] = {rows[0].node_id: ()}
    found: list[FieldItem] = []
    for row in rows[1:]:
        above = paths.get(row.parent_id)
        if above is None or row.label is None or row.node_type not in ("model", "container", "value"):
            msg = f"Node {row.node_id} has no place in its tree; its row was altered: fsck lists all such"
            raise errors.MalformedRowError(msg, table=node_table.name, node_id=row.node_id)
        paths[row.node_id] = (*above, row.label)
        found.append(_field(row, paths[row.node_id]))
    return found


def _field(row: Any, path: Path) -> FieldItem:
    is_plain = (
        row.node_type == "value"
        and row.blob_id is None
        and row.serializer in PLAIN_SERIALIZERS
        and (row.serializer, row.model_name) != _MEDIA
    )
    value, problem = None, None
    kind: FieldKind = "plain" if is_plain else "object"
    if row.node_type != "value":
        kind = "model" if row.node_type == "model" else "container"
    elif is_plain and row.small is not None:
        try:
            value = decode_stored(row.serializer, bytes(row.small))
        except errors.DeserializationError as error:
            problem = str(error)
    elif is_plain and row.beginning is not None:
        value = f"{bytes(row.beginning).decode(errors='replace')}…"
    elif row.blob_id is not None and row.storage is None:
        problem = "The row of its object is missing: artigraph.maintenance.fsck tells more"
    return FieldItem(
        path=path,
        kind=kind,
        model_name=row.model_name if kind == "model" else None,
        class_version=row.model_version if kind == "model" else None,
        serializer=row.serializer,
        type=type_name(value) if is_plain and row.small is not None and problem is None else None,
        value=value,
        size=row.size,
        storage=row.storage,
        location=row.location,
        sha256=None if row.sha256 is None else bytes(row.sha256).hex(),
        cut=is_plain and row.small is None,
        preview=None,
        problem=problem,
    )


async def _with_previews(node_id: UUID, fields: Sequence[FieldItem], most: int) -> list[FieldItem]:
    """Return the fields with previews of the first objects."""
    found = list(fields)
    objects = [index for index, field in enumerate(fields) if field.kind == "object" and field.problem is None]
    for index in objects[:_MOST_PREVIEWS]:
        field = fields[index]
        try:
            file = await open_stored(node_id, field.path)
            preview = await asyncio.to_thread(partial(preview_stored, file, field.serializer, max_bytes=most))
        except errors.ArtigraphError as error:
            found[index] = replace(field, problem=str(error))
        else:
            found[index] = replace(field, preview=preview)
    return found
