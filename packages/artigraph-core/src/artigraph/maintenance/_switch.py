"""Switching blob rows from one storage to another, once their objects are in both."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import Database, UniqueViolationError, in_batches, lock_free, read, through_index, write
from artigraph.graph.objects import Stopwatch
from artigraph.graph.tombstones import REGISTERED_WITHIN, is_object
from artigraph.maintenance._consistency import readable
from artigraph.maintenance._report import Amount
from artigraph.orm import blob_table, node_table
from artigraph.orm.tables import BLOB_KEY

_blob = blob_table.c
_lock = lock_free(
    through_index(
        select(_blob.blob_id, _blob.storage, _blob.location, _blob.sha256, _blob.size)
        .where(_blob.storage == bindparam("storage"), _blob.sha256.in_(bindparam("hashes", expanding=True)), is_object)
        .order_by(_blob.sha256),
        blob_table,
        BLOB_KEY,
    )
)
_by_id = select(_blob.blob_id, _blob.storage).where(_blob.blob_id.in_(bindparam("ids", expanding=True)))
_at = select(_blob.location).where(
    _blob.storage == bindparam("storage"), _blob.location.in_(bindparam("locations", expanding=True))
)
_contents = select(_blob.location, _blob.sha256, _blob.size).where(
    _blob.storage == bindparam("storage"), _blob.sha256.in_(bindparam("hashes", expanding=True)), is_object
)
_move = (
    update(blob_table)
    .where(_blob.blob_id == bindparam("id"))
    .values(storage=bindparam("target"), location=bindparam("there"))
)
_refer = update(node_table).where(node_table.c.blob_id == bindparam("old")).values(blob_id=bindparam("new"))
_delete = delete(blob_table).where(_blob.blob_id.in_(bindparam("ids", expanding=True)))


class Copied(NamedTuple):
    """A row of the source whose object was copied to the target, and verified there."""

    blob_id: UUID
    sha256: bytes
    size: int
    there: str
    """The location in the target."""
    since: Stopwatch
    """A moment before the copy could be seen there."""
    is_theirs: bool
    """Whether a row of the target names that object. Without that row, a deletion may have removed the object."""


@dataclass(slots=True)
class Switched:
    """What became of rows."""

    moved: set[UUID] = field(default_factory=set[UUID])
    """The row names the target from now on."""
    merged: set[UUID] = field(default_factory=set[UUID])
    """The target had a row of the same content. Nodes refer to that one, and the row of the source is deleted."""
    gone: set[UUID] = field(default_factory=set[UUID])
    """The row was deleted, or switched by another call."""
    held: set[UUID] = field(default_factory=set[UUID])
    """Another transaction has locked the row, or is about to insert the same content. A later attempt can switch it."""

    def add(self, other: Switched) -> None:
        """Add what became of other rows."""
        self.moved |= other.moved
        self.merged |= other.merged
        self.gone |= other.gone
        self.held |= other.held


async def amount_in(storage: str, database: Database) -> Amount:
    """Return the number of objects that rows name in a storage, and their bytes, without sizes that are malformed."""
    size = func.coalesce(func.sum(readable(_blob.size, database)), 0)
    statement = select(func.count(), size).where(_blob.storage == storage, is_object)

    async def work(connection: AsyncConnection) -> Amount:
        count, size = (await connection.execute(statement)).one()
        return Amount(int(count), int(size))

    return await read(work)


async def taken_locations(storage: str, locations: Sequence[str]) -> set[str]:
    """Return the locations that have a row in a storage: of an object, or a tombstone."""

    async def work(connection: AsyncConnection) -> set[str]:
        found: set[str] = set()
        for some in in_batches(locations):
            found.update((await connection.execute(_at, {"storage": storage, "locations": list(some)})).scalars())
        return found

    return await read(work)


async def known_contents(storage: str, hashes: Collection[bytes]) -> dict[tuple[bytes, int], str]:
    """Return the locations of the contents with these hashes that have a row in a storage, by hash and size."""

    async def work(connection: AsyncConnection) -> dict[tuple[bytes, int], str]:
        found: dict[tuple[bytes, int], str] = {}
        for some in in_batches(sorted(hashes)):
            rows = await connection.execute(_contents, {"storage": storage, "hashes": list(some)})
            found |= {(bytes(row.sha256), row.size): row.location for row in rows}
        return found

    return await read(work)


async def switch(source: str, target: str, copied: Sequence[Copied]) -> Switched:
    """Make rows name the target instead of the source, in one transaction.

    It never waits for a lock, for the same reason as a deletion does not: a session may hold one for long. Rows are
    locked in the order in which saves lock them.
    """
    late = [row for row in copied if row.since.is_past(REGISTERED_WITHIN)]  # gc may have removed these copies
    copied = [row for row in copied if row not in late]

    async def work(connection: AsyncConnection) -> Switched:
        return await _switch(connection, source, target, copied)

    async def committed(_: AsyncConnection) -> bool:
        return False  # doing it again is harmless: what was switched counts as gone

    try:
        result = await write(work, committed=committed)
    except UniqueViolationError:  # a save has inserted the same content, or gc a tombstone, in the target meanwhile
        if len(copied) == 1:
            return Switched(held={copied[0].blob_id})
        result = Switched()
        for row in copied:  # the other rows do not have to wait
            result.add(await switch(source, target, [row]))
    result.held.update(row.blob_id for row in late)
    return result


async def _switch(connection: AsyncConnection, source: str, target: str, copied: Sequence[Copied]) -> Switched:
    hashes = sorted({row.sha256 for row in copied})
    locked = {name: await _locked(connection, name, hashes) for name in sorted({source, target})}
    named = await _named(connection, [row.blob_id for row in copied])  # last, so that it sees who deleted a row
    result = Switched()
    moves: list[dict[str, object]] = []
    merges: list[tuple[UUID, UUID]] = []
    theirs = {(sha256, size): blob_id for blob_id, (sha256, size) in locked[target].items()}
    for row in copied:
        content = row.sha256, row.size
        if row.blob_id not in locked[source]:
            (result.held if named.get(row.blob_id) == source else result.gone).add(row.blob_id)
        elif content in theirs:
            merges.append((row.blob_id, theirs[content]))
            result.merged.add(row.blob_id)
        elif row.is_theirs:
            result.held.add(row.blob_id)  # the row was deleted meanwhile, or is locked: the content is copied again
        else:
            moves.append({"id": row.blob_id, "target": target, "there": row.there})
            result.moved.add(row.blob_id)
    if moves:
        await connection.execute(_move, moves)
    for old, new in merges:
        await connection.execute(_refer, {"old": old, "new": new})
    if merges:
        await connection.execute(_delete, {"ids": [old for old, _ in merges]})
    return result


async def _locked(
    connection: AsyncConnection, storage: str, hashes: Sequence[bytes]
) -> Mapping[UUID, tuple[bytes, int]]:
    found = await connection.execute(_lock, {"storage": storage, "hashes": list(hashes)})
    return {row.blob_id: (bytes(row.sha256), row.size) for row in found}


async def _named(connection: AsyncConnection, ids: Sequence[UUID]) -> Mapping[UUID, str]:
    return {row.blob_id: row.storage for row in await connection.execute(_by_id, {"ids": list(ids)})}
