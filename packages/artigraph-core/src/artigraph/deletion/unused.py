"""Deleting the rows of objects that no node refers to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from sqlalchemy import bindparam, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import in_batches, lock_free, through_index
from artigraph.graph.tombstones import is_object
from artigraph.orm import blob_table, node_table
from artigraph.orm.tables import BLOB_KEY


class _Row(Protocol):
    @property
    def blob_id(self) -> UUID: ...
    @property
    def storage(self) -> str: ...
    @property
    def sha256(self) -> bytes: ...


_free = lock_free(
    through_index(
        select(blob_table.c.blob_id).where(
            blob_table.c.storage == bindparam("storage"),
            blob_table.c.sha256.in_(bindparam("hashes", expanding=True)),
            blob_table.c.blob_id.in_(bindparam("ids", expanding=True)),
            is_object,
        ),
        blob_table,
        BLOB_KEY,
    )
)
_referred = select(node_table.c.blob_id).where(node_table.c.blob_id.in_(bindparam("ids", expanding=True))).distinct()
_delete = delete(blob_table).where(blob_table.c.blob_id.in_(bindparam("ids", expanding=True)))


async def delete_unused(connection: AsyncConnection, blobs: Sequence[_Row]) -> set[UUID]:
    """Delete the rows that no node refers to and no transaction has locked, and return their ids.

    It never waits for a lock. A session may lock a row for as long as it is open. Waiting for that lock would mean to
    keep other rows locked, for which the session may wait in turn. A locked row is about to be used; if it is not,
    garbage collection finds it later.

    A transaction that refers to a row keeps it locked until its commit. So once a row is locked here, all nodes that
    refer to it are committed, and the next statement sees them.

    Raises:
        ForeignKeyViolationError (once it is typed): a node refers to a row after all, but this transaction's older
            snapshot does not show it.
    """
    deleted: set[UUID] = set()
    by_storage: dict[str, list[_Row]] = {}
    for blob in sorted(blobs, key=lambda blob: (blob.storage, blob.sha256)):
        by_storage.setdefault(blob.storage, []).append(blob)
    for storage, rows in by_storage.items():
        for some in in_batches(rows):
            wanted = {
                "storage": storage,
                "hashes": [bytes(blob.sha256) for blob in some],
                "ids": [blob.blob_id for blob in some],
            }
            free = set((await connection.execute(_free, wanted)).scalars())
            if free:
                free.difference_update((await connection.execute(_referred, {"ids": sorted(free)})).scalars())
            if free:
                await connection.execute(_delete, {"ids": sorted(free)})
            deleted |= free
    return deleted
