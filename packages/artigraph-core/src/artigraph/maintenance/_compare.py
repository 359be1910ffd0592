"""Comparing what a storage lists with the blob rows: both in the order of locations, in constant memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import Database, Row, read
from artigraph.errors import InvalidLabelError, StorageError
from artigraph.graph.objects import LONGEST_LOCATION, run_concurrently
from artigraph.graph.stored_object import call_storage
from artigraph.graph.tombstones import is_object
from artigraph.identifiers import check_label
from artigraph.maintenance._inventory import CHUNK, BlobRow, Place, blob_row, find_lost, read_rows
from artigraph.maintenance._spool import Spool
from artigraph.orm import blob_table
from artigraph.storage import Storage, StoredEntry

_PREFIXES = 256
"""The library's keys continue the store id with two hexadecimal digits."""
_AT_ONCE = 8
"""Prefixes that are listed and compared concurrently."""
_MANY = 10_000
"""With more rows, a storage is listed by prefixes. With fewer, one listing costs less than 256."""
_MICROSECOND = timedelta(microseconds=1)


class Registered(NamedTuple):
    """A row that describes an object, and the object if the storage listed it."""

    row: BlobRow
    entry: StoredEntry | None


@dataclass(frozen=True, slots=True)
class Compared:
    """A part of a storage, compared with its rows. Nothing that was compared before comes again."""

    listed: int
    """How many objects the storage listed."""
    rows: Sequence[Registered]
    """Rows that describe objects."""
    lost: Sequence[BlobRow]
    """Those of the rows whose object does not exist."""
    unregistered: Sequence[StoredEntry]
    """Objects without a row."""
    buried: Sequence[StoredEntry]
    """Objects whose location has a tombstone: they were stored, or remained, after it was created."""


class _RowAt(NamedTuple):
    location: str
    is_object: bool
    blob: BlobRow | None
    """None for a tombstone, and for a row with an invalid value, which fsck reports."""


async def compare(
    place: Place, database: Database, names: Collection[str], use: Callable[[Compared], Awaitable[None]]
) -> None:
    """Compare all objects and rows of a storage, and pass the results on in parts of about 1,000.

    Objects are listed before their rows are read. So an object whose row is committed meanwhile does not look
    unregistered. An object that was not listed counts as lost only if the storage denies that it exists, and its row is
    still there after that.

    A storage with many rows is listed by 256 prefixes, several at a time, and the parts come in any order. What others
    keep below the store id at keys that the library does not make is left alone then.

    Args:
        place: the storage. If it cannot list, it is asked for each object.
        database: the current database.
        names: the names of all storages. A row of any of them registers an object, since two may keep their objects in
            one place.
        use: receives the parts, several at a time.

    Raises:
        StorageError: the listing failed, or the storage did not answer. The parts before prove nothing then.
    """
    work = _Comparison(place, database, [name for name in names if name != place.name], use)
    await run_concurrently(await work.regions(), work.compare, at_once=_AT_ONCE)


class _Region(NamedTuple):
    """A range of locations: above the first bound, up to and including the second."""

    low: str | None
    high: str | None
    prefix: str | None = None
    """What the storage lists in it. It is asked for each object elsewhere."""


class _Comparison:
    def __init__(
        self, place: Place, database: Database, others: Sequence[str], use: Callable[[Compared], Awaitable[None]]
    ) -> None:
        self._place = place
        self._database = database
        self._others = others
        self._use = use
        self._asking = asyncio.Lock()
        """Held while the storage is asked for objects one by one, which happens concurrently already."""

    async def regions(self) -> list[_Region]:
        """Return ranges that contain every location, each once."""
        if not self._place.lists:
            return [_Region(None, None)]
        store = f"{self._database.store_id.hex}/"
        prefixes = [store]
        if await read(self._has_many):
            prefixes = [f"{store}{number:02x}/" for number in range(_PREFIXES)]
        ends: list[str | None] = [*prefixes[1:], None]  # a range takes the few rows before the next prefix, too
        regions = [_Region(prefix, end, prefix) for prefix, end in zip(prefixes, ends, strict=True)]
        return [_Region(None, prefixes[0]), *regions]

    async def _has_many(self, connection: AsyncConnection) -> bool:
        found = select(blob_table.c.blob_id).where(blob_table.c.storage == self._place.name)
        return (await connection.execute(found.offset(_MANY).limit(1))).first() is not None

    async def compare(self, region: _Region) -> None:
        low, high, prefix = region
        if prefix is not None:
            async with aclosing(listed(self._place.known, prefix)) as batches:
                async for entries in batches:
                    last = entries[-1].location
                    await self._compare(low, last, entries)
                    low = last
        await self._compare(low, high, [])

    async def _compare(self, low: str | None, high: str | None, entries: Sequence[StoredEntry]) -> None:
        """Compare the rows in a range of locations with all objects in it."""
        without_row = {entry.location: entry for entry in entries}
        tombs: dict[str, StoredEntry] = {}
        new = len(entries)
        async with aclosing(read_rows(self._place.name, self._database, low, high)) as pages:
            async for page in pages:
                rows = map(_row_at, page)
                found: list[Registered] = []
                for row in rows:
                    entry = without_row.pop(row.location, None)
                    if row.blob is not None:
                        found.append(Registered(row.blob, entry))
                    elif entry is not None and not row.is_object:
                        tombs[row.location] = entry
                lost = await self._find_lost([row for row, entry in found if entry is None])
                await self._use(Compared(new, found, lost, (), ()))
                new = 0
        elsewhere = await self._registered_elsewhere([*without_row, *tombs])
        unregistered = [entry for location, entry in without_row.items() if location not in elsewhere]
        buried = [entry for location, entry in tombs.items() if location not in elsewhere]
        await self._use(Compared(new, (), (), unregistered, buried))

    async def _find_lost(self, rows: Sequence[BlobRow]) -> Sequence[BlobRow]:
        if not rows:
            return ()
        async with self._asking:
            return await find_lost(self._place, rows)

    async def _registered_elsewhere(self, locations: Sequence[str]) -> set[str]:
        """Return the locations that have a row of another storage."""
        if not self._others or not locations:
            return set()
        statement = select(blob_table.c.location).where(
            blob_table.c.storage.in_(self._others), blob_table.c.location.in_(locations), is_object
        )
        return {row.location for row in await read(lambda connection: connection.execute(statement))}


def _row_at(row: Row) -> _RowAt:
    *values, stands = row
    location = values[1]
    text = location.decode(errors="replace") if isinstance(location, bytes) else str(location)
    return _RowAt(text, bool(stands), blob_row(values) if stands else None)


async def listed(storage: Storage, prefix: str) -> AsyncGenerator[list[StoredEntry]]:
    """Yield the objects below a prefix in the order of their locations, 1,000 at a time.

    The storage may list them in any order. An object that it lists again comes once.

    Raises:
        StorageError: the listing failed, or the storage returned something else than a listing.
    """
    listing: Any = _listing(storage, prefix)
    async with Spool() as spool:
        try:
            while True:
                entry: object = await call_storage(storage, anext(listing, None))
                if entry is None:
                    break
                if not isinstance(entry, StoredEntry) or not _can_be(entry, prefix):
                    msg = f"{storage!r} listed {entry!r:.200} below {prefix!r}; nothing is done with such a listing"
                    raise StorageError(msg)
                await spool.add((entry.location, entry.size, entry.age // _MICROSECOND, 0))
        finally:
            if hasattr(listing, "aclose"):
                await listing.aclose()
        last = ""
        async with aclosing(spool.batches(CHUNK)) as batches:
            async for batch in batches:
                entries: list[StoredEntry] = []
                for location, size, age, _ in batch:
                    if location != last:
                        entries.append(StoredEntry(location, size, age * _MICROSECOND))
                        last = location
                if entries:
                    yield entries


def _can_be(entry: StoredEntry, prefix: str) -> bool:
    """Return whether an entry has values that its types and the columns of a blob allow."""
    location, size, age = _untyped(entry)
    try:
        check_label(location, most=LONGEST_LOCATION)
    except InvalidLabelError:
        return False
    return location.startswith(prefix) and isinstance(size, int) and size >= 0 and isinstance(age, timedelta)


def _untyped(entry: StoredEntry) -> tuple[Any, Any, Any]:
    return entry.location, entry.size, entry.age


def _listing(storage: Storage, prefix: str) -> object:
    untyped: Any = storage
    listing: Any = untyped.list(prefix)
    if not hasattr(listing, "__anext__"):
        if hasattr(listing, "close"):
            listing.close()  # a coroutine that nobody would await
        msg = f"The method `list` of {storage!r} is no asynchronous generator of StoredEntry; see SupportsListing"
        raise StorageError(msg)
    return listing
