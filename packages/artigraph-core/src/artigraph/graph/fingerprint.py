"""Fingerprints of artifacts: hashes that are equal if the content is equal, whatever the ids, labels and storages."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import read
from artigraph.graph._tree import Deferred, PendingValue, Streamed, Tree
from artigraph.graph.stored_object import StoredObject
from artigraph.orm import blob_table, node_table

_SHAPE = ("span", "node_type", "label", "model_name", "model_version", "serializer")
"""The columns of a node that are part of the fingerprint, besides its value."""
_rows_of = (
    select(*(node_table.c[name] for name in _SHAPE), node_table.c.value, blob_table.c.sha256, blob_table.c.size)
    .select_from(node_table.outerjoin(blob_table, blob_table.c.blob_id == node_table.c.blob_id))
    .where(node_table.c.tree_root_id == bindparam("root"))
    .order_by(node_table.c.position)
)


async def fingerprint(tree: Tree) -> bytes:
    """Return the fingerprint of an artifact that is ready to be saved. Large values are encoded in a thread.

    A value that is stored already, such as a lazy one that was not loaded, is not read: its hash is known.
    """
    return await asyncio.to_thread(fingerprint_here, tree) if tree.pending else fingerprint_here(tree)


def fingerprint_here(tree: Tree) -> bytes:
    """Return the fingerprint of an artifact that is ready to be saved, in this thread."""
    pending = {id(value.row): value for value in tree.pending}
    return _hash((row, _content_of(row, pending.get(id(row)))) for row in tree.rows)


async def read_fingerprint(root_id: UUID) -> bytes | None:
    """Return the fingerprint of a stored artifact, or None if it does not exist. No object is read."""

    async def work(connection: AsyncConnection) -> bytes | None:
        rows = (await connection.execute(_rows_of, {"root": root_id})).mappings().all()
        if not rows:
            return None
        return _hash((row, _recorded(row)) for row in rows)

    return await read(work)


def _hash(nodes: Iterable[tuple[Mapping[Any, Any], bytes]]) -> bytes:
    sha = hashlib.sha256()
    for index, (row, content) in enumerate(nodes):
        shape = [row[name] for name in _SHAPE]
        if index == 0:
            shape[_SHAPE.index("label")] = None  # the label of the artifact itself is no part of its content
        # A repr of names and numbers ends where it ends, so no two nodes run together.
        sha.update(repr(shape).encode("utf-8", "surrogatepass") + content)
    return sha.digest()


def _recorded(row: Mapping[Any, Any]) -> bytes:
    if row["sha256"] is not None:
        return _content(bytes(row["sha256"]), row["size"])
    return b"" if row["value"] is None else _of_bytes(bytes(row["value"]))


def _content_of(row: Mapping[str, Any], pending: PendingValue | None) -> bytes:
    if pending is None:
        return b"" if row["value"] is None else _of_bytes(row["value"])
    match pending.source:
        case StoredObject(sha256=sha256, size=size):
            return _content(sha256, size)
        case Deferred(encode=parts) | Streamed(parts=parts):
            sha, size = hashlib.sha256(), 0
            for part in parts():
                sha.update(part)
                size += len(part)
            return _content(sha.digest(), size)
        case data:
            return _of_bytes(data)


def _of_bytes(data: bytes) -> bytes:
    return _content(hashlib.sha256(data).digest(), len(data))


def _content(sha256: bytes, size: int) -> bytes:
    return sha256 + size.to_bytes(8, "big")
