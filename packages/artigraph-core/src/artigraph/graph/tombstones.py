"""Tombstones: rows that keep a location from ever being registered, so that its object can go whoever is saving.

Why they are needed, and why they may go after a week, is in docs/design/maintenance.md.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import Database, chunks, insert_missing, read, share_lock, utc_now, write
from artigraph.ids import new_ids
from artigraph.orm import TOMBSTONE_SIZE, blob_table

__all__ = ["REGISTERED_WITHIN", "TOMBSTONES_LAST", "Moment", "bury", "forget_tombstones", "is_object", "registered_at"]

REGISTERED_WITHIN = timedelta(hours=24)
"""How long after it was put an object may still be registered."""
TOMBSTONES_LAST = timedelta(days=7)
"""How long tombstones stay: much longer than `REGISTERED_WITHIN`, since that is measured by another clock."""

is_object: ColumnElement[bool] = blob_table.c.size != TOMBSTONE_SIZE
"""What is true of the rows that stand for objects."""


def _time_awake_or_not() -> float:
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment of this process. How long ago it was is never told too short, whatever is suspended or set back."""

    _boot: float = field(default_factory=_time_awake_or_not)
    _wall: float = field(default_factory=time.time)

    def is_past(self, limit: timedelta) -> bool:
        """Say whether more time than this has gone by, by the clock that says the most."""
        elapsed = max(_time_awake_or_not() - self._boot, time.time() - self._wall)
        return elapsed > limit.total_seconds()


async def registered_at(
    connection: AsyncConnection, database: Database, storage: str, locations: Collection[str]
) -> set[str]:
    """Return those of the locations that have a row by now, of an object or a tombstone."""
    statement = select(blob_table.c.location).where(
        blob_table.c.storage == storage, blob_table.c.location.in_(sorted(locations))
    )
    return {row.location for row in await connection.execute(share_lock(statement, database.dialect))}


async def bury(database: Database, storage: str, locations: Sequence[str], everywhere: Collection[str]) -> set[str]:
    """Make tombstones for locations that have no row, and return those that nobody can register from now on.

    A saver whose object is at one of them finds its own row refused, whichever of the two comes first, and puts its
    object again elsewhere. `everywhere` are the names of all storages: what has a row under another one is in use.
    """
    buried: set[str] = set()
    for some in chunks(locations):
        buried |= await _bury(database, storage, some, everywhere)
    return buried


async def _bury(database: Database, storage: str, locations: Sequence[str], everywhere: Collection[str]) -> set[str]:
    hashed = sorted((hashlib.sha256(location.encode()).digest(), location) for location in locations)
    rows = [  # in the order in which savers insert, too
        {"blob_id": blob_id, "storage": storage, "location": location, "size": TOMBSTONE_SIZE, "sha256": sha256}
        for blob_id, (sha256, location) in zip(new_ids(len(hashed)), hashed, strict=True)
    ]
    insert = insert_missing(blob_table, database.dialect).values(created_at=utc_now())
    statement = select(blob_table.c.storage, blob_table.c.location, is_object.label("is_object")).where(
        blob_table.c.storage.in_(sorted({storage, *everywhere})), blob_table.c.location.in_(list(locations))
    )

    async def work(connection: AsyncConnection) -> set[str]:
        await connection.execute(insert, rows)
        found = (await connection.execute(share_lock(statement, database.dialect))).all()
        buried = {row.location for row in found if row.storage == storage and not row.is_object}
        return buried.difference(row.location for row in found if row.is_object)

    async def committed(_: AsyncConnection) -> bool:
        return False  # to make the same tombstones again does no harm

    return await write(work, committed=committed)


async def forget_tombstones(storage: str, before: datetime, keep: Collection[str]) -> None:
    """Remove the tombstones made before a time, but for those at locations to keep."""
    old = select(blob_table.c.blob_id, blob_table.c.location).where(
        blob_table.c.storage == storage, ~is_object, blob_table.c.created_at < before
    )

    async def look(connection: AsyncConnection) -> list[UUID]:
        return [row.blob_id for row in await connection.execute(old) if row.location not in keep]

    ids = await read(look)
    for some in chunks(ids):
        await write(partial(_forget, some))


async def _forget(ids: Sequence[UUID], connection: AsyncConnection) -> None:
    await connection.execute(delete(blob_table).where(blob_table.c.blob_id.in_(ids), ~is_object))
