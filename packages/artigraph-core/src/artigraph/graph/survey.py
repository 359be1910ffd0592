"""What storages hold and what the rows say they hold, side by side."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast
from uuid import UUID

from sqlalchemy import bindparam, exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import Database, chunks, read
from artigraph.errors import ArtigraphError, InvalidLocation, ObjectNotFoundError, StorageError
from artigraph.graph.objects import gather
from artigraph.graph.storages import EMBEDDED_STORAGE, embedded_storage, storage_by_name
from artigraph.graph.stored import call
from artigraph.graph.tombstones import is_object
from artigraph.orm import blob_table, node_table
from artigraph.storage import Storage, StoredEntry, SupportsListing
from artigraph.storage.base import registered_storages

__all__ = ["BlobRow", "Place", "Survey", "count_blobs", "find_lost", "find_places", "read_blobs", "survey"]

_CHUNK = 1000
"""Rows and objects that are looked at together."""


@dataclass(frozen=True, slots=True)
class Place:
    """A storage that rows of the database name, or that may hold objects of it."""

    name: str
    storage: Storage | None
    """None if this process does not know it."""
    reason: str = ""
    """Why it does not."""
    inside: str | None = None
    """The storage that keeps its objects in this one."""

    @property
    def lists(self) -> bool:
        """Whether it can say what is in it."""
        return isinstance(self.storage, SupportsListing)


class BlobRow(NamedTuple):
    """A row that stands for an object."""

    blob_id: UUID
    location: str
    size: int
    sha256: bytes
    chunk_sha256: bytes | None
    used: bool
    """Whether a node refers to it."""


@dataclass(slots=True)
class Survey:
    """What a storage that lists holds below the database's store id, compared with the rows."""

    listed: int = 0
    """How many objects the storage lists."""
    seen: set[bytes] = field(default_factory=set[bytes])
    """The ids of the rows of this storage whose objects are there."""
    unregistered: list[StoredEntry] = field(default_factory=list[StoredEntry])
    """Objects that no row stands for."""
    buried: list[StoredEntry] = field(default_factory=list[StoredEntry])
    """Objects where a tombstone stands: they came, or stayed, after it was made."""
    misfits: list[tuple[StoredEntry, int]] = field(default_factory=list[tuple[StoredEntry, int]])
    """Objects of another size than their row says, and what it says."""


async def find_places(database: Database) -> list[Place]:
    """Return the storages that rows name, and those that this process knows and that list, by their names."""
    names = select(blob_table.c.storage).where(is_object).distinct()

    async def work(connection: AsyncConnection) -> list[str]:
        return [row.storage for row in await connection.execute(names)]

    places: dict[str, Place] = {}
    for name in await read(work):
        try:
            places[name] = Place(name, await storage_by_name(name))
        except ArtigraphError as error:
            places[name] = Place(name, None, str(error))
    for storage in registered_storages():
        if isinstance(storage, SupportsListing):
            places.setdefault(storage.name, Place(storage.name, storage))
    embedded = embedded_storage(database)
    if embedded is not None:
        places.setdefault(EMBEDDED_STORAGE, Place(EMBEDDED_STORAGE, embedded))
    known = [*registered_storages(), *(place.storage for place in places.values() if place.storage is not None)]
    inside = {inner: outer.name for outer in known for inner in _storages_in(outer) if inner != outer.name}
    return [
        Place(place.name, place.storage, place.reason, inside.get(place.name))
        for place in sorted(places.values(), key=lambda place: place.name)
    ]


def _storages_in(storage: Storage) -> set[str]:
    """Return the names of the storages that a storage has in its attributes: it may keep its objects in them."""
    found: set[str] = set()
    for value in cast("dict[str, object]", getattr(storage, "__dict__", {})).values():
        items: Collection[object] = [value]
        if isinstance(value, (list, tuple, set, frozenset)):
            items = cast("Collection[object]", value)
        elif isinstance(value, dict):
            items = cast("dict[object, object]", value).values()
        found.update(item.name for item in items if isinstance(item, Storage))
    return found


async def survey(place: Place, database: Database, names: Collection[str]) -> AsyncGenerator[Survey]:
    """List a storage and compare it with the rows; yields the survey after each part, the last one complete.

    Objects come before their rows are looked for, so one whose row was committed meanwhile is not taken for
    unregistered. `names` are those of all storages: an object is registered by a row of any of them, since two may
    keep their objects in one place.

    Raises:
        StorageError: the listing failed; nothing may be concluded from what came before.
    """
    result = Survey()
    others = [name for name in names if name != place.name]
    async with aclosing(_batches(cast("Storage", place.storage), f"{database.store_id.hex}/")) as batches:
        async for entries in batches:
            await _compare(result, entries, place.name, others)
            yield result


async def _compare(result: Survey, entries: Sequence[StoredEntry], name: str, others: Sequence[str]) -> None:
    result.listed += len(entries)
    rows = await _rows_at([name], [entry.location for entry in entries])
    unsaid = [entry.location for entry in entries if not _is_registered(rows, entry.location)]
    elsewhere = await _rows_at(others, unsaid)
    for entry in entries:
        row = rows.get(entry.location)
        if row is not None and row.is_object:
            result.seen.add(row.blob_id.bytes)
            if row.size != entry.size:
                result.misfits.append((entry, row.size))
        elif _is_registered(elsewhere, entry.location):
            continue
        elif row is not None:
            result.buried.append(entry)
        else:
            result.unregistered.append(entry)


def _is_registered(rows: Mapping[str, Any], location: str) -> bool:
    return location in rows and bool(rows[location].is_object)


_at_locations = select(
    blob_table.c.blob_id, blob_table.c.location, blob_table.c.size, is_object.label("is_object")
).where(
    blob_table.c.storage.in_(bindparam("storages", expanding=True)),
    blob_table.c.location.in_(bindparam("locations", expanding=True)),
)


async def _rows_at(storages: Sequence[str], locations: Sequence[str]) -> dict[str, Any]:
    """Return the rows at locations; of several at one, a row that stands for an object."""
    if not storages or not locations:
        return {}

    async def work(connection: AsyncConnection) -> dict[str, Any]:
        found = await connection.execute(_at_locations, {"storages": [*storages], "locations": [*locations]})
        rows: dict[str, Any] = {}
        for row in found:
            if row.is_object or row.location not in rows:
                rows[row.location] = row
        return rows

    return await read(work)


async def _batches(storage: Storage, prefix: str) -> AsyncGenerator[list[StoredEntry]]:
    batch: list[StoredEntry] = []
    listing: Any = _listing(storage, prefix)
    try:
        while True:
            entry: object = await call(storage, anext(listing, None))
            if entry is None:
                break
            if not isinstance(entry, StoredEntry) or not entry.location.startswith(prefix):
                msg = f"{storage!r} listed {entry!r:.200} below {prefix!r}; nothing is done with such a listing"
                raise StorageError(msg)
            batch.append(entry)
            if len(batch) >= _CHUNK:
                yield batch
                batch = []
        yield batch
    finally:
        if hasattr(listing, "aclose"):
            await listing.aclose()


def _listing(storage: Storage, prefix: str) -> object:
    listing: object = cast("SupportsListing", storage).list(prefix)
    if not hasattr(listing, "__anext__"):
        if hasattr(listing, "close"):
            cast("Any", listing).close()  # a coroutine that nobody will await
        msg = f"The method `list` of {storage!r} is no asynchronous generator of StoredEntry; see SupportsListing"
        raise StorageError(msg)
    return listing


_used = exists().where(node_table.c.blob_id == blob_table.c.blob_id)
_blobs = (
    select(*(blob_table.c[name] for name in BlobRow._fields[:-1]), _used.label("used"))
    .where(blob_table.c.storage == bindparam("storage"), blob_table.c.blob_id > bindparam("after"), is_object)
    .order_by(blob_table.c.blob_id)
    .limit(_CHUNK)
)


async def count_blobs(storage: str) -> int:
    """Return how many rows of a storage stand for objects."""
    statement = select(func.count()).select_from(blob_table).where(blob_table.c.storage == storage, is_object)

    async def work(connection: AsyncConnection) -> int:
        return (await connection.execute(statement)).scalar_one()

    return await read(work)


async def read_blobs(storage: str) -> AsyncGenerator[list[BlobRow]]:
    """Yield all rows of a storage, in parts."""
    after = UUID(int=0)
    while True:

        async def work(connection: AsyncConnection, after: UUID = after) -> list[BlobRow]:
            found = await connection.execute(_blobs, {"storage": storage, "after": after})
            return [BlobRow._make(row) for row in found]

        rows = await read(work)
        if rows:
            yield rows
        if len(rows) < _CHUNK:
            return
        after = rows[-1].blob_id


async def find_lost(place: Place, rows: Sequence[BlobRow]) -> list[BlobRow]:
    """Return those of the rows whose objects are not there; rows that went meanwhile are not among them.

    A location that the storage cannot have returned leads to no object.

    Raises:
        StorageError: the storage could not be asked.
    """
    storage = cast("Storage", place.storage)
    missing: list[BlobRow] = []

    async def ask(row: BlobRow) -> None:
        try:
            found = await call(storage, storage.exists(row.location))
        except (InvalidLocation, ObjectNotFoundError):
            found = False
        if not found:
            missing.append(row)

    await gather(rows, ask)
    # Only now: a row that is there still was there when its object was not.
    there = await read(lambda connection: _still_there(connection, missing))
    return [row for row in missing if row.blob_id in there]


async def _still_there(connection: AsyncConnection, rows: Sequence[BlobRow]) -> set[UUID]:
    there: set[UUID] = set()
    for ids in chunks([row.blob_id for row in rows]):
        found = await connection.execute(select(blob_table.c.blob_id).where(blob_table.c.blob_id.in_(ids)))
        there.update(row.blob_id for row in found)
    return there
