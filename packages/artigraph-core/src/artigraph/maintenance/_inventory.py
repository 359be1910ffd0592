"""Comparing the objects in storages with the blob rows."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast
from uuid import UUID

from sqlalchemy import Select, bindparam, exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import Database, Row, fetch_rows, in_batches, read
from artigraph.errors import ArtigraphError, InvalidLocationError, ObjectNotFoundError, StorageError
from artigraph.graph.objects import run_concurrently
from artigraph.graph.placement import EMBEDDED_STORAGE, embedded_storage, storage_by_name
from artigraph.graph.stored_object import call_storage
from artigraph.graph.tombstones import is_object
from artigraph.maintenance._consistency import decoded, id_if_any, readable
from artigraph.orm import blob_table, node_table
from artigraph.storage import Storage, StoredEntry, SupportsListing
from artigraph.storage.base import registered_storages

_CHUNK = 1000
"""Rows and objects that are compared at a time."""


@dataclass(frozen=True, slots=True)
class Place:
    """A storage that rows of the database name, or that may hold objects of it."""

    name: str
    storage: Storage | None
    """None if this process does not know the storage."""
    reason: str = ""
    """Why the storage is unknown."""
    inside: str | None = None
    """The name of a storage that keeps its objects in this one."""

    @property
    def known(self) -> Storage:
        """The storage, where the caller made sure that it is known."""
        assert self.storage is not None
        return self.storage

    @property
    def lists(self) -> bool:
        """Whether the storage can list its objects."""
        return isinstance(self.storage, SupportsListing)


class BlobRow(NamedTuple):
    """A row that describes an object."""

    blob_id: UUID
    location: str
    size: int
    sha256: bytes
    chunk_sha256: bytes | None
    used: bool
    """Whether a node refers to the row."""


@dataclass(slots=True)
class Survey:
    """The objects below the database's store id in a storage that lists, compared with the rows."""

    listed: int = 0
    """How many objects the storage lists."""
    seen: set[bytes] = field(default_factory=set[bytes])
    """The ids of this storage's rows whose objects exist."""
    unregistered: list[StoredEntry] = field(default_factory=list[StoredEntry])
    """Objects without a row."""
    buried: list[StoredEntry] = field(default_factory=list[StoredEntry])
    """Objects whose location has a tombstone: they were stored, or remained, after it was created."""
    misfits: list[tuple[StoredEntry, int]] = field(default_factory=list[tuple[StoredEntry, int]])
    """Objects whose size differs from the recorded one, each with the recorded one."""


async def find_places(database: Database) -> list[Place]:
    """Return the storages that rows name, and the known storages that can list, ordered by name."""
    names = select(readable(blob_table.c.storage, database)).where(is_object).distinct()

    async def work(connection: AsyncConnection) -> list[str]:
        found = [decoded(row.storage) for row in await connection.execute(names)]
        return [name for name in found if name is not None]

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
    """Return the names of the storages in a storage's attributes: it may keep its objects in them."""
    found: set[str] = set()
    attributes: dict[str, object] = getattr(storage, "__dict__", {})
    for value in attributes.values():
        items: Collection[object] = [value]
        if isinstance(value, (list, tuple, set, frozenset)):
            items = cast("Collection[object]", value)
        elif isinstance(value, dict):
            items = cast("dict[object, object]", value).values()
        found.update(item.name for item in items if isinstance(item, Storage))
    return found


async def survey(place: Place, database: Database, names: Collection[str]) -> AsyncGenerator[Survey]:
    """List a storage and compare it with the rows. Yield the survey after each chunk; the last one is complete.

    Objects are listed before their rows are read. So an object whose row is committed meanwhile does not look
    unregistered. `names` are those of all storages. A row of any of them registers an object, since two may keep their
    objects in one place.

    Raises:
        StorageError: the listing failed; the surveys yielded before prove nothing.
    """
    result = Survey()
    others = [name for name in names if name != place.name]
    async with aclosing(_batches(place.known, f"{database.store_id.hex}/")) as batches:
        async for entries in batches:
            await _compare(result, entries, place.name, others, database)
            yield result


async def _compare(
    result: Survey, entries: Sequence[StoredEntry], name: str, others: Sequence[str], database: Database
) -> None:
    result.listed += len(entries)
    rows = await _rows_at(database, [name], [entry.location for entry in entries])
    unsaid = [entry.location for entry in entries if not _is_registered(rows, entry.location)]
    elsewhere = await _rows_at(database, others, unsaid)
    for entry in entries:
        row = rows.get(entry.location)
        if row is not None and row.is_object:
            if row.blob_id is not None:
                result.seen.add(row.blob_id.bytes)
            if row.size is not None and row.size != entry.size:
                result.misfits.append((entry, row.size))
        elif _is_registered(elsewhere, entry.location):
            continue
        elif row is not None:
            result.buried.append(entry)
        else:
            result.unregistered.append(entry)


def _is_registered(rows: Mapping[str, _RowAt], location: str) -> bool:
    return location in rows and rows[location].is_object


def _select_at(database: Database) -> Select[*tuple[Any, ...]]:
    columns = [readable(blob_table.c[name], database) for name in ("blob_id", "size")]
    return select(*columns, blob_table.c.location, is_object.label("is_object")).where(
        blob_table.c.storage.in_(bindparam("storages", expanding=True)),
        blob_table.c.location.in_(bindparam("locations", expanding=True)),
    )


class _RowAt(NamedTuple):
    blob_id: UUID | None
    """None if the row's id is invalid, which fsck reports."""
    size: Any
    is_object: bool


async def _rows_at(database: Database, storages: Sequence[str], locations: Sequence[str]) -> dict[str, _RowAt]:
    """Return the rows at these locations. If a location has several, prefer a row that describes an object."""
    if not storages or not locations:
        return {}
    statement = _select_at(database)

    async def work(connection: AsyncConnection) -> dict[str, _RowAt]:
        # Fetch the driver's raw values: other checks report those that are invalid for their column.
        found = await fetch_rows(connection, statement, {"storages": [*storages], "locations": [*locations]})
        rows: dict[str, _RowAt] = {}
        for blob_id, size, location, stands in found:
            if stands or location not in rows:
                rows[location] = _RowAt(id_if_any(blob_id), size, bool(stands))
        return rows

    return await read(work)


async def _batches(storage: Storage, prefix: str) -> AsyncGenerator[list[StoredEntry]]:
    batch: list[StoredEntry] = []
    listing: Any = _listing(storage, prefix)
    try:
        while True:
            entry: object = await call_storage(storage, anext(listing, None))
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
    untyped: Any = storage
    listing: Any = untyped.list(prefix)
    if not hasattr(listing, "__anext__"):
        if hasattr(listing, "close"):
            listing.close()  # a coroutine that nobody would await
        msg = f"The method `list` of {storage!r} is no asynchronous generator of StoredEntry; see SupportsListing"
        raise StorageError(msg)
    return listing


_used = exists().where(node_table.c.blob_id == blob_table.c.blob_id)


def _select_blobs(database: Database) -> Select[*tuple[Any, ...]]:
    columns = [readable(blob_table.c[name], database) for name in BlobRow._fields[:-1]]
    return (
        select(*columns, _used.label("used"), blob_table.c.chunk_sha256.is_(None).label("has_no_chunks"))
        .where(blob_table.c.storage == bindparam("storage"), blob_table.c.blob_id > bindparam("after"), is_object)
        .order_by(blob_table.c.blob_id)
        .limit(_CHUNK)
    )


def _blob_row(row: Row) -> BlobRow | None:
    """Convert a row, or return None if a column holds an invalid value, which fsck reports."""
    blob_id, location, size, sha256, chunks, used, has_no_chunks = row
    found = id_if_any(blob_id)
    if (
        found is None
        or size is None
        or sha256 is None
        or location is None
        or (chunks is None) is not bool(has_no_chunks)
    ):
        return None
    chunks = None if chunks is None else bytes(chunks)
    return BlobRow(found, decoded(location) or "", size, bytes(sha256), chunks, bool(used))


async def count_blobs(storage: str) -> int:
    """Return the number of rows of a storage that describe objects."""
    statement = select(func.count()).select_from(blob_table).where(blob_table.c.storage == storage, is_object)

    async def work(connection: AsyncConnection) -> int:
        return (await connection.execute(statement)).scalar_one()

    return await read(work)


async def read_blobs(storage: str, database: Database) -> AsyncGenerator[list[BlobRow]]:
    """Yield all rows of a storage in chunks, without those that hold invalid values."""
    after: Any = UUID(int=0)
    statement = _select_blobs(database)
    while True:

        async def work(connection: AsyncConnection, after: Any = after) -> list[Row]:
            return await fetch_rows(connection, statement, {"storage": storage, "after": after})

        found = await read(work)
        rows = [row for each in found if (row := _blob_row(each)) is not None]
        if rows:
            yield rows
        if len(found) < _CHUNK:
            return
        after = found[-1][0]


async def find_lost(place: Place, rows: Sequence[BlobRow]) -> list[BlobRow]:
    """Return the rows whose objects do not exist, without rows that were deleted meanwhile.

    A location that the storage cannot have returned counts as one without an object.

    Raises:
        StorageError: the storage did not answer.
    """
    storage = place.known
    missing: list[BlobRow] = []

    async def ask(row: BlobRow) -> None:
        try:
            found = await call_storage(storage, storage.exists(row.location))
        except (InvalidLocationError, ObjectNotFoundError):
            found = False
        if not found:
            missing.append(row)

    await run_concurrently(rows, ask)
    # Check last: a row that still exists also existed when its object did not.
    there = await read(lambda connection: _still_there(connection, missing))
    return [row for row in missing if row.blob_id in there]


async def _still_there(connection: AsyncConnection, rows: Sequence[BlobRow]) -> set[UUID]:
    there: set[UUID] = set()
    for ids in in_batches([row.blob_id for row in rows]):
        found = await connection.execute(select(blob_table.c.blob_id).where(blob_table.c.blob_id.in_(ids)))
        there.update(row.blob_id for row in found)
    return there
