"""Moving a store: copying the objects of one storage to another, and switching their rows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress

import artigraph.errors as errors
from artigraph.db import Database, Malformed, current_database, in_session, reserve_memory
from artigraph.graph import objects, placement, stored_object
from artigraph.graph.hashing import Hasher
from artigraph.graph.stored_object import StoredObject
from artigraph.identifiers import new_id
from artigraph.maintenance._checksums import check_digests, reads_in_chunks, verify_object
from artigraph.maintenance._consistency import count_malformed
from artigraph.maintenance._inventory import BlobRow, read_blobs
from artigraph.maintenance._report import EXAMPLES, Amount, CopyReport, Total
from artigraph.maintenance._switch import Copied, amount_in, known_contents, switch, taken_locations
from artigraph.orm import CHUNK_SIZE, blob_table
from artigraph.progress import Meter, ProgressCallback, ProgressReporter
from artigraph.storage import Storage, SupportsRanges, SupportsStreams, check_key, register_storage

_TOGETHER = 100
"""Rows that are switched in one transaction. The copies of a killed call that no row names yet are at most as many."""
_PASSES = 10
"""How often the rows are read again, for those that saves have added and those that were locked."""
_CHUNKS = 4
"""The chunks of a large object that may be in memory while it is streamed from one storage to the other."""


async def copy_objects(
    source: str | Storage, target: str | Storage, *, dry_run: bool = True, progress: ProgressCallback | None = None
) -> CopyReport:
    """Copy the objects of a storage to another one, and make their rows name that one; by default only report them.

    Each object is read from the source, checked against its recorded hash, put into the target, and read from there and
    checked again. Then its row is switched, in a transaction with up to 100 others. The objects of the source stay, so
    all artifacts can be loaded at every moment, by every process that knows both storages.

    Saves, loads, deletions and `gc` may run at the same time. A call that ended early is continued by the next one,
    which copies only what is still in the source. An object of an interrupted call that is already in the target is
    verified, not sent again.

    An object that cannot be read, or is damaged, is left in the source and reported. So is a malformed row. Rows that
    others have locked, such as an open session, are left too. Call it again until nothing remains.

    Args:
        source: the storage to leave, or its name.
        target: the storage to fill, or its name.
        dry_run: whether only to count.
        progress: called with the progress.

    Raises:
        UnknownStorageError: no storage of this name is registered or installed.
        ConfigurationError: the source is the target.
        StorageUnavailableError, StorageFullError: a storage did not answer, or is full. What was switched stays so.
        SessionStateError: a session is open here. The rows are switched in transactions of their own.
    """
    if in_session():
        msg = "copy_objects writes in transactions of its own: call it outside of session_context()"
        raise errors.SessionStateError(msg)
    old, new = await _storage(source), await _storage(target)
    if old.name == new.name:
        msg = f"{old!r} is both the source and the target. Give the name of another storage as the target"
        raise errors.ConfigurationError(msg)
    return await _Copy(await current_database(), old, new, progress).run(dry_run=dry_run)


async def _storage(given: str | Storage) -> Storage:
    if isinstance(given, Storage):
        return given if given.name == placement.EMBEDDED_STORAGE else register_storage(given)
    return await placement.storage_by_name(given)


class _Copy:
    def __init__(self, database: Database, source: Storage, target: Storage, callback: ProgressCallback | None) -> None:
        self._database = database
        self._source = source
        self._target = target
        self._report_progress = ProgressReporter(callback)
        self._moved, self._merged, self._failed = Total(), Total(), Total()
        self._lost: set[bytes] = set()
        """The ids of rows whose objects cannot be copied."""

    async def run(self, *, dry_run: bool) -> CopyReport:
        planned = await amount_in(self._source.name, self._database)
        if not dry_run:
            async with self._report_progress.metered("copy objects", planned.size) as meter:
                for number in range(_PASSES):
                    switched, held = await self._go_through(meter)
                    if not (switched or (held and number == 0)) or not (await self._left()).count:
                        break
        malformed, examples = await count_malformed(EXAMPLES, (blob_table,), which=self._concerns)
        return CopyReport(
            dry_run=dry_run,
            source=self._source.name,
            target=self._target.name,
            planned=planned,
            moved=self._moved.amount,
            merged=self._merged.amount,
            failed=self._failed.amount,
            failed_examples=self._failed.examples,
            remaining=await self._left(),
            malformed=malformed,
            malformed_examples=tuple(map(str, examples)),
        )

    def _concerns(self, found: Malformed) -> bool:
        return found.column != "created_at" and found.storage in (None, self._source.name)

    async def _left(self) -> Amount:
        return await amount_in(self._source.name, self._database)

    async def _go_through(self, meter: Meter) -> tuple[int, int]:
        """Copy and switch all rows that are in the source now. Return how many were switched, and how many held."""
        switched = held = 0
        async for found in read_blobs(self._source.name, self._database):
            rows = [row for row in found if row.blob_id.bytes not in self._lost]
            for start in range(0, len(rows), _TOGETHER):
                done, locked = await self._carry_over(rows[start : start + _TOGETHER], meter)
                switched, held = switched + done, held + locked
        return switched, held

    async def _carry_over(self, rows: Sequence[BlobRow], meter: Meter) -> tuple[int, int]:
        known = await known_contents(self._target.name, {row.sha256 for row in rows})
        taken = await taken_locations(self._target.name, [row.location for row in rows])
        copied: list[Copied] = []

        async def copy(row: BlobRow) -> None:
            made = await self._copied(row, known.get((row.sha256, row.size)), taken, meter)
            if made is not None:
                copied.append(made)

        await objects.run_concurrently(rows, copy)
        if not copied:
            return 0, 0
        result = await switch(self._source.name, self._target.name, copied)
        for row in copied:
            if row.blob_id in result.moved:
                self._moved.add(self._target.name, row.there, row.size)
            elif row.blob_id in result.merged:
                self._merged.add(self._target.name, row.there, row.size)
        return len(result.moved) + len(result.merged), len(result.held)

    async def _copied(self, row: BlobRow, known: str | None, taken: set[str], meter: Meter) -> Copied | None:
        """Copy an object and verify the copy. Return None if that is impossible, which the report says."""
        since = objects.Stopwatch()
        try:
            if known is None:
                there = await self._put(row, taken)
            else:  # the target has the content already, under another key
                there = known
                await self._verify(row, there)
        except (errors.StorageUnavailableError, errors.StorageFullError):
            raise
        except errors.StorageError as error:
            self._lost.add(row.blob_id.bytes)
            self._failed.add(self._source.name, row.location, row.size, str(error))
            return None
        meter.add(row.size)
        return Copied(row.blob_id, row.sha256, row.size, there, since, is_theirs=known is not None)

    async def _put(self, row: BlobRow, taken: set[str]) -> str:
        """Put an object into the target, under its own key if that is free there. Return its verified location.

        As long as the row of the source has this location, gc takes a copy under the same key for registered. A copy
        under another key is only protected by its age, and by the switch, which a tombstone refuses.
        """
        if row.location not in taken and _is_key(row.location):
            if not await stored_object.call_storage(self._target, self._target.exists(row.location)):
                return await self._send(row, row.location)
            with suppress(errors.CorruptObjectError):  # what is there stays, and the copy gets another key
                await self._verify(row, row.location)  # an interrupted call has put it
                return row.location
        unique = new_id().hex
        return await self._send(row, f"{self._database.store_id.hex}/{unique[-2:]}/{unique}")

    async def _send(self, row: BlobRow, key: str) -> str:
        stored, target = self._stored(self._source, row.location, row), self._target
        if stored.chunks > 1 and isinstance(target, SupportsStreams) and isinstance(self._source, SupportsRanges):
            # What differs from the recorded hash is noticed at the end, before the target publishes it.
            async with reserve_memory(min(row.size, _CHUNKS * CHUNK_SIZE)), aclosing(_checked(stored)) as chunks:
                there = await stored_object.call_storage(target, target.create_stream(chunks, key=key))
        else:
            async with reserve_memory(row.size):
                data = await stored_object.read_object(stored, as_bytes=True)
                there = await stored_object.call_storage(target, target.create(bytes(data), key=key))
        await self._verify(row, there)
        return there

    async def _verify(self, row: BlobRow, there: str) -> None:
        """Read an object of the target and compare it with the recorded hashes.

        Raises:
            CorruptObjectError, ObjectNotFoundError: it is not what was stored.
        """
        stored = self._stored(self._target, there, row)
        async with reserve_memory(min(row.size, 2 * CHUNK_SIZE) if reads_in_chunks(stored) else 0):
            await verify_object(stored)

    def _stored(self, storage: Storage, location: str, row: BlobRow) -> StoredObject:
        return StoredObject(storage, location, row.size, row.sha256, row.chunk_sha256, f"blob {row.blob_id}")


async def _checked(stored: StoredObject) -> AsyncGenerator[bytes]:
    """Yield the chunks of an object, and fail at the end if they are not the object that the row describes."""
    hasher = Hasher()
    async with aclosing(_chunks_of(stored)) as chunks:
        async for chunk in chunks:
            await hasher.update(chunk)
            yield chunk
    check_digests(stored, hasher.digests())


async def _chunks_of(stored: StoredObject) -> AsyncGenerator[bytes]:
    """Yield the chunks of an object in order, each checked. The next one is fetched while one is used."""
    following = asyncio.create_task(stored_object.fetch_chunk(stored, 0))
    try:
        for index in range(1, stored.chunks):
            chunk = await following
            following = asyncio.create_task(stored_object.fetch_chunk(stored, index))
            yield chunk
            del chunk
        yield await following
    finally:
        following.cancel()


def _is_key(location: str) -> bool:
    try:
        check_key(location)
    except errors.InvalidLocationError:
        return False
    return True
