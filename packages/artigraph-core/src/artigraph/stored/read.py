"""Read models as they are stored."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import groupby
from types import MappingProxyType
from typing import Any, BinaryIO, NoReturn
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

import artigraph.errors as errors
import artigraph.graph as graph
from artigraph.db import in_batches, read_anywhere
from artigraph.graph.hashing import THREAD_THRESHOLD, Buffer
from artigraph.graph.placement import storage_by_name
from artigraph.identifiers import NodeId, check_id
from artigraph.model.failures import LoadFailure
from artigraph.orm import blob_table, node_table
from artigraph.serializer.codec import decode_class_free
from artigraph.serializer.datetime import datetime_serializer, timedelta_serializer
from artigraph.serializer.json import json_serializer
from artigraph.serializer.raw import bytes_serializer
from artigraph.stored._model import StoredField, StoredModel

_DECODERS: dict[str, Callable[[bytes], object]] = {
    bytes_serializer.name: bytes,
    datetime_serializer.name: decode_class_free,
    json_serializer.name: decode_class_free,
    timedelta_serializer.name: decode_class_free,
}
"""How the plain values of each serializer are read."""
PLAIN_SERIALIZERS = frozenset(_DECODERS)
"""The names of the serializers that write plain values."""

_COLUMNS = (
    *(
        graph.SUBTREE.node.c[name]
        for name in (
            *("node_id", "parent_id", "position", "span", "node_type", "label"),
            *("model_name", "model_version", "serializer", "value", "blob_id"),
        )
    ),
    *(blob_table.c[name] for name in ("storage", "location", "size", "sha256")),
)
_with_blobs = graph.SUBTREE.nodes.outerjoin(blob_table, graph.SUBTREE.node.c.blob_id == blob_table.c.blob_id)
_models = graph.subtrees(
    graph.SUBTREE.root.c.node_id.in_(bindparam("ids", expanding=True)), _COLUMNS, joined=_with_blobs
).order_by("root_id", "position")
_part = select(node_table.c.node_id).where(
    node_table.c.parent_id == bindparam("parent_id"), node_table.c.label == bindparam("label")
)
_value = (
    select(
        *(node_table.c[name] for name in ("node_id", "node_type", "value", "blob_id")),
        *(blob_table.c[name] for name in ("storage", "location", "size", "sha256", "chunk_sha256")),
    )
    .select_from(node_table.outerjoin(blob_table, node_table.c.blob_id == blob_table.c.blob_id))
    .where(node_table.c.node_id == bindparam("node_id"))
)
_SLICE = 1_000
"""The most nodes that are decoded on the event loop."""


async def load_stored(node_id: NodeId) -> StoredModel:
    """Return a model as it is stored, without its class: an artifact, or a model in one.

        report = await load_stored(node_id)
        report.name, report.class_version           # 'Report', 2
        report.fields["accuracy"].value             # 0.93
        report.fields["samples"].size               # 1_048_576: bytes in a storage, which open_stored opens

    It reads no object from a storage, and a run does not record the model as used.

    Raises:
        NodeNotFoundError: the node does not exist, or is a run.
        WrongModelTypeError: it is a part of a model and no model itself.
        MalformedRowError: rows were altered by hand, or the database is damaged.
    """
    [(_, model)] = await read_each([check_id(node_id)])
    return model


async def open_stored(node_id: NodeId, path: str | Sequence[str]) -> BinaryIO:
    """Open the bytes of a stored value as a seekable file. Each chunk is checked before you can read a byte of it.

        file = await open_stored(node_id, "samples")
        file = await open_stored(node_id, "parts.0.samples")
        file = await open_stored(node_id, ["scores", "v1.5"])       # a key with a dot

    Read the file in another thread than the event loop's, as you do after `Lazy.open`.

    Args:
        node_id: an artifact, or a part of one.
        path: the labels from the node to the value: names of fields, keys and indexes. A text is split at its dots.

    Raises:
        NodeNotFoundError: the node does not exist, or nothing is stored under this path.
        ArgumentError: the path leads to a model or container, which has no bytes itself.
        UnknownStorageError: this process does not know the storage of the bytes.
        StorageError, CorruptObjectError: the object cannot be read, or does not match its checksum.
    """
    node_id = check_id(node_id)
    labels = path.split(".") if isinstance(path, str) else list(path)
    row = await read_anywhere(lambda connection: _find(connection, node_id, labels))
    where = f"{'.'.join(labels)!r} of node {node_id}"
    if row.node_type != "value":
        msg = f"{where} is a {row.node_type}, which has no bytes itself; add the name of a field or item to the path"
        raise errors.ArgumentError(msg)
    if row.blob_id is None:
        if not isinstance(row.value, bytes):
            _refuse(row.node_id, "value", row.value)
        return io.BytesIO(row.value)
    if row.storage is None:
        msg = f"The row of the object of {where} is missing: artigraph.maintenance.fsck tells more"
        raise errors.MalformedRowError(msg, table=node_table.name, column="blob_id", node_id=row.node_id)
    storage = await storage_by_name(row.storage)
    chunks = None if row.chunk_sha256 is None else bytes(row.chunk_sha256)
    return await graph.open_object(
        graph.StoredObject(storage, row.location, row.size, bytes(row.sha256), chunks, where)
    )


async def read_each(
    node_ids: Collection[UUID], *, failures: list[LoadFailure] | None = None, digests: bool = False
) -> list[tuple[UUID, StoredModel]]:
    """Return models as they are stored, each with its id, in the order of the ids.

    With `failures`, models that cannot be read are left out and added to that list. With `digests`, objects in the
    database have a `sha256`, too.

    Raises:
        NodeNotFoundError, WrongModelTypeError, MalformedRowError: as `load_stored`.
    """
    wanted = list(dict.fromkeys(node_ids))
    refused: dict[UUID, errors.ArtigraphError] | None = None if failures is None else {}

    async def work(connection: AsyncConnection) -> list[Any]:
        rows: list[Any] = []
        if refused is not None:
            refused.clear()  # of an earlier attempt
        for ids in in_batches(wanted):
            rows += (await connection.execute(_models, {"ids": ids})).all()
        found = {row.root_id for row in rows}
        missing = [node_id for node_id in wanted if node_id not in found]
        if missing:
            reasons = await graph.reasons_not_read(connection, missing)
            if refused is None:
                raise reasons[missing[0]]
            refused.update(reasons)
        return rows

    rows = await read_anywhere(work, lacks=lambda _: graph.any_missing(refused))
    if len(rows) <= _SLICE and sum(len(row.value or b"") for row in rows) <= THREAD_THRESHOLD:
        models = _build(rows, refused, digests=digests)
    else:
        models = await asyncio.to_thread(_build, rows, refused, digests=digests)
    if failures is not None and refused:
        labels: dict[UUID, Any] = {row.root_id: row.label for row in rows if row.node_id == row.root_id}
        failures += [LoadFailure(node_id, labels.get(node_id), error) for node_id, error in refused.items()]
    return [(node_id, models[node_id]) for node_id in node_ids if node_id in models]


async def read_value(model: StoredModel, path: Sequence[str], default: object) -> object:
    """Return a plain value of a model, also one whose bytes are in a storage. Otherwise return the default.

    Raises:
        DeserializationError: the value cannot be read without its classes.
        StorageError, CorruptObjectError: the object cannot be read, or does not match its checksum.
    """
    parts: Mapping[str, StoredField] | None = model.fields
    found: object = model
    for name in path:
        if parts is None or name not in parts:
            return default
        field = parts[name]
        if field.kind == "object":
            return await _read_object(model, path, field)
        if field.problem is not None:
            msg = f"{model.name}.{'.'.join(path)} of node {model.node_id} cannot be read: {field.problem}"
            raise errors.DeserializationError(msg)
        found = field.value
        parts = found.fields if isinstance(found, StoredModel) else _items_of(field)
    return found


def _items_of(field: StoredField) -> Mapping[str, StoredField] | None:
    items: Any = field.value
    return items if field.kind == "container" else None


async def _read_object(model: StoredModel, path: Sequence[str], field: StoredField) -> object:
    decode = _decoder_of(field.serializer)
    # For type checkers: a value that is no plain one, although its serializer writes these, is in a storage.
    assert field.storage is not None
    assert field.location is not None
    assert field.size is not None
    assert field.sha256 is not None
    storage, owner = await storage_by_name(field.storage), f"{'.'.join(path)!r} of node {model.node_id}"
    stored = graph.StoredObject(storage, field.location, field.size, field.sha256, None, owner)
    found: list[object] = []
    await graph.fetch([graph.Fetch(stored, lambda data: found.append(decode(bytes(data))))])
    return found[0]


def decode_stored(serializer: str | None, data: Buffer) -> object:
    """Return a plain value of its bytes, without the classes of its parts.

    Raises:
        DeserializationError: the serializer does not write plain values, or did not write these bytes.
    """
    return _decoder_of(serializer)(bytes(data))


def _decoder_of(serializer: str | None) -> Callable[[bytes], object]:
    decode = None if serializer is None else _DECODERS.get(serializer)
    if decode is None:
        msg = f"Serializer {serializer!r} wrote the value, which cannot be compared without it"
        raise errors.DeserializationError(msg)
    return decode


async def _find(connection: AsyncConnection, node_id: UUID, labels: Sequence[str]) -> Any:
    """Return the row of a value with its object's, found step by step, each by the index of labels."""
    at = node_id
    for label in labels:
        if not isinstance(label, str):
            msg = f"A path is made of labels, which are text, not {label!r:.100}"
            raise errors.ArgumentError(msg)
        found = await connection.scalar(_part, {"parent_id": at, "label": label})
        if found is None:
            raise await _nothing_under(connection, at, label)
        at = found
    row = (await connection.execute(_value, {"node_id": at})).first()
    if row is None:
        msg = f"There is no node {at}"
        raise errors.NodeNotFoundError(msg)
    return row


async def _nothing_under(connection: AsyncConnection, node_id: UUID, label: str) -> errors.NodeNotFoundError:
    names = select(node_table.c.label).where(node_table.c.parent_id == node_id).order_by(node_table.c.position)
    known = (await connection.scalars(names.limit(20))).all()
    if not known and (await connection.execute(_value, {"node_id": node_id})).first() is None:
        return errors.NodeNotFoundError(f"There is no node {node_id}")
    parts = f"it has {', '.join(map(repr, known))}" if known else "it has no parts"
    return errors.NodeNotFoundError(f"Nothing is stored under {label!r:.100} of node {node_id}; {parts}")


def _build(
    rows: Sequence[Any], refused: dict[UUID, errors.ArtigraphError] | None, *, digests: bool
) -> dict[UUID, StoredModel]:
    """Make the models of rows. With `refused`, errors are added to it by the id of the model."""
    models: dict[UUID, StoredModel] = {}
    for root_id, tree in groupby(rows, lambda row: row.root_id):
        builder = _Builder(digests=digests)
        try:
            for row in tree:
                builder.add(row)
            builder.check_complete(root_id)
        except errors.ArtigraphError as error:
            if refused is None:
                raise
            refused[root_id] = error
        else:
            models[root_id] = builder.model
    return models


class _Builder:
    """Makes a model of rows in preorder."""

    def __init__(self, *, digests: bool) -> None:
        self.model: StoredModel
        self._digests = digests
        self._enclosing: list[tuple[int, dict[str, StoredField]]] = []
        """The end of each model or container that encloses the next node, and its parts so far."""
        self._position: int | None = None
        self._end: int | None = None
        """The position after the last node of the tree."""

    def add(self, row: Any) -> None:
        self._take_place(row)
        outer = self._enclosing[-1][1] if self._enclosing else None
        parts: dict[str, StoredField] = {}
        if row.node_type != "value":
            self._enclosing.append((row.position + row.span, parts))
        if row.node_type == "model":
            model = _model_of(row, MappingProxyType(parts), is_root=outer is None)
            if outer is None:
                self.model = model
            else:
                outer[row.label] = StoredField("model", None, None, model)
        elif outer is None:
            msg = f"Node {row.node_id} is no model but a {row.node_type}, a part of one: {row.label!r}"
            raise errors.WrongModelTypeError(msg)
        elif row.node_type == "container":
            outer[row.label] = StoredField("container", row.serializer, None, MappingProxyType(parts))
        elif row.node_type == "value":
            outer[row.label] = _value_of(row, digests=self._digests)
        else:
            _refuse(row.node_id, "node_type", row.node_type)

    def check_complete(self, root_id: UUID) -> None:
        """Check that no row at the end of the tree is missing."""
        if self._position != self._end:
            raise _no_place(root_id)

    def _take_place(self, row: Any) -> None:
        """Close what the node is no part of, and check that it has a place in the tree."""
        if type(row.position) is not int or type(row.label) is not str:
            column = "label" if type(row.position) is int else "position"
            _refuse(row.node_id, column, getattr(row, column))
        if self._position is None:
            self._position = row.position
            self._end = row.position + row.span if type(row.span) is int else None
        while self._enclosing and row.position >= self._enclosing[-1][0]:
            self._enclosing.pop()
        if row.position != self._position or bool(self._enclosing) == (row.node_id == row.root_id):
            raise _no_place(row.node_id)
        end = self._enclosing[-1][0] if self._enclosing else None
        if type(row.span) is not int or row.span < 1 or (end is not None and row.position + row.span > end):
            _refuse(row.node_id, "span", row.span)
        self._position += 1


def _model_of(row: Any, fields: Mapping[str, StoredField], *, is_root: bool) -> StoredModel:
    if type(row.model_name) is not str:
        _refuse(row.node_id, "model_name", row.model_name)
    if type(row.model_version) is not int:
        _refuse(row.node_id, "model_version", row.model_version)
    run_id = row.parent_id if is_root and not row.position else None
    return StoredModel(row.node_id, row.model_name, row.model_version, row.label, run_id, fields)


def _value_of(row: Any, *, digests: bool) -> StoredField:
    if row.blob_id is not None:
        if row.storage is None:
            msg = (
                f"Node {row.node_id} was deleted while it was read. If it is still there, the row of its object is "
                "missing: artigraph.maintenance.fsck tells"
            )
            raise errors.NodeNotFoundError(msg)
        return StoredField("object", row.serializer, row.size, None, row.storage, row.location, bytes(row.sha256))
    if type(row.value) is not bytes:
        _refuse(row.node_id, "value", row.value)
    decode = _DECODERS.get(row.serializer)
    if decode is None:
        digest = hashlib.sha256(row.value).digest() if digests else None
        return StoredField("object", row.serializer, len(row.value), None, sha256=digest)
    try:
        return StoredField("plain", row.serializer, len(row.value), decode(row.value))
    except errors.DeserializationError as error:
        return StoredField("plain", row.serializer, len(row.value), None, problem=str(error))


def _no_place(node_id: UUID) -> errors.MalformedRowError:
    msg = (
        f"Node {node_id} has no place in its tree; its row, or that of another node, was altered or deleted: "
        "artigraph.maintenance.fsck lists all such"
    )
    return errors.MalformedRowError(msg, table=node_table.name, node_id=node_id)


def _refuse(node_id: UUID, column: str, value: object) -> NoReturn:
    msg = (
        f"Node {node_id} holds {value!r:.100} in column {column} of {node_table.name}, which cannot be. The row was "
        "altered by hand, or the database is damaged: artigraph.maintenance.fsck lists all such"
    )
    raise errors.MalformedRowError(msg, table=node_table.name, column=column, node_id=node_id)
