"""Deleting unused objects: first the blob row, then the object."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import ForeignKeyViolationError, read, utc_now, write
from artigraph.deletion.unused import delete_unused
from artigraph.graph.tombstones import is_object
from artigraph.orm import blob_table, node_table

_CHUNK = 1000


class UnusedBlob(NamedTuple):
    """A row of an object that no node refers to."""

    blob_id: UUID
    storage: str
    location: str
    sha256: bytes
    size: int
    created_at: datetime


_is_used = exists().where(node_table.c.blob_id == blob_table.c.blob_id)
_unused = (
    select(*(blob_table.c[name] for name in UnusedBlob._fields))
    .where(
        blob_table.c.storage == bindparam("storage"), blob_table.c.location > bindparam("after"), is_object, ~_is_used
    )
    .order_by(blob_table.c.location)  # in any other order, a database sorts all unused rows for each chunk
    .limit(_CHUNK)
)
_is_there = select(blob_table.c.blob_id).where(blob_table.c.blob_id == bindparam("id"))


async def database_time() -> datetime:
    """Return the current time by the database's clock."""
    return await read(_time)


async def _time(connection: AsyncConnection) -> datetime:
    return (await connection.execute(select(utc_now()))).scalar_one()


async def read_unused(storage: str) -> AsyncGenerator[list[UnusedBlob]]:
    """Yield the rows of a storage that no node refers to, in chunks."""
    after = ""
    while True:

        async def work(connection: AsyncConnection, after: str = after) -> list[UnusedBlob]:
            return [UnusedBlob(*row) for row in await connection.execute(_unused, {"storage": storage, "after": after})]

        rows = await read(work)
        if rows:
            yield rows
        if len(rows) < _CHUNK:
            return
        after = rows[-1].location


async def delete_blob(blob: UnusedBlob) -> bool:
    """Delete a row if still nothing refers to it, and return whether it is deleted. Then its object may be deleted too.

    A save that found the row earlier notices before its commit that the row is missing, and starts again. If a save has
    locked the row, or has referred to it meanwhile, the row is kept.
    """

    async def work(connection: AsyncConnection) -> bool:
        return bool(await delete_unused(connection, [blob]))

    async def committed(connection: AsyncConnection) -> bool:
        return (await connection.execute(_is_there, {"id": blob.blob_id})).first() is None

    try:
        return await write(work, committed=committed)
    except ForeignKeyViolationError:
        return False
