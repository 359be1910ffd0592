"""gc and fsck of large stores: in constant memory, by prefixes side by side, and each object read once."""

from __future__ import annotations

import asyncio
import errno
import random
import tempfile
import threading
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph import ArtifactModel, artifact_field
from artigraph.db import current_database, write
from artigraph.errors import StorageError
from artigraph.identifiers import new_ids
from artigraph.maintenance import Amount, _compare, _gc, _inventory, _spool, fsck, gc
from artigraph.maintenance._compare import listed
from artigraph.maintenance._spool import Item, Spool
from artigraph.orm import CHUNK_SIZE, TOMBSTONE_SIZE, blob_table
from artigraph.storage import MemoryStorage, StoredEntry
from artigraph.storage.file import FileSystem
from tests.support.bare_storage import BareStorage
from tests.support.maintenance import NOW, locations, tamper, tombstones
from tests.support.plans import SORTED, explained

OLD = timedelta(days=30)


async def insert_blobs(storage: str, sizes: dict[str, int]) -> None:
    """Insert rows of objects, and tombstones, that no node refers to."""
    rows = [
        {
            "blob_id": blob_id,
            "storage": storage,
            "location": location,
            "size": size,
            "sha256": blob_id.bytes * 2,
            "created_at": datetime(2020, 1, 1, tzinfo=UTC),
        }
        for blob_id, (location, size) in zip(new_ids(len(sizes)), sizes.items(), strict=True)
    ]

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(insert(blob_table), rows)

    if rows:
        await write(work)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare a small store as a large one: by prefixes, a few rows at a time, with a file to sort in."""
    monkeypatch.setattr(_compare, "_MANY", 0)
    monkeypatch.setattr(_compare, "CHUNK", 3)
    monkeypatch.setattr(_inventory, "CHUNK", 3)
    monkeypatch.setattr(_spool, "_IN_MEMORY", 4)


# What is found ------------------------------------------------------------------------------------------------------


class Aged(MemoryStorage):
    """All its objects are old. They are listed in no order."""

    async def list(self, prefix: str) -> AsyncIterator[StoredEntry]:
        entries = [entry async for entry in super().list(prefix)]
        random.Random(len(entries)).shuffle(entries)
        for entry in entries:
            yield StoredEntry(entry.location, entry.size, OLD)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("seed", range(2))
async def test_a_store_that_is_compared_by_prefixes_is_found_as_it_is(seed: int) -> None:
    draw = random.Random(seed)
    storage, other = Aged("many").register(), Aged("other").register()
    other._held = storage._held  # two names of one place
    store = (await current_database()).store_id.hex
    sizes: dict[str, int] = {}
    elsewhere: dict[str, int] = {}
    expected = Counter[str]()
    for number in range(50):
        kind = draw.choice(["in order", "lost", "unregistered", "elsewhere", "buried", "wrong size", "tombstone"])
        # Most keys are the library's. A row may name any other, and its object is looked for too.
        folder = f"{draw.choice([0, 0, 1, 254, 255]):02x}"
        location = f"{store}/{folder}/{draw.randrange(10**6):06}{number:03}"
        if kind in ("in order", "lost", "wrong size"):
            location = draw.choice([location, location, f"another/{number}", f"{store}/0a-/{number}", f"zz/{number}"])
        expected[kind] += 1
        if kind in ("in order", "lost", "wrong size"):
            sizes[location] = 5
        elif kind in ("buried", "tombstone"):
            sizes[location] = TOMBSTONE_SIZE
        elif kind == "elsewhere":
            elsewhere[location] = 5
        if kind not in ("lost", "tombstone"):
            listed_here = location.startswith(f"{store}/{folder}/")
            expected["misfits"] += kind == "wrong size" and listed_here
            storage._objects[location] = b"123456" if kind == "wrong size" else b"12345"
    await insert_blobs("many", sizes)
    await insert_blobs("other", elsewhere)
    report = await fsck()
    assert report.counts == {"object-missing": expected["lost"], "object-size": expected["misfits"]}
    assert report.objects.count == len(elsewhere) + sum(size > 0 for size in sizes.values())
    # Each of the two names lists every object of the place. A tombstone is one of `many` only.
    assert report.unregistered.count == 2 * (expected["unregistered"] + expected["buried"])
    dry = await gc(grace=NOW)
    assert dry.dangling.count == expected["lost"]
    assert dry.unregistered.count == expected["unregistered"] + expected["buried"]
    storage._objects.update({location: b"12345" for location in sizes if sizes[location] > 0})
    real = await gc(dry_run=False, grace=NOW)
    assert real.unregistered == dry.unregistered
    assert real.unused.count + real.foreign.count == report.objects.count
    assert storage._objects.keys() == {key for key in await locations() if not key.startswith(store)}
    # The tombstones where nothing was listed were old, and are gone.
    assert len(await tombstones()) == expected["buried"] + expected["unregistered"]
    assert (await gc(dry_run=False, grace=NOW)).unregistered == Amount()


@pytest.mark.usefixtures("small_parts")
async def test_what_is_saved_under_real_keys_is_found_by_its_prefix(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = FileSystem(tmp_path, name="objects", durable=False).register()

    @dataclass
    class Kept(ArtifactModel):
        value: str = artifact_field(storage=storage)

    for number in range(20):
        await Kept(str(number)).save("x")
    asked: list[str] = []

    async def exists(location: str) -> bool:
        asked.append(location)
        return True

    monkeypatch.setattr(storage, "exists", exists)
    report = await gc(grace=NOW)
    assert (report.in_use.count, report.unregistered) == (20, Amount())
    assert asked == []  # the listing has all of them


class Busy(MemoryStorage):
    """Notes how many listings are open at a time."""

    open = most = 0

    async def list(self, prefix: str) -> AsyncIterator[StoredEntry]:
        self.open += 1
        self.most = max(self.most, self.open)
        await asyncio.sleep(0)
        async for entry in super().list(prefix):
            yield entry
        self.open -= 1


async def test_prefixes_are_listed_side_by_side_and_few_objects_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    storage = Busy("busy").register()
    store = (await current_database()).store_id.hex
    sizes = {f"{store}/{number % 256:02x}/{number}": 1 for number in range(40)}
    storage._objects.update(dict.fromkeys(sizes, b"1"))
    await insert_blobs("busy", sizes)
    assert (await fsck()).ok
    assert storage.most == 1
    monkeypatch.setattr(_compare, "_MANY", 39)
    assert (await fsck()).ok
    assert 4 <= storage.most <= _compare._AT_ONCE


# Memory -------------------------------------------------------------------------------------------------------------


class Simulated(BareStorage):
    """Lists objects that it makes up, in no order, and keeps none."""

    def __init__(self, name: str, count: int) -> None:
        super().__init__(name)
        self.count = count

    async def exists(self, location: str) -> bool:
        return True

    async def list(self, prefix: str) -> AsyncIterator[StoredEntry]:
        if not self.count:
            return
        folder = int(prefix.split("/")[1], 16)
        for number in range(folder, self.count, 2):
            yield StoredEntry(f"{prefix}{self.key(number)}", 1, OLD)

    def key(self, number: int) -> str:
        return f"{number * 7919 % 100_003:06}-{self.name}"


@pytest.mark.parametrize("check", [gc, fsck])
async def test_memory_does_not_grow_with_the_objects(monkeypatch: pytest.MonkeyPatch, check: Any) -> None:
    """Half of the objects have a row. gc notes the others, to delete them after all storages were examined."""
    monkeypatch.setattr(_compare, "_MANY", 10)
    monkeypatch.setattr(_compare, "_PREFIXES", 2)
    monkeypatch.setattr(_compare, "CHUNK", 200)
    monkeypatch.setattr(_inventory, "CHUNK", 200)
    monkeypatch.setattr(_gc, "_CHUNK", 200)
    monkeypatch.setattr(_gc, "_unused", _gc._unused.limit(200))
    monkeypatch.setattr(_spool, "_IN_MEMORY", 200)
    monkeypatch.setattr(_spool, "_BLOCK", 256)
    store = (await current_database()).store_id.hex
    peaks: list[int] = []
    for count in (2_000, 2_000, 12_000):  # the first fills caches
        storage = Simulated(f"simulated-{len(peaks)}", count).register()
        await insert_blobs(
            storage.name,
            {f"{store}/{number % 2:02x}/{storage.key(number)}": 1 for number in range(count) if number % 4 < 2},
        )
        tracemalloc.start()
        try:
            report = await check()
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        assert report.unregistered.count == sum(number % 4 >= 2 for number in range(count))
        storage.count = 0
        await tamper(delete(blob_table))
    assert peaks[2] < 3 * peaks[1], peaks  # more than four times as much if all were kept


async def test_items_are_sorted_whatever_is_in_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_spool, "_IN_MEMORY", 10)
    monkeypatch.setattr(_spool, "_BLOCK", 32)
    items: list[Item] = [(f"key-{number * 37 % 101}", number, 2**60, number % 2) for number in range(101)]
    async with Spool() as spool:
        for item in items:
            await spool.add(item)
        batches = [batch async for batch in spool.batches(8)]
    assert [item for batch in batches for item in batch] == sorted(items)
    assert {len(batch) for batch in batches[:-1]} == {8}
    async with Spool() as spool:
        assert [batch async for batch in spool.batches(8)] == []


async def test_a_cancellation_while_the_file_is_made_leaves_no_open_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_spool, "_IN_MEMORY", 2)
    make = tempfile.TemporaryFile
    files: list[Any] = []
    making, go_on = threading.Event(), threading.Event()

    def slowly() -> Any:
        making.set()
        assert go_on.wait(60)
        files.append(make())
        return files[0]

    async def fill() -> None:
        async with Spool() as spool:
            for number in range(4):
                await spool.add((str(number), 0, 0, 0))

    monkeypatch.setattr(tempfile, "TemporaryFile", slowly)
    task = asyncio.create_task(fill())
    assert await asyncio.to_thread(making.wait, 60)
    task.cancel()
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.wait([task])
    assert task.cancelled()
    assert [file.closed for file in files] == [True]


def no_folder() -> Any:
    raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")


async def test_no_folder_for_a_temporary_file_is_an_error_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_spool, "_IN_MEMORY", 2)
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "gettempdir", no_folder)
    monkeypatch.setattr(tempfile, "TemporaryFile", no_folder)
    async with Spool() as spool:
        await spool.add(("a", 0, 0, 0))
        with pytest.raises(StorageError, match=r"temporary file failed: .*No usable temporary directory.*TMPDIR"):
            await spool.add(("b", 0, 0, 0))


class Twice(Aged):
    """Lists each object twice, as a service may do whose pages overlap."""

    async def list(self, prefix: str) -> AsyncIterator[StoredEntry]:
        for _ in range(2):
            async for entry in super().list(prefix):
                yield entry


@pytest.mark.usefixtures("small_parts")
async def test_an_object_that_is_listed_twice_counts_once() -> None:
    storage = Twice("twice").register()
    store = (await current_database()).store_id.hex
    keys = [f"{store}/{number % 2:02x}/{number:032x}" for number in range(20)]
    storage._objects.update(dict.fromkeys(keys, b"12345"))
    await insert_blobs("twice", dict.fromkeys(keys[2:], 5))
    assert (await fsck()).unregistered.count == 2
    dry = await gc(grace=timedelta(days=1))
    assert (dry.unregistered.count, dry.unused.count) == (2, 18)


async def test_a_temporary_file_that_cannot_be_written_is_an_error_that_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_spool, "_IN_MEMORY", 2)
    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    storage = MemoryStorage("memory")
    for number in range(3):
        await storage.create(b"value", key=f"store/{number}")
    with pytest.raises(StorageError, match=r"No space left.*TMPDIR") as raised:
        _ = [batch async for batch in listed(storage, "store/")]
    assert isinstance(raised.value.__cause__, OSError)


# Reads --------------------------------------------------------------------------------------------------------------


class Counted(MemoryStorage):
    """Counts the bytes and the requests of each object."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.calls: Counter[str] = Counter()
        self.bytes: Counter[str] = Counter()

    async def read(self, location: str) -> bytes:
        raise AssertionError("the object was read in one piece")

    async def read_range(self, location: str, start: int, length: int) -> bytes:
        data = self._objects[location][start : start + length]
        self.calls[location] += 1
        self.bytes[location] += len(data)
        return data

    async def exists(self, location: str) -> bool:
        raise AssertionError("the listing has the object")


async def test_each_object_is_read_once() -> None:
    storage = Counted("counted").register()

    @dataclass
    class Bytes(ArtifactModel):
        value: bytes = artifact_field(storage=storage)

    sizes = [0, 1, 70_000, CHUNK_SIZE - 1, CHUNK_SIZE, CHUNK_SIZE + 1, 2 * CHUNK_SIZE]
    for size in sizes:
        await Bytes(b"x" * size).save("x")
    assert (await fsck(read_data_subset=1.0)).read.count == len(sizes)
    stored = {location: len(data) for location, data in storage._objects.items()}
    assert storage.bytes == stored
    assert storage.calls == {location: max(1, -(-size // CHUNK_SIZE)) for location, size in stored.items()}
    for location in stored:  # what is too long is found, though the end is not asked for
        storage._objects[location] += b"x"
    storage.list = hidden  # type: ignore[method-assign]
    storage.exists = found  # type: ignore[method-assign, assignment]
    assert (await fsck(read_data_subset=1.0)).counts == {"object-corrupt": len(sizes)}


async def hidden(prefix: str) -> AsyncIterator[StoredEntry]:
    nothing: tuple[StoredEntry, ...] = ()
    for entry in nothing:
        yield entry


async def found(_: str) -> bool:
    return True


async def test_rows_are_read_in_the_order_of_an_index() -> None:
    """Another order sorts all rows of a storage for each chunk, which takes time with the square of their number."""
    database = await current_database()
    given = {"storage": "memory", "after": "a", "low": b"a", "high": b"b"}
    ranges = [(False, False), (True, False), (False, True), (True, True)]
    selects = [_inventory._select_rows(database, above=above, up_to=up_to) for above, up_to in ranges]
    for statement in (_gc._unused, *selects):
        found = await explained(statement, given)
        assert "SEARCH artigraph_blob USING INDEX sqlite_autoindex_artigraph_blob_3 (storage=?" in found
        assert not SORTED.search(found), found
