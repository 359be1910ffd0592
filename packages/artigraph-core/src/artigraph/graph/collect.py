"""Collecting objects that nothing refers to: the row first, then what it stood for."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, delete, exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import ForeignKeyViolation, read, utc_now, write
from artigraph.graph.tombstones import is_object
from artigraph.orm import blob_table, node_table

__all__ = ["UnusedBlob", "database_time", "delete_blob", "read_unused"]

_CHUNK = 1000


class UnusedBlob(NamedTuple):
    """A row of an object that no node refers to."""

    blob_id: UUID
    location: str
    size: int
    created_at: datetime


_is_used = exists().where(node_table.c.blob_id == blob_table.c.blob_id)
_unused = (
    select(*(blob_table.c[name] for name in UnusedBlob._fields))
    .where(
        blob_table.c.storage == bindparam("storage"), blob_table.c.blob_id > bindparam("after"), is_object, ~_is_used
    )
    .order_by(blob_table.c.blob_id)
    .limit(_CHUNK)
)
_delete = delete(blob_table).where(
    blob_table.c.blob_id == bindparam("id"), blob_table.c.location == bindparam("place"), is_object, ~_is_used
)
_is_there = select(blob_table.c.blob_id).where(blob_table.c.blob_id == bindparam("id"))


async def database_time() -> datetime:
    """Return the time by the database's clock."""
    return await read(_time)


async def _time(connection: AsyncConnection) -> datetime:
    return (await connection.execute(select(utc_now()))).scalar_one()


async def read_unused(storage: str) -> AsyncGenerator[list[UnusedBlob]]:
    """Yield the rows of a storage that no node refers to, in parts."""
    after = UUID(int=0)
    while True:

        async def work(connection: AsyncConnection, after: UUID = after) -> list[UnusedBlob]:
            return [UnusedBlob(*row) for row in await connection.execute(_unused, {"storage": storage, "after": after})]

        rows = await read(work)
        if rows:
            yield rows
        if len(rows) < _CHUNK:
            return
        after = rows[-1].blob_id


async def delete_blob(blob: UnusedBlob) -> bool:
    """Delete a row if nothing refers to it still, and say whether it is gone: then its object may go too.

    A saver that found the row before finds it gone before its commit, and starts again. One that holds it, or has
    referred to it meanwhile, keeps it.
    """

    async def work(connection: AsyncConnection) -> bool:
        return (await connection.execute(_delete, {"id": blob.blob_id, "place": blob.location})).rowcount == 1

    async def committed(connection: AsyncConnection) -> bool:
        return (await connection.execute(_is_there, {"id": blob.blob_id})).first() is None

    try:
        return await write(work, committed=committed)
    except ForeignKeyViolation:
        return False
