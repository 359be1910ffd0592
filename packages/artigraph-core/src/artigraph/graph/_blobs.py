"""Putting and registering the objects of one save; docs/design/saving.md describes the protocol.

This module is over 400 lines, because the steps of the protocol share one state and are read together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

import artigraph.db as db
from artigraph.errors import ValueTooLargeError
from artigraph.graph._tree import Deferred, PendingValue, Streamed
from artigraph.graph.hashing import Content, Digests, Part, hash_parts, join
from artigraph.graph.objects import CONCURRENCY, Stopwatch, put_all, put_stream, remove_quietly, run_concurrently
from artigraph.graph.placement import storage_for, storage_for_stream
from artigraph.graph.stored_object import StoredObject, read_object
from artigraph.graph.tombstones import REGISTERED_WITHIN, registered_at
from artigraph.identifiers import new_ids
from artigraph.orm import blob_table
from artigraph.orm.tables import BLOB_KEY
from artigraph.progress import Meter
from artigraph.storage import Storage

_UNKNOWN = 4 * 1024 * 1024
"""The assumed number of bytes of a value that does not say how large it is."""
_SHARES = 4
"""How many values of unknown size are encoded at once. Until then they reserve 1/_SHARES of the bound together."""


class BlobVanishedError(Exception):
    """A blob row that a save needs does not exist: its object was collected before the row could be locked."""

    def __init__(self, lost: Collection[Content] = ()) -> None:
        super().__init__()
        self.lost = lost
        """Contents that were put at locations where they can no longer be registered."""


@dataclass(frozen=True, slots=True)
class _Placed:
    """An object that this save put."""

    location: str
    since: Stopwatch
    """A moment before the object could be seen there."""


class Blobs:
    """Encodes the values of a save, and puts those that are not stored in rows into their storages.

    Values are encoded and put in groups, and their bytes are released as soon as they are put. So the bytes in flight
    in the process are bounded, however many values and saves there are. A value is encoded again only if its object
    vanished before its row was locked.
    """

    def __init__(self, pending: Sequence[PendingValue], database: db.Database) -> None:
        self._pending = pending
        self._database = database
        self._contents: dict[int, Content] = {}
        """The contents of the values by their index. A value that is stored in its row has none."""
        self._digests: dict[Content, Digests] = {}
        self._storages: dict[str, Storage] = {}
        self._put: dict[Content, _Placed] = {}
        """Where this save put objects, which may be registered there."""
        self._superfluous: list[tuple[Storage, str]] = []
        """Objects to remove: streams that were put already, and objects that cannot be registered where they are."""
        self._registered: dict[Content, str] = {}
        """The locations that the database records for the objects, once this transaction has locked their rows."""
        self._committed_apart = False
        self._was_taken = False
        """Whether another transaction inserted a row at the same time, so that more of its rows may follow."""

    async def put_missing(self, meter: Meter) -> None:
        """Encode the values, look up their blob rows, and put the objects that have none. The meter counts their bytes.

        Raises:
            SerializationError, StorageError: a value cannot be encoded or put.
        """
        for index, value in enumerate(self._pending):
            if isinstance(value.source, StoredObject) and index not in self._contents:
                stored = value.source  # its hashes are recorded; it is read only if its target does not have it
                digests = Digests(stored.size, stored.sha256, stored.chunk_sha256)
                self._note(index, value.storage or stored.storage, digests)
        known = await self._look(set(self._contents.values()))
        group: list[int] = []
        size = 0
        for index, value in enumerate(self._pending):
            content = self._contents.get(index)
            if content is not None and (content in known or content in self._put):
                continue
            if isinstance(value.source, Streamed):
                await self._put_stream(index, value, value.source, meter)
                continue
            if await self._put_in_row(index, value):  # a value in its row reserves no memory and does not wait
                continue
            hint = _UNKNOWN if (known_size := _size_hint(value)) is None else known_size
            if group and size + hint > db.bytes_in_flight():
                await self._put_group(group, meter)
                group, size = [], 0
            group.append(index)
            size += hint
        await self._put_group(group, meter, last=True)

    async def _put_in_row(self, index: int, value: PendingValue) -> bool:
        """Store a value in its row if it belongs there, and return whether it does."""
        if isinstance(value.source, bytes):
            if storage_for(value, len(value.source), self._database) is not None:
                return False
            self._keep_in_row(index, value.source)
            return True
        hint = _size_hint(value)
        if not isinstance(value.source, Deferred) or hint is None or not self._stays_in_row(value, hint):
            return False
        parts = await _encode(value)
        if not self._stays_in_row(value, sum(len(part) for part in parts)):  # it is larger than its hint
            return False
        self._keep_in_row(index, join(parts))
        return True

    def _keep_in_row(self, index: int, data: bytes) -> None:
        """Store a value in its row, and not in an object. It may have been larger when it was encoded before."""
        self._contents.pop(index, None)
        self._pending[index].row.update(value=data, blob_id=None)

    def _stays_in_row(self, value: PendingValue, size: int) -> bool:
        try:
            return storage_for(value, size, self._database) is None
        except ValueTooLargeError:  # raised later, when its exact size is known
            return False

    async def _put_stream(self, index: int, value: PendingValue, source: Streamed, meter: Meter) -> None:
        storage = storage_for_stream(value, self._database)
        digests, location, since = await put_stream(storage, source.parts(), self._database.store_id, meter)
        content = self._note(index, storage, digests)
        if content in self._put:
            self._superfluous.append((storage, location))
        else:
            self._put[content] = _Placed(location, since)

    async def _put_group(self, group: Sequence[int], meter: Meter, *, last: bool = False) -> None:
        while group:
            group = await self._put_some(group, meter, last=last)

    async def _put_some(self, group: Sequence[int], meter: Meter, *, last: bool) -> list[int]:
        """Encode and put values of a group; return those that did not fit, as others were larger than expected.

        Their bytes are reserved from before they are encoded until they are put.
        """
        encoded: dict[Content, tuple[Storage, Sequence[Part], Digests]] = {}
        later: list[int] = []
        hints = [_size_hint(self._pending[index]) for index in group]
        expected = begun = sum(hint or 0 for hint in hints)
        limit, at_once = max(expected, db.bytes_in_flight()), CONCURRENCY
        if None in hints:
            limit = expected = expected + max(1, db.bytes_in_flight() // _SHARES)
            at_once = _SHARES

        async def encode(index: int) -> None:
            nonlocal begun
            value = self._pending[index]
            hint = _size_hint(value) or 0
            if begun > limit:
                later.append(index)
                begun -= hint
                return
            parts = await _encode(value)
            size = sum(len(part) for part in parts)
            begun += size - hint
            place.resize(max(expected, begun))
            if isinstance(value.source, StoredObject):
                storage: Storage | None = value.storage or value.source.storage
            else:
                storage = storage_for(value, size, self._database)
            if storage is None:
                self._keep_in_row(index, join(parts))
            else:
                digests = await hash_parts(parts, size)
                encoded.setdefault(self._note(index, storage, digests), (storage, parts, digests))

        async with db.reserve_memory(expected) as place:
            await run_concurrently(group, encode, at_once=at_once)
            place.resize(sum(content.size for content in encoded))
            with place.asking_database():
                known = await self._look(encoded)
            for content in [content for content in encoded if content in known or content in self._put]:
                del encoded[content]
            place.resize(sum(content.size for content in encoded))
            if encoded:
                since = Stopwatch()
                if last and not later:  # only now are the sizes of all objects known
                    meter.total = meter.done + sum(content.size for content in encoded)
                put = await put_all(encoded, self._database.store_id, meter)
                self._put |= {content: _Placed(location, since) for content, (location, _) in put.items()}
                self._digests |= {content: digests for content, (_, digests) in put.items()}
                encoded.clear()
        return later

    def _note(self, index: int, storage: Storage, digests: Digests) -> Content:
        """Store a value in an object, and not in its row. It may have been smaller when it was encoded before."""
        self._pending[index].row["value"] = None
        content = Content(storage.name, digests.sha256, digests.size)
        self._contents[index] = content
        self._digests[content] = digests
        self._storages[storage.name] = storage
        return content

    async def commit_apart(self) -> None:
        """In a session, commit the blob rows separately, so that locks on them do not last as long as the session.

        Raises:
            BlobVanishedError, UniqueViolationError: as `hold`.
        """
        if db.in_session() and self._to_insert():
            await db.write_apart(self._insert)
            self._committed_apart = True

    async def hold(self, connection: AsyncConnection) -> None:
        """Lock all needed blob rows until the transaction ends, and make the nodes refer to them.

        Raises:
            BlobVanishedError: a row does not exist.
            UniqueViolationError, ReferenceVanishedError: another transaction may have inserted or collected an object;
                `can_begin_again` decides.
        """
        if not self._committed_apart:
            await self._insert(connection)
        wanted = set(self._contents.values())
        held = await self._select(connection, wanted, lock=True) if wanted else {}
        if len(held) < len(wanted):
            raise BlobVanishedError(await self._refused(connection, wanted.difference(held)))
        for index, content in self._contents.items():
            self._pending[index].row["blob_id"] = held[content][0].bytes
        self._registered = {content: location for content, (_, location) in held.items()}

    def can_begin_again(self, error: BlobVanishedError | db.ReferenceVanishedError | db.UniqueViolationError) -> bool:
        """Return whether the save can be tried again after an error, and prepare for that.

        It can if another transaction collected or inserted an object of this save.
        """
        match error:
            case BlobVanishedError(lost=lost):
                self.forget(lost)
            case db.UniqueViolationError():
                taken = (error.constraint or "").startswith(f"uq_{blob_table.name}_")
                self._was_taken = self._was_taken or taken
                return taken
            case _:
                if error.reference == "parent_id":
                    return False
                self.forget(())
        return True

    def forget(self, lost: Collection[Content]) -> None:
        """Forget objects that cannot be registered where they were put, so that they are put again elsewhere."""
        if self._committed_apart:
            # The rows of this save were visible, so others may have collected them with their objects. An object whose
            # row is missing now can only be registered under a fresh key. The old objects are left to gc.
            self._put.clear()
        for content in lost:
            placed = self._put.pop(content, None)
            if placed is not None:
                self._superfluous.append((self._storages[content.storage], placed.location))

    async def _refused(self, connection: AsyncConnection, missing: Collection[Content]) -> list[Content]:
        """Return the contents whose location cannot be registered, because gc found the object there without a row."""
        refused: list[Content] = []
        by_storage: dict[str, list[Content]] = {}
        for content in missing:
            if content in self._put:
                by_storage.setdefault(content.storage, []).append(content)
        for storage, contents in by_storage.items():
            for part in db.in_batches(contents):
                places = [self._put[content].location for content in part]
                taken = await registered_at(connection, self._database, storage, places)
                refused += [content for content in part if self._put[content].location in taken]
        return refused

    async def remove_redundant(self) -> None:
        """Remove this save's copies of objects that another save registered first."""
        others = {
            content: placed for content, placed in self._put.items() if self._registered.get(content) != placed.location
        }
        await remove_quietly(self._places(others))

    async def remove_unregistered(self) -> None:
        """Remove the objects of a failed save, unless their rows were committed separately."""
        if not self._committed_apart:
            await remove_quietly(self._places(self._put))

    def _places(self, objects: Mapping[Content, _Placed]) -> list[tuple[Storage, str]]:
        places = [(self._storages[content.storage], placed.location) for content, placed in objects.items()]
        return [*places, *self._superfluous]

    def _to_insert(self) -> list[Content]:
        """Return the contents that this save put and needs, in the order in which rows are inserted."""
        wanted = set(self._contents.values())
        return _in_order(content for content in self._put if content in wanted)

    async def _insert(self, connection: AsyncConnection) -> None:
        """Insert the missing rows of the objects that this save put, in the order of their hashes.

        Raises:
            BlobVanishedError: some were put so long ago that gc may have found, removed and forgotten them; or it has
                left a tombstone there.
            UniqueViolationError (once it is typed): on MySQL and MariaDB, another transaction inserted one at the same
                time.
        """
        contents = self._to_insert()
        if contents and self._was_taken:
            # A select with a share lock sees what is committed now, at any isolation level of the transaction.
            there = await self._select(connection, contents, lock=True)
            contents = [content for content in contents if content not in there]
            refused = await self._refused(connection, contents)
            if refused:
                raise BlobVanishedError(refused)
        if not contents:
            return
        late = [content for content in contents if self._put[content].since.is_past(REGISTERED_WITHIN)]
        if late:
            raise BlobVanishedError(late)
        statement = db.insert_absent(blob_table, self._database.dialect).values(created_at=db.utc_now())
        await connection.execute(
            statement,
            [
                {
                    "blob_id": blob_id,
                    "storage": content.storage,
                    "location": self._put[content].location,
                    "size": content.size,
                    "sha256": content.sha256,
                    "chunk_sha256": self._digests[content].chunks,
                }
                for blob_id, content in zip(new_ids(len(contents)), contents, strict=True)
            ],
        )

    async def _look(self, contents: Collection[Content]) -> Collection[Content]:
        """Return the contents that have a row in the database."""
        if not contents:
            return ()
        return await db.read(lambda connection: self._select(connection, contents, lock=False))

    async def _select(
        self, connection: AsyncConnection, contents: Collection[Content], *, lock: bool
    ) -> dict[Content, tuple[UUID, str]]:
        found: dict[Content, tuple[UUID, str]] = {}
        by_storage: dict[str, list[bytes]] = {}
        for content in _in_order(contents):
            by_storage.setdefault(content.storage, []).append(content.sha256)
        for storage, hashes in by_storage.items():
            for some in db.in_batches(hashes):
                statement = (
                    select(
                        blob_table.c.blob_id,
                        blob_table.c.storage,
                        blob_table.c.location,
                        blob_table.c.sha256,
                        blob_table.c.size,
                    )
                    .where(blob_table.c.storage == storage, blob_table.c.sha256.in_(some))
                    .order_by(blob_table.c.sha256)
                )
                if lock:
                    statement = db.through_index(statement, blob_table, BLOB_KEY)
                    statement = db.share_lock(statement, self._database.dialect)
                for row in await connection.execute(statement):
                    content = Content(row.storage, bytes(row.sha256), row.size)
                    if content in contents:
                        found[content] = (row.blob_id, row.location)
        return found


def _in_order(contents: Iterable[Content]) -> list[Content]:
    """Return contents in the order in which every save inserts and locks them. One common order prevents deadlocks."""
    return sorted(set(contents), key=lambda content: (content.storage, content.sha256, content.size))


def _size_hint(value: PendingValue) -> int | None:
    """Return about how many bytes a value takes, or None if that is unknown."""
    match value.source:
        case Deferred(size_hint=hint):
            return hint
        case StoredObject(size=size):
            return size
        case Streamed():
            return 0
        case data:
            return len(data)


async def _encode(value: PendingValue) -> Sequence[Part]:
    match value.source:
        case Deferred(encode=encode):
            return await asyncio.to_thread(encode)
        case StoredObject() as stored:
            return [await read_object(stored)]
        case Streamed():
            return []
        case data:
            return [data]
