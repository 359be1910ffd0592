"""Garbage collection: removing objects that nothing refers to."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import Database, ForeignKeyViolationError, current_database, in_session, read, utc_now, write
from artigraph.deletion.unused import delete_unused
from artigraph.errors import ArtigraphError, ConfigurationError, DanglingObjectsError, SessionStateError
from artigraph.graph import objects, stored_object, tombstones
from artigraph.graph.tombstones import is_object
from artigraph.maintenance._compare import Compared, compare
from artigraph.maintenance._consistency import refuse_to_collect
from artigraph.maintenance._inventory import Place, find_places
from artigraph.maintenance._report import Amount, GcReport, SkippedStorage, Total
from artigraph.maintenance._spool import Item, Spool
from artigraph.orm import blob_table, node_table
from artigraph.progress import ProgressCallback, ProgressReporter
from artigraph.storage import SupportsTidying

GRACE = timedelta(hours=72)
"""Longer than any save takes."""
_UNFINISHED = timedelta(days=7)
"""The least age of an unfinished file that is deleted, at any grace. It is longer than any write takes."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_AT_ONCE = 4
"""Rows that are deleted concurrently. The pool's other connections are left to other work."""
_TOGETHER = 500
"""Objects that are deleted between two reports of progress."""


async def gc(*, dry_run: bool = True, grace: timedelta = GRACE, progress: ProgressCallback | None = None) -> GcReport:
    """Remove the objects that nothing refers to from the storages of the current database; by default only report them.

    Everything is checked before anything is deleted. Two kinds of objects are deleted:

    - objects whose rows no artifact refers to, with these rows, if the rows are older than `grace` by the database's
      clock;
    - objects without a row, if they are older than `grace` by the clock of their storage.

    Only objects whose location begins with this database's store id are deleted.

    Saves, deletions and other collections may run at the same time. If a save's object is collected, the save puts it
    again.

    Raises:
        DanglingObjectsError: this is no dry run, and a row's object does not exist; or a value of an artifact has
            neither an object nor bytes. Nothing was deleted.
        MalformedRowError: an object's row, or a reference to one, was altered, so that the objects in use cannot be
            determined. Nothing was deleted.
        StorageError: a storage could not be listed, or did not answer; nothing was deleted.
        ConfigurationError: the grace is no timedelta, or negative.
        SessionStateError: a session is open here. The deletions cannot wait for its end.
    """
    if not isinstance(grace, timedelta) or grace < timedelta():
        msg = f"grace is a timedelta that is not negative, not {grace!r}"
        raise ConfigurationError(msg)
    if in_session():
        msg = "gc deletes in transactions of its own: call it outside of session_context()"
        raise SessionStateError(msg)
    return await _Collection(await current_database(), grace, progress, dry_run=dry_run).run()


class _Collection:
    def __init__(
        self, database: Database, grace: timedelta, callback: ProgressCallback | None, *, dry_run: bool
    ) -> None:
        self._database = database
        self._grace = grace
        self._dry_run = dry_run
        self._report_progress = ProgressReporter(callback)
        self._now = _EPOCH
        self._prefix = f"{database.store_id.hex}/"
        self._in_use, self._dangling = Total(), Total()
        self._unused, self._unregistered = Total(), Total()
        self._young, self._foreign, self._failed = Total(), Total(), Total()
        self._errors: list[tuple[str, Exception]] = []
        """The first error of a deletion, if there is one."""
        self._left = 0
        """How many objects could not be deleted."""
        self._unfinished = Amount()
        self._counts = Counter[int]()
        """The objects without a row that may be deleted: how many each storage has, by its number."""

    async def run(self) -> GcReport:
        self._now = await database_time()
        await refuse_to_collect(self._database)
        places = await find_places(self._database)
        names = [place.name for place in places]
        known = [place for place in places if place.storage is not None]
        async with Spool() as candidates:
            for number, place in enumerate(known):
                await self._look_at(number, place, names, candidates)
            if self._dangling.amount.count and not self._dry_run:
                raise DanglingObjectsError(_dangling(self._dangling))
            for place in known:
                await self._collect_unused(place)
            await self._collect_unregistered(known, candidates, names)
        for place in known:
            await self._tidy(place)
        return self._report(places)

    # Survey -----------------------------------------------------------------------------------------------------

    async def _look_at(self, number: int, place: Place, names: Collection[str], candidates: Spool) -> None:
        """Count what is in use and what is lost. Note the objects that may be deleted because they have no row."""
        swept = not _unswept(place)
        listed = rows = 0

        async def use(part: Compared) -> None:
            nonlocal listed, rows
            for row, _ in part.rows:
                if row.used:
                    self._in_use.add(place.name, row.location, row.size)
            for row in part.lost:
                self._dangling.add(place.name, row.location, row.size)
            for is_buried, entries in enumerate((part.unregistered, part.buried)):
                for entry in entries if swept else ():
                    if is_buried or entry.age >= self._grace:
                        await candidates.add((entry.location, number, entry.size, is_buried))
                        self._counts[number] += 1
                    else:
                        self._young.add(place.name, entry.location, entry.size)
            listed, rows = listed + part.listed, rows + len(part.rows)
            if place.lists:
                self._report_progress(f"list {place.name}", listed, unit="objects")
            self._report_progress(f"check {place.name}", rows, unit="rows")

        await compare(place, self._database, names, use)

    # Deletion ---------------------------------------------------------------------------------------------------

    async def _collect_unused(self, place: Place) -> None:
        before = self._now - min(self._grace, self._now - _EPOCH)
        done = 0

        async def collect(blob: UnusedBlob) -> None:
            if blob.created_at > before:
                self._young.add(place.name, blob.location, blob.size)
            elif not blob.location.startswith(self._prefix):
                self._foreign.add(place.name, blob.location, blob.size)
            elif self._dry_run:
                self._unused.add(place.name, blob.location, blob.size)
            elif await delete_blob(blob):
                await self._delete(place, blob.location, blob.size, self._unused)
            else:
                self._in_use.add(place.name, blob.location, blob.size)

        async for blobs in read_unused(place.name):
            await objects.run_concurrently(blobs, collect, at_once=_AT_ONCE)
            done += len(blobs)
            self._report_progress(f"collect rows of {place.name}", done, unit="rows")

    async def _collect_unregistered(self, places: Sequence[Place], candidates: Spool, names: Collection[str]) -> None:
        done = Counter[int]()
        async with aclosing(candidates.batches(_TOGETHER)) as batches:
            async for batch in _whole_locations(batches):
                await self._sweep(places, batch, names)
                done.update(number for _, number, _, _ in batch)
                for number in sorted({number for _, number, _, _ in batch}):
                    stage = f"collect from {places[number].name}"
                    self._report_progress(stage, done[number], self._counts[number], "objects")
        for name in names if not self._dry_run else ():
            await tombstones.forget_tombstones(name, self._now - tombstones.TOMBSTONES_LAST)

    async def _sweep(self, places: Sequence[Place], batch: Sequence[Item], names: Collection[str]) -> None:
        """Delete objects, each of which all storages that list it are about to lose."""
        refused = set[str]() if self._dry_run else await self._bury(places, batch, names)
        once = {location: (number, size) for location, number, size, _ in reversed(batch) if location not in refused}

        async def sweep(location: str) -> None:
            number, size = once[location]
            place = places[number]
            if self._dry_run:
                self._unregistered.add(place.name, location, size)
            else:
                await self._delete(place, location, size, self._unregistered)

        await objects.run_concurrently(sorted(once), sweep)

    async def _bury(self, places: Sequence[Place], batch: Sequence[Item], names: Collection[str]) -> set[str]:
        """Create tombstones, and return the locations of objects that were registered meanwhile.

        Any two storages may be one place. One that was listed first does not list an object that is put into it after
        that, while the other one does. So tombstones of all names exist before an object is deleted. Then no save
        registers it under any of them.
        """
        locations = list(dict.fromkeys(location for location, _, _, _ in batch))
        registered: set[str] = set()
        for name in names:
            buried = await tombstones.create_tombstones(self._database, name, locations, names)
            registered.update(location for location in locations if location not in buried)
        for number, place in enumerate(places):
            again = [location for location, its, _, is_buried in batch if its == number and is_buried]
            await tombstones.renew_tombstones(
                place.name, [location for location in again if location not in registered]
            )
        return registered

    async def _tidy(self, place: Place) -> None:
        """Remove old files that were never finished.

        They carry no database's id, so they must be old enough that no running write of any database owns them.
        """
        if isinstance(place.storage, SupportsTidying):
            untouched = max(self._grace, _UNFINISHED)
            try:
                count, size = await stored_object.call_storage(
                    place.storage, place.storage.tidy(untouched, dry_run=self._dry_run)
                )
            except ArtigraphError as error:
                self._failed.add(place.name, "what was never finished", 0, str(error))
            else:
                self._unfinished = Amount(self._unfinished.count + count, self._unfinished.size + size)

    async def _delete(self, place: Place, location: str, size: int, total: Total) -> None:
        storage = place.known
        try:
            await stored_object.call_storage(storage, storage.delete(location))
        except ArtigraphError as error:
            self._failed.add(place.name, location, size, str(error))
            self._errors = self._errors or [(place.name, error)]
            self._left += 1
        else:
            total.add(place.name, location, size)

    def _report(self, places: Sequence[Place]) -> GcReport:
        unswept = [SkippedStorage(place.name, _unswept(place)) for place in places]
        objects.report_leftovers(self._errors, self._left)
        return GcReport(
            dry_run=self._dry_run,
            grace=self._grace,
            in_use=self._in_use.amount,
            unused=self._unused.amount,
            unregistered=self._unregistered.amount,
            unfinished=self._unfinished,
            young=self._young.amount,
            foreign=self._foreign.amount,
            failed=self._failed.amount,
            dangling=self._dangling.amount,
            unused_examples=self._unused.examples,
            unregistered_examples=self._unregistered.examples,
            foreign_examples=self._foreign.examples,
            failed_examples=self._failed.examples,
            dangling_examples=self._dangling.examples,
            skipped=tuple(SkippedStorage(place.name, place.reason) for place in places if place.storage is None),
            unswept=tuple(storage for storage in unswept if storage.reason),
        )


async def _whole_locations(batches: AsyncGenerator[list[Item]]) -> AsyncGenerator[list[Item]]:
    """Yield batches of sorted items such that all items of a location are in one."""
    kept: list[Item] = []
    async for batch in batches:
        kept += batch
        last = kept[-1][0]
        whole = [item for item in kept if item[0] != last]
        if whole:
            yield whole
        kept = kept[len(whole) :]
    if kept:
        yield kept


def _unswept(place: Place) -> str:
    """Return why objects without a row are not searched for in a storage; "" if they are, or it is unknown."""
    if place.storage is None:
        return ""
    if not place.lists:
        return "it cannot say what is in it (see SupportsListing)"
    if place.inside is not None:
        return f"{place.inside!r} keeps its objects in it, perhaps under other locations than its rows name"
    return ""


def _dangling(total: Total) -> str:
    examples = "; ".join(f"{example.location!r} in {example.storage!r}" for example in total.examples[:3])
    return (
        f"{total.amount.count:,} rows refer to objects that their storage does not have, such as {examples}. Nothing "
        "was deleted: the storage may be another one than it was, or not all there. `fsck` lists what is missing; once "
        "it is back, or the artifacts that refer to it are deleted, gc goes on."
    )


# Unused objects -------------------------------------------------------------------------------------------------------


_CHUNK = 1000


class UnusedBlob(NamedTuple):
    """A row of an object that no node refers to."""

    blob_id: UUID
    storage: str
    location: str
    sha256: bytes
    size: int
    created_at: datetime


_is_used = exists().where(node_table.c.blob_id == blob_table.c.blob_id)
_unused = (
    select(*(blob_table.c[name] for name in UnusedBlob._fields))
    .where(
        blob_table.c.storage == bindparam("storage"), blob_table.c.location > bindparam("after"), is_object, ~_is_used
    )
    .order_by(blob_table.c.location)  # in any other order, a database sorts all unused rows for each chunk
    .limit(_CHUNK)
)
_is_there = select(blob_table.c.blob_id).where(blob_table.c.blob_id == bindparam("id"))


async def database_time() -> datetime:
    """Return the current time by the database's clock."""
    return await read(_time)


async def _time(connection: AsyncConnection) -> datetime:
    return (await connection.execute(select(utc_now()))).scalar_one()


async def read_unused(storage: str) -> AsyncGenerator[list[UnusedBlob]]:
    """Yield the rows of a storage that no node refers to, in chunks."""
    after = ""
    while True:

        async def work(connection: AsyncConnection, after: str = after) -> list[UnusedBlob]:
            return [UnusedBlob(*row) for row in await connection.execute(_unused, {"storage": storage, "after": after})]

        rows = await read(work)
        if rows:
            yield rows
        if len(rows) < _CHUNK:
            return
        after = rows[-1].location


async def delete_blob(blob: UnusedBlob) -> bool:
    """Delete a row if still nothing refers to it, and return whether it is deleted. Then its object may be deleted too.

    A save that found the row earlier notices before its commit that the row is missing, and starts again. If a save has
    locked the row, or has referred to it meanwhile, the row is kept.
    """

    async def work(connection: AsyncConnection) -> bool:
        return bool(await delete_unused(connection, [blob]))

    async def committed(connection: AsyncConnection) -> bool:
        return (await connection.execute(_is_there, {"id": blob.blob_id})).first() is None

    try:
        return await write(work, committed=committed)
    except ForeignKeyViolationError:
        return False
