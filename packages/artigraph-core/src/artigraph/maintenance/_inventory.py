"""The storages of a store, and the rows that describe their objects."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, NamedTuple
from typing import cast as typed
from uuid import UUID

from sqlalchemy import LargeBinary, Select, bindparam, cast, exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import Database, Row, fetch_rows, in_batches, read
from artigraph.errors import ArtigraphError, InvalidLocationError, ObjectNotFoundError
from artigraph.graph.objects import run_concurrently
from artigraph.graph.placement import EMBEDDED_STORAGE, embedded_storage, storage_by_name
from artigraph.graph.stored_object import call_storage
from artigraph.graph.tombstones import is_object
from artigraph.maintenance._consistency import decoded, id_if_any, readable
from artigraph.orm import blob_table, node_table
from artigraph.storage import Storage, SupportsListing
from artigraph.storage.base import registered_storages

CHUNK = 1000
"""Rows and objects that are read and compared at a time."""


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
            items = typed("Collection[object]", value)
        elif isinstance(value, dict):
            items = typed("dict[object, object]", value).values()
        found.update(item.name for item in items if isinstance(item, Storage))
    return found


_used = exists().where(node_table.c.blob_id == blob_table.c.blob_id)


def _select_rows(database: Database, *, above: bool, up_to: bool) -> Select[*tuple[Any, ...]]:
    """Select the rows of a storage in a range of locations, in the order of the index of locations.

    In any other order, databases sort all rows of the storage for each chunk.
    """
    location = blob_table.c.location
    columns = [readable(blob_table.c[name], database) for name in BlobRow._fields[:-1]]
    columns += [_used.label("used"), blob_table.c.chunk_sha256.is_(None).label("has_no_chunks")]
    statement = select(*columns, is_object.label("is_object")).where(blob_table.c.storage == bindparam("storage"))
    low: Any = bindparam("low", type_=location.type)
    high: Any = bindparam("high", type_=location.type)
    if database.dialect == "sqlite":
        # A location may be text that is not UTF-8, or no text at all. Bounds are bytes, which become text in SQL.
        low, high = (cast(bindparam(name, type_=LargeBinary), location.type) for name in ("low", "high"))
        statement = statement.where(func.typeof(location) == "text")
    if above:
        statement = statement.where(location > low)
    if up_to:
        statement = statement.where(location <= high)
    return statement.order_by(location).limit(CHUNK)


async def read_rows(
    storage: str, database: Database, low: str | None = None, high: str | None = None
) -> AsyncGenerator[list[Row]]:
    """Yield the rows of a storage in chunks, of objects and tombstones, in the order of their locations.

    A row has the values that `blob_row` takes, and whether it describes an object.

    Args:
        storage: the name of the storage.
        database: the current database.
        low: what the locations are greater than.
        high: the greatest location.
    """
    in_bytes = database.dialect == "sqlite"
    given: dict[str, Any] = {"storage": storage}
    given |= {
        name: bound.encode() if in_bytes else bound
        for name, bound in (("low", low), ("high", high))
        if bound is not None
    }
    while True:
        statement = _select_rows(database, above="low" in given, up_to="high" in given)

        async def work(connection: AsyncConnection, statement: Select[*tuple[Any, ...]] = statement) -> list[Row]:
            return await fetch_rows(connection, statement, given)

        found = await read(work)
        if found:
            yield found
        if len(found) < CHUNK:
            return
        given["low"] = found[-1][1]


def blob_row(row: Sequence[Any]) -> BlobRow | None:
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
    """Yield the rows of all objects of a storage in chunks, without those that hold invalid values."""
    async with aclosing(read_rows(storage, database)) as pages:
        async for page in pages:
            rows = [row for *values, stands in page if stands and (row := blob_row(values)) is not None]
            if rows:
                yield rows


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
