"""Finding what is broken in a store."""

from __future__ import annotations

import asyncio
import math
import re
import secrets
from collections.abc import Collection, Sequence
from types import MappingProxyType
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

import artigraph.errors as errors
from artigraph.db import Database, current_database, in_session, utc_now, write
from artigraph.graph import StoredObject
from artigraph.graph.objects import run_concurrently
from artigraph.maintenance import _inventory, _report
from artigraph.maintenance._checksums import verify_object
from artigraph.maintenance._compare import Compared, compare
from artigraph.maintenance._consistency import CHECKS, count_malformed, find_broken, serializers_in_use
from artigraph.maintenance._inventory import BlobRow, Place
from artigraph.maintenance._report import FsckReport, ProblemKind
from artigraph.orm import store_table
from artigraph.printable import count_text
from artigraph.progress import ProgressCallback, ProgressReporter
from artigraph.serializer import get_serializer_by_name

_PERCENT = re.compile(r"(\d{1,3}(?:\.\d{1,6})?)\s?%")
_AT_ONCE = 8
"""Objects that are read concurrently, each in chunks of 8 MiB if its storage can."""


async def fsck(*, read_data_subset: str | float | None = None, progress: ProgressCallback | None = None) -> FsckReport:
    """Check all rows of the current database and the objects that they refer to, and report what is wrong.

    It checks that each object exists and, in storages that can list their objects, that its size is the recorded one.
    With `read_data_subset`, for example `"5%"` or 0.05, it also reads that part of each storage's objects, chosen at
    random, and compares their SHA-256.

    It changes nothing but one row: when the last check ended, and how many problems it found. `storage_document` shows
    that. If the database refuses to write, the report says why.

    Saves, deletions and garbage collections may run at the same time.

    Raises:
        ConfigurationError: the subset is neither a percentage nor a number from 0 to 1.
        StorageError: a storage could not be listed, or did not answer.
        SessionStateError: a session is open here. Its uncommitted rows would look broken.
    """
    fraction = _fraction(read_data_subset)
    if in_session():
        msg = "fsck looks at what is committed: call it outside of session_context()"
        raise errors.SessionStateError(msg)
    return await _Check(await current_database(), fraction, progress).run()


class _Check:
    def __init__(self, database: Database, fraction: float, callback: ProgressCallback | None) -> None:
        self._database = database
        self._fraction = fraction
        self._report_progress = ProgressReporter(callback)
        self._counts: dict[ProblemKind, int] = {}
        self._problems: dict[ProblemKind, list[_report.Problem]] = {}
        self._reading = asyncio.Semaphore(_AT_ONCE)
        """Bounds the objects that are read, as several parts of a storage are compared concurrently."""
        self._objects, self._read, self._unregistered = _report.Total(), _report.Total(), _report.Total()

    async def run(self) -> FsckReport:
        await self._look_at_columns()
        await self._look_at_nodes()
        await self._look_at_serializers()
        places = await _inventory.find_places(self._database)
        for place in places:
            await self._look_at(place, [place.name for place in places])
        problems = sum(self._counts.values())
        return FsckReport(
            unrecorded=await _record(problems, self._read.amount.count),
            counts=MappingProxyType(self._counts),
            problems=tuple(problem for problems in self._problems.values() for problem in problems),
            objects=self._objects.amount,
            read=self._read.amount,
            unregistered=self._unregistered.amount,
            unregistered_examples=self._unregistered.examples,
            unlisted=tuple(
                _report.SkippedStorage(place.name, "it cannot say what is in it (see SupportsListing)")
                for place in places
                if place.storage is not None and not place.lists
            ),
        )

    def _found(
        self,
        kind: ProblemKind,
        text: str,
        *,
        count: int = 1,
        node_id: UUID | None = None,
        storage: str | None = None,
        location: str | None = None,
    ) -> None:
        self._counts[kind] = self._counts.get(kind, 0) + count
        problems = self._problems.setdefault(kind, [])
        if len(problems) < _report.EXAMPLES:
            problems.append(_report.Problem(kind, text, node_id, storage, location))

    # Rows -------------------------------------------------------------------------------------------------------

    async def _look_at_columns(self) -> None:
        count, malformed = await count_malformed(_report.EXAMPLES)
        for found in malformed:
            self._found("malformed", str(found), count=0, node_id=found.node_id)
        if count:
            self._counts["malformed"] = count
        self._report_progress("check columns", 1, 1, "checks")

    async def _look_at_nodes(self) -> None:
        done = 0
        async for broken in find_broken(self._database, _report.EXAMPLES):
            kind = broken.kind
            for node_id in broken.examples:
                self._found(kind, f"Node {node_id} {broken.text}", count=0, node_id=node_id)
            if broken.count:
                self._counts[kind] = broken.count
            done += 1
            self._report_progress("check nodes", done, len(CHECKS), "checks")

    async def _look_at_serializers(self) -> None:
        used = await serializers_in_use(self._database)
        for done, (name, count) in enumerate(used, 1):
            whose = count_text(count, "value")
            if name is None:
                self._found("serializer-unknown", f"{whose} of no serializer: their rows were altered", count=count)
            else:
                try:
                    get_serializer_by_name(name)
                except errors.ArtigraphError as error:
                    self._found("serializer-unknown", f"{whose} of serializer {name!r}: {error}", count=count)
            self._report_progress("check serializers", done, len(used), "serializers")

    # Objects ----------------------------------------------------------------------------------------------------

    async def _look_at(self, place: Place, names: Collection[str]) -> None:
        total = await _inventory.count_blobs(place.name)
        if place.storage is None:
            if total:
                text = f"{total:,} objects of storage {place.name!r} could not be looked for: {place.reason}"
                self._found("storage-unknown", text, count=total, storage=place.name)
            return
        chosen = _Sample(total, self._fraction)
        listed = number = 0

        async def use(part: Compared) -> None:
            nonlocal listed, number
            for extra in (*part.unregistered, *part.buried):
                self._unregistered.add(place.name, extra.location, extra.size)
            for row in part.lost:
                self._missing(place, row)
            unread = {row.location for row in part.lost}
            for row, entry in part.rows:
                self._objects.add(place.name, row.location, row.size)
                if entry is not None and entry.size != row.size:
                    self._wrong_size(place, row.location, f"has {entry.size:,} bytes; {row.size:,} were stored")
                    unread.add(row.location)
            await self._compare(place, [row for row, _ in part.rows if chosen.take() and row.location not in unread])
            listed, number = listed + part.listed, number + len(part.rows)
            if place.lists:
                self._report_progress(f"list {place.name}", listed, unit="objects")
            self._report_progress(f"check {place.name}", number, max(number, total), "rows")

        await compare(place, self._database, names, use)

    def _missing(self, place: Place, row: BlobRow) -> None:
        text = f"The object at {row.location!r} in storage {place.name!r} is not there"
        self._found("object-missing", text, storage=place.name, location=row.location)

    def _wrong_size(self, place: Place, location: str, text: str) -> None:
        text = f"The object at {location!r} in storage {place.name!r} {text}"
        self._found("object-size", text, storage=place.name, location=location)

    async def _compare(self, place: Place, rows: Sequence[BlobRow]) -> None:
        gone: list[BlobRow] = []

        async def verify(row: BlobRow) -> None:
            stored = _stored_object(place, row)
            try:
                async with self._reading:
                    await verify_object(stored)
            except errors.ObjectNotFoundError:
                gone.append(row)
                return
            except errors.CorruptObjectError as error:
                self._found("object-corrupt", str(error), storage=place.name, location=row.location)
            except errors.StorageUnavailableError:
                raise
            except errors.StorageError as error:
                self._found("object-unreadable", str(error), storage=place.name, location=row.location)
            self._read.add(place.name, row.location, row.size)

        await run_concurrently(rows, verify, at_once=_AT_ONCE)
        for row in await _inventory.find_lost(place, gone):
            self._missing(place, row)


class _Sample:
    """Chooses a fraction of rows at random, rounded up, as they come."""

    def __init__(self, total: int, fraction: float) -> None:
        self._all = fraction == 1
        self._rows = total
        self._wanted = math.ceil(total * fraction)

    def take(self) -> bool:
        """Return whether the next row is chosen. Rows beyond the total are chosen only if all are."""
        if self._all:
            return True
        if not self._rows:
            return False
        taken = secrets.randbelow(self._rows) < self._wanted  # so that exactly as many are taken as are wanted
        self._rows, self._wanted = self._rows - 1, self._wanted - taken
        return taken


def _stored_object(place: Place, row: BlobRow) -> StoredObject:
    chunks = None if row.chunk_sha256 is None else bytes(row.chunk_sha256)
    return StoredObject(place.known, row.location, row.size, bytes(row.sha256), chunks, f"blob {row.blob_id}")


async def _record(problems: int, objects_read: int) -> str | None:
    """Record the outcome in the database. Return why that failed, or None."""
    outcome = {"fsck_at": utc_now(), "fsck_problems": problems, "fsck_objects_read": objects_read}

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(update(store_table).values(outcome))

    try:
        await write(work)
    except errors.DatabaseUnavailableError:
        raise
    except errors.DatabaseError as error:  # a user, a connection or a server that only reads
        return f"The database refused to write: {error}"
    return None


def _fraction(subset: object) -> float:
    """Return the fraction of the objects to read.

    Raises:
        ConfigurationError: the subset is neither a percentage nor a number from 0 to 1.
    """
    if subset is None:
        return 0.0
    value: float | None = None
    if isinstance(subset, str):
        match = _PERCENT.fullmatch(subset.strip())
        value = float(match[1]) / 100 if match else None
    elif isinstance(subset, (int, float)) and not isinstance(subset, bool):
        value = float(subset)
    if value is None or not 0 <= value <= 1:
        msg = f"read_data_subset is a percentage such as '5%', or a number from 0 to 1, not {subset!r:.100}"
        raise errors.ConfigurationError(msg)
    return value
