"""Tombstones: rows that prevent a location from being registered, so that its object can be deleted during any save.

docs/design/maintenance.md says why they are needed, and why they may be deleted after a week.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import Database, UniqueViolationError, in_batches, insert_absent, read, share_lock, utc_now, write
from artigraph.errors import RetryableError
from artigraph.identifiers import new_ids
from artigraph.orm import TOMBSTONE_SIZE, blob_table

REGISTERED_WITHIN = timedelta(hours=24)
"""How long an object may still be registered after it was put."""
TOMBSTONES_LAST = timedelta(days=7)
"""How long tombstones are kept: much longer than `REGISTERED_WITHIN`, since another clock measures that."""

_ATTEMPTS = 10
"""How often creating tombstones is tried if others insert rows for the same locations meanwhile."""

_AT_ONCE = 10_000
"""Tombstones whose ids are read at a time, to be deleted."""

is_object: ColumnElement[bool] = blob_table.c.size != TOMBSTONE_SIZE
"""Whether a row describes an object, and is no tombstone."""


async def registered_at(
    connection: AsyncConnection, database: Database, storage: str, locations: Collection[str]
) -> set[str]:
    """Return the locations that now have a row, of an object or a tombstone."""
    statement = select(blob_table.c.location).where(
        blob_table.c.storage == storage, blob_table.c.location.in_(sorted(locations))
    )
    return {row.location for row in await connection.execute(share_lock(statement, database.dialect))}


async def create_tombstones(
    database: Database, storage: str, locations: Sequence[str], everywhere: Collection[str]
) -> set[str]:
    """Create tombstones for locations without a row, and return the locations that no save can register from now on.

    A save whose object is at such a location finds its own row refused, whichever row comes first, and puts its object
    again elsewhere. `everywhere` holds the names of all storages: a location with a row of any of them is in use.
    """
    buried: set[str] = set()
    for some in in_batches(locations):
        buried |= await _bury(database, storage, some, everywhere)
    return buried


async def _bury(database: Database, storage: str, locations: Sequence[str], everywhere: Collection[str]) -> set[str]:
    hashed = sorted((hashlib.sha256(location.encode()).digest(), location) for location in locations)
    rows = [  # in the order in which saves insert, too
        {"blob_id": blob_id, "storage": storage, "location": location, "size": TOMBSTONE_SIZE, "sha256": sha256}
        for blob_id, (sha256, location) in zip(new_ids(len(hashed)), hashed, strict=True)
    ]
    insert = insert_absent(blob_table, database.dialect).values(created_at=utc_now())
    statement = select(blob_table.c.storage, blob_table.c.location, is_object.label("is_object")).where(
        blob_table.c.storage.in_(sorted({storage, *everywhere})), blob_table.c.location.in_(list(locations))
    )
    statement = share_lock(statement, database.dialect)

    async def work(connection: AsyncConnection) -> set[str]:
        there = {row.location for row in await connection.execute(statement) if row.storage == storage}
        missing = [row for row in rows if row["location"] not in there]
        if missing:
            await connection.execute(insert, missing)
        found = (await connection.execute(statement)).all()
        buried = {row.location for row in found if row.storage == storage and not row.is_object}
        return buried.difference(row.location for row in found if row.is_object)

    async def committed(_: AsyncConnection) -> bool:
        return False  # creating the same tombstones again is harmless

    attempts = _ATTEMPTS
    while True:
        try:
            return await write(work, committed=committed)
        except UniqueViolationError as error:  # on MySQL and MariaDB; the next select sees whose row it is
            attempts -= 1
            if not attempts:
                msg = "Other processes registered the same objects during each attempt to collect them. Run gc again."
                raise RetryableError(msg) from error


async def renew_tombstones(storage: str, locations: Sequence[str]) -> None:
    """Let tombstones begin anew, because an object was found at their locations."""
    for some in in_batches(locations):
        await write(partial(_renew, storage, some))


async def _renew(storage: str, locations: Sequence[str], connection: AsyncConnection) -> None:
    which = (blob_table.c.storage == storage, blob_table.c.location.in_(locations), ~is_object)
    await connection.execute(update(blob_table).where(*which).values(created_at=utc_now()))


async def forget_tombstones(storage: str, before: datetime) -> None:
    """Delete the tombstones that were created, or renewed, before a time."""
    old = (
        select(blob_table.c.blob_id)
        .where(blob_table.c.storage == storage, ~is_object, blob_table.c.created_at < before)
        .limit(_AT_ONCE)
    )

    async def look(connection: AsyncConnection) -> list[UUID]:
        return [row.blob_id for row in await connection.execute(old)]

    while ids := await read(look):
        for some in in_batches(ids):
            await write(partial(_forget, some))


async def _forget(ids: Sequence[UUID], connection: AsyncConnection) -> None:
    await connection.execute(delete(blob_table).where(blob_table.c.blob_id.in_(ids), ~is_object))
