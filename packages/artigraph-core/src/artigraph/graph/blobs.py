"""The objects of one save on their way through the protocol, which docs/design/saving.md describes."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import Database, chunks, in_session, insert_missing, read, share_lock, utc_now, write_apart
from artigraph.graph.content import Content, Digests, Part, hash_parts, join
from artigraph.graph.limits import storage_for, storage_for_stream
from artigraph.graph.objects import BYTES_IN_FLIGHT, gather, put_all, put_stream, remove_quietly
from artigraph.graph.stored import StoredObject, read_object
from artigraph.graph.tombstones import REGISTERED_WITHIN, Moment, registered_at
from artigraph.graph.tree import Deferred, PendingValue, Streamed
from artigraph.ids import new_ids
from artigraph.orm import blob_table
from artigraph.storage import Storage

__all__ = ["BlobVanishedError", "Blobs"]

_UNKNOWN = 4 * 1024 * 1024
"""The bytes that a value is taken for that does not say how large it is."""


class BlobVanishedError(Exception):
    """A blob row that is wanted is not there: its object was collected before the transaction could hold it."""

    def __init__(self, lost: Collection[Content] = ()) -> None:
        super().__init__()
        self.lost = lost
        """What was put where it cannot be registered any more."""


@dataclass(frozen=True, slots=True)
class _Placed:
    """An object that we put."""

    location: str
    since: Moment
    """A moment before it could be seen there."""


class Blobs:
    """Encodes the values of a save and brings those that do not stand in rows into their storages.

    Values are encoded and put in groups, so that a bounded number of bytes is on its way at once, however many values
    there are; what was put is let go of. A value is encoded again only if its object vanished before it was held.
    """

    def __init__(self, pending: Sequence[PendingValue], database: Database) -> None:
        self._pending = pending
        self._database = database
        self._contents: dict[int, Content] = {}
        """What the values turned out to be, by their index; a value that stands in its row has none."""
        self._digests: dict[Content, Digests] = {}
        self._storages: dict[str, Storage] = {}
        self._put: dict[Content, _Placed] = {}
        """Where we put objects that may be registered there."""
        self._superfluous: list[tuple[Storage, str]] = []
        """Streams that turned out to be what we had put already, and what cannot be registered where it is."""
        self._registered: dict[Content, str] = {}
        """Where the database says that objects are, once it holds them for us."""
        self._committed_apart = False

    async def put_missing(self) -> None:
        """Encode values, look for their rows, and put the objects of those that are not there.

        Raises:
            SerializationError, StorageError: a value cannot be encoded or put.
        """
        for index, value in enumerate(self._pending):
            if isinstance(value.source, StoredObject) and index not in self._contents:
                stored = value.source  # what it is is known; it is read only if it is not where it is to go
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
                await self._put_stream(index, value, value.source)
                continue
            hint = _size_hint(value)
            if group and size + hint > BYTES_IN_FLIGHT:
                await self._put_group(group)
                group, size = [], 0
            group.append(index)
            size += hint
        await self._put_group(group)

    async def _put_stream(self, index: int, value: PendingValue, source: Streamed) -> None:
        storage = storage_for_stream(value, self._database)
        digests, location, since = await put_stream(storage, source.parts(), self._database.store_id)
        content = self._note(index, storage, digests)
        if content in self._put:
            self._superfluous.append((storage, location))
        else:
            self._put[content] = _Placed(location, since)

    async def _put_group(self, group: Sequence[int]) -> None:
        encoded: dict[Content, tuple[Storage, Sequence[Part], Digests]] = {}

        async def encode(index: int) -> None:
            value = self._pending[index]
            parts = await _encode(value)
            size = sum(len(part) for part in parts)
            if isinstance(value.source, StoredObject):
                storage: Storage | None = value.storage or value.source.storage
            else:
                storage = storage_for(value, size, self._database)
            if storage is None:
                value.row["value"] = join(parts)
            else:
                digests = await hash_parts(parts, size)
                encoded.setdefault(self._note(index, storage, digests), (storage, parts, digests))

        await gather(group, encode)
        known = await self._look(encoded)
        missing = {
            content: item for content, item in encoded.items() if content not in known and content not in self._put
        }
        if missing:
            since = Moment()
            locations = await put_all(missing, self._database.store_id)
            self._put |= {content: _Placed(location, since) for content, location in locations.items()}

    def _note(self, index: int, storage: Storage, digests: Digests) -> Content:
        content = Content(storage.name, digests.sha256, digests.size)
        self._contents[index] = content
        self._digests[content] = digests
        self._storages[storage.name] = storage
        return content

    async def commit_apart(self) -> None:
        """Inside a session, commit the rows by themselves, so that locks on them do not last as long as it does."""
        if self._contents and in_session():
            await write_apart(self._insert)
            self._committed_apart = True

    async def hold(self, connection: AsyncConnection) -> None:
        """Hold all wanted rows until the transaction ends, and let the nodes refer to them.

        Raises:
            BlobVanishedError: one is gone; `forget` what it lost, and put what is missing again.
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

    def forget(self, lost: Collection[Content]) -> None:
        """Let go of objects that cannot be registered where we put them, so that they are put again elsewhere."""
        if self._committed_apart:
            # Rows of ours were there for others to see, and to collect together with their objects: what is not found
            # by its row now may be registered under a fresh key only. What is left behind is left to gc.
            self._put.clear()
        for content in lost:
            placed = self._put.pop(content, None)
            if placed is not None:
                self._superfluous.append((self._storages[content.storage], placed.location))

    async def _refused(self, connection: AsyncConnection, missing: Collection[Content]) -> list[Content]:
        """Return those of the contents whose location was refused: gc found the object there, unregistered."""
        refused: list[Content] = []
        by_storage: dict[str, list[Content]] = {}
        for content in missing:
            if content in self._put:
                by_storage.setdefault(content.storage, []).append(content)
        for storage, contents in by_storage.items():
            for part in chunks(contents):
                places = [self._put[content].location for content in part]
                taken = await registered_at(connection, self._database, storage, places)
                refused += [content for content in part if self._put[content].location in taken]
        return refused

    async def remove_redundant(self) -> None:
        """Remove the objects that another save had put before us."""
        others = {
            content: placed for content, placed in self._put.items() if self._registered.get(content) != placed.location
        }
        await remove_quietly(self._places(others))

    async def remove_unregistered(self) -> None:
        """Remove the objects of a save that did not happen, unless their rows were committed apart from it."""
        if not self._committed_apart:
            await remove_quietly(self._places(self._put))

    def _places(self, objects: Mapping[Content, _Placed]) -> list[tuple[Storage, str]]:
        places = [(self._storages[content.storage], placed.location) for content, placed in objects.items()]
        return [*places, *self._superfluous]

    async def _insert(self, connection: AsyncConnection) -> None:
        """Insert the rows of the objects that we put, in the order of their hashes, where there are none.

        Raises:
            BlobVanishedError: some were put so long ago that gc may have found, removed and forgotten them.
        """
        wanted = set(self._contents.values())
        contents = _in_order(content for content in self._put if content in wanted)
        if not contents:
            return
        late = [content for content in contents if self._put[content].since.is_past(REGISTERED_WITHIN)]
        if late:
            raise BlobVanishedError(late)
        statement = insert_missing(blob_table, self._database.dialect).values(created_at=utc_now())
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
        """Return those of the contents that the database has rows of."""
        if not contents:
            return ()
        return await read(lambda connection: self._select(connection, contents, lock=False))

    async def _select(
        self, connection: AsyncConnection, contents: Collection[Content], *, lock: bool
    ) -> dict[Content, tuple[UUID, str]]:
        found: dict[Content, tuple[UUID, str]] = {}
        by_storage: dict[str, list[bytes]] = {}
        for content in _in_order(contents):
            by_storage.setdefault(content.storage, []).append(content.sha256)
        for storage, hashes in by_storage.items():
            for some in chunks(hashes):
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
                    statement = share_lock(statement, self._database.dialect)
                for row in await connection.execute(statement):
                    content = Content(row.storage, bytes(row.sha256), row.size)
                    if content in contents:
                        found[content] = (row.blob_id, row.location)
        return found


def _in_order(contents: Iterable[Content]) -> list[Content]:
    """Return contents in the one order in which everybody inserts and locks them, so that nobody waits in a circle."""
    return sorted(set(contents), key=lambda content: (content.storage, content.sha256, content.size))


def _size_hint(value: PendingValue) -> int:
    match value.source:
        case Deferred(size_hint=hint):
            return _UNKNOWN if hint is None else hint
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
