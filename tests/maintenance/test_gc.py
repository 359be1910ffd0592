"""gc removes unused objects, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph import ArtifactModel, artifact_field
from artigraph.db import _target, current_database, dispose_engines, engine_context, session_context, write
from artigraph.errors import (
    ConfigurationError,
    DanglingObjectsError,
    SerializationError,
    SessionStateError,
    StorageError,
    StorageUnavailableError,
)
from artigraph.graph import objects
from artigraph.graph import tombstones as graves
from artigraph.maintenance import Amount, Progress, fsck, gc
from artigraph.maintenance._gc import UnusedBlob, delete_blob
from artigraph.orm import blob_table, node_table
from artigraph.storage import MemoryStorage, Storage, StoredEntry, SupportsListing
from artigraph.storage.file import FileSystem
from artigraph.testing.faults import Fault, FlakyStorage
from tests.support.maintenance import NOW, delete_artifact, files, locations, make_older, orphan, rows, tombstones

_pa: Any = pa


@pytest.fixture
def storage(tmp_path: Path) -> FileSystem:
    return FileSystem(tmp_path / "objects", name="objects", durable=False).register()


def model_on(storage: Storage) -> Any:
    @dataclass
    class Kept(ArtifactModel):
        value: str = artifact_field(storage=storage)

    return Kept


async def set_created(location: str, when: datetime) -> None:
    async def work(connection: AsyncConnection) -> None:
        await connection.execute(update(blob_table).where(blob_table.c.location == location).values(created_at=when))

    await write(work)


async def test_a_dry_run_says_what_would_go_and_deletes_nothing(storage: FileSystem) -> None:
    model = model_on(storage)
    await model("in use").save("a")
    unused = await model("unused").save("b")
    await delete_artifact(unused, objects=False)
    left = await orphan(storage)
    before, objects = await rows(blob_table), files(storage)
    report = await gc(grace=NOW)
    assert report.dry_run
    assert report.in_use == Amount(1, 8)
    assert report.unused == Amount(1, 8)
    assert report.unregistered == Amount(1, 11)
    assert [example.location for example in report.unregistered_examples] == [left]
    assert report.young == report.foreign == report.failed == report.dangling == Amount()
    assert await rows(blob_table) == before
    assert files(storage) == objects


async def test_what_nothing_refers_to_goes_and_the_rest_stays(storage: FileSystem) -> None:
    model = model_on(storage)
    node_id = await model("in use").save("a")
    await delete_artifact(await model("unused").save("b"), objects=False)
    await orphan(storage)
    report = await gc(dry_run=False, grace=NOW)
    assert (report.unused, report.unregistered) == (Amount(1, 8), Amount(1, 11))
    assert files(storage).keys() == await locations()
    assert files(storage) == dict.fromkeys(await locations(), b'"in use"')
    assert await model.load(node_id) == model("in use")
    again = await gc(dry_run=False, grace=NOW)
    assert again.unused == again.unregistered == Amount()
    assert (await fsck(read_data_subset=1.0)).ok


async def test_the_grace_of_rows_goes_by_the_clock_of_the_database(storage: FileSystem) -> None:
    model = model_on(storage)
    for text in ("old", "young"):
        await delete_artifact(await model(text).save("x"), objects=False)
    old = next(location for location, data in files(storage).items() if data == b'"old"')
    await set_created(old, datetime.now(UTC) - timedelta(hours=73))
    report = await gc(dry_run=False)
    assert (report.unused.count, report.young.count) == (1, 1)
    assert [*files(storage).values()] == [b'"young"']
    assert len(await locations()) == 1


async def test_the_grace_of_objects_without_a_row_goes_by_the_clock_of_the_storage(storage: FileSystem) -> None:
    old, young = await orphan(storage, key="ab/old"), await orphan(storage, key="ab/young")
    make_older(storage, old, timedelta(hours=73))
    make_older(storage, young, timedelta(hours=71))
    report = await gc(dry_run=False)
    assert (report.unregistered.count, report.young.count) == (1, 1)
    assert files(storage).keys() == {young}


async def test_a_grace_without_end_keeps_everything(storage: FileSystem) -> None:
    await delete_artifact(await model_on(storage)("unused").save("x"), objects=False)
    await orphan(storage)
    assert (await gc(dry_run=False, grace=timedelta.max)).young.count == 2
    assert len(files(storage)) == 2


async def test_nothing_is_deleted_anywhere_when_a_listing_fails_in_the_middle(storage: FileSystem) -> None:
    inner = MemoryStorage()
    flaky = FlakyStorage(inner, rate=0, name="zz-flaky").register()
    model = model_on(flaky)
    for number in range(3):
        await model(str(number)).save("x")
    await orphan(storage)
    await delete_artifact(await model_on(storage)("unused").save("x"), objects=False)
    before, objects = await rows(blob_table), files(storage)
    faults: list[Fault] = ["before", "after"]
    for fault in faults:
        flaky._script = iter((fault,))
        with pytest.raises(StorageUnavailableError, match="list"):
            await gc(dry_run=False, grace=NOW)
    assert flaky.faults == 2
    assert await rows(blob_table) == before
    assert files(storage) == objects
    assert len(inner._objects) == 3


class Lying(MemoryStorage):
    """Lists what it was not asked for."""

    async def list(self, prefix: str) -> AsyncIterator[StoredEntry]:
        yield StoredEntry("elsewhere/a", 1, timedelta(days=100))


class Other(MemoryStorage):
    """Has a method of this name that does something else."""

    async def list(self, prefix: str) -> Any:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return []


@pytest.mark.parametrize("kind", [Lying, Other])
async def test_a_listing_that_is_none_is_refused_and_nothing_deleted(storage: FileSystem, kind: Any) -> None:
    kind("other").register()
    left = await orphan(storage)
    with pytest.raises(StorageError, match="list"):
        await gc(dry_run=False, grace=NOW)
    assert files(storage).keys() == {left}


@pytest.mark.parametrize(
    ("name", "size", "age"),
    [
        ("\ud800", 1, timedelta(days=9)),
        ("a\0b", 1, timedelta(days=9)),
        ("a" * 512, 1, timedelta(days=9)),
        ("a", None, timedelta(days=9)),
        ("a", "1", timedelta(days=9)),
        ("a", -1, timedelta(days=9)),
        ("a", 1, 9.0),
    ],
)
@pytest.mark.parametrize("call", [fsck, gc])
async def test_an_entry_that_can_be_no_object_is_an_error_that_names_the_storage(
    call: Any, name: str, size: Any, age: Any
) -> None:
    class Odd(MemoryStorage):
        async def list(self, prefix: str) -> AsyncIterator[StoredEntry]:
            yield StoredEntry(prefix + name, size, age)

    Odd("odd").register()
    with pytest.raises(StorageError, match="'odd'> listed StoredEntry"):
        await call()


async def test_nothing_is_deleted_while_a_row_has_no_object(storage: FileSystem) -> None:
    model = model_on(storage)
    await model("precious").save("a")
    [lost] = files(storage)
    (storage.directory / lost).unlink()
    await delete_artifact(await model("unused").save("b"), objects=False)
    left = await orphan(storage)
    with pytest.raises(DanglingObjectsError, match=lost):
        await gc(dry_run=False, grace=NOW)
    assert len(files(storage)) == 2
    assert left in files(storage)
    assert len(await rows(blob_table)) == 2
    report = await gc(grace=NOW)
    assert report.dangling == Amount(1, 10)
    assert [example.location for example in report.dangling_examples] == [lost]
    assert "MISSING" in report.render()


async def test_two_databases_in_one_folder_leave_each_others_objects(storage: FileSystem, tmp_path: Path) -> None:
    model = model_on(storage)
    await model("ours").save("x")
    ours = await orphan(storage)
    async with engine_context(f"sqlite:///{tmp_path}/other.db", create_tables=True):
        await model("theirs").save("x")
        theirs = await orphan(storage)
        assert (await gc(dry_run=False, grace=NOW)).unregistered.count == 1
        assert theirs not in files(storage)
        assert ours in files(storage)
        theirs = await orphan(storage)
    assert (await gc(dry_run=False, grace=NOW)).unregistered.count == 1
    assert ours not in files(storage)
    assert theirs in files(storage)
    assert sorted(files(storage).values()) == [b'"ours"', b'"theirs"', b"left behind"]


# Beside savers ------------------------------------------------------------------------------------------------------


class Swept(MemoryStorage):
    """Has gc find each of its first objects between their put and their commit."""

    sweeps = 1
    swept = 0

    async def create(self, data: bytes, *, key: str | None = None) -> str:
        location = await super().create(data, key=key)
        await self._sweep()
        return location

    async def create_stream(self, parts: AsyncIterator[bytes | memoryview], *, key: str | None = None) -> str:
        location = await super().create_stream(parts, key=key)
        await self._sweep()
        return location

    async def _sweep(self) -> None:
        if self.sweeps:
            self.sweeps -= 1
            count = (await gc(dry_run=False, grace=NOW)).unregistered.count
            self.swept += count


@pytest.mark.parametrize("sweeps", [1, 3])
async def test_a_save_whose_object_was_swept_before_its_commit_puts_it_again(sweeps: int) -> None:
    storage = Swept("swept").register()
    storage.sweeps = sweeps
    model = model_on(storage)
    node_id = await model("value").save("x")
    assert storage.swept == sweeps
    assert await model.load(node_id) == model("value")
    assert storage._objects == dict.fromkeys(await locations(), b'"value"')
    assert len(await tombstones()) == sweeps
    assert (await fsck(read_data_subset="100%")).ok


async def test_a_save_of_several_objects_keeps_those_that_were_not_swept() -> None:
    storage = Swept("swept").register()
    storage.sweeps = 2

    @dataclass
    class Several(ArtifactModel):
        values: list[object] = artifact_field(storage=storage)

    model = Several([Several([str(number)]) for number in range(8)])
    node_id = await model.save("x")
    assert storage.swept >= 1
    assert await Several.load(node_id) == model
    assert storage._objects.keys() == await locations()
    assert (await fsck(read_data_subset="100%")).ok


async def test_a_stream_that_cannot_be_read_twice_fails_and_leaves_nothing_when_it_was_swept() -> None:
    storage = Swept("swept").register()

    @dataclass
    class Streamed(ArtifactModel):
        reader: Any = artifact_field(storage=storage)

    table = _pa.table({"a": [1, 2, 3]})
    with pytest.raises(SerializationError, match="stored before"):
        await Streamed(table.to_reader()).save("x")
    assert storage.swept == 1
    assert (storage._objects, await rows(node_table), await locations()) == ({}, [], set())
    loaded = await Streamed.load(await Streamed(table.to_reader()).save("x"))
    assert loaded.reader.read_all() == table


async def test_what_was_put_too_long_ago_is_put_again(monkeypatch: pytest.MonkeyPatch) -> None:
    storage = MemoryStorage("slow").register()
    asked: list[timedelta] = []

    def is_past(moment: objects.Stopwatch, limit: timedelta) -> bool:
        asked.append(limit)
        return len(asked) == 1

    monkeypatch.setattr(objects.Stopwatch, "is_past", is_past)
    created: list[str] = []
    create = storage.create

    async def noting(data: bytes, *, key: str | None = None) -> str:
        created.append(await create(data, key=key))
        return created[-1]

    monkeypatch.setattr(storage, "create", noting)
    model = model_on(storage)
    node_id = await model("value").save("x")
    assert asked == [timedelta(hours=24)] * 2
    assert len(created) == 2
    assert storage._objects.keys() == {created[1]} == await locations()
    assert await model.load(node_id) == model("value")


@pytest.mark.parametrize("clock", ["_time_awake_or_not", "time.time"])
def test_moments_are_past_by_the_clock_that_says_the_most(monkeypatch: pytest.MonkeyPatch, clock: str) -> None:
    moment = objects.Stopwatch()
    assert not moment.is_past(timedelta(hours=1))
    monkeypatch.setattr(f"artigraph.graph.objects.{clock}", lambda: 1e12)
    assert moment.is_past(timedelta(hours=1))


async def test_a_row_that_is_referred_to_is_not_deleted(storage: FileSystem) -> None:
    await model_on(storage)("value").save("x")
    [row] = await rows(blob_table)
    blob = UnusedBlob(*(row[name] for name in UnusedBlob._fields))
    assert not await delete_blob(blob)
    assert [*await rows(blob_table)] == [row]


async def test_a_location_that_was_registered_meanwhile_is_not_buried(storage: FileSystem) -> None:
    await model_on(storage)("value").save("x")
    [location] = await locations()
    database = await current_database()
    assert await graves.create_tombstones(database, "objects", [location, "free"], ["objects"]) == {"free"}
    assert await graves.create_tombstones(database, "under-another-name", [location], ["objects"]) == set()
    assert await locations() == {location}


async def test_two_collections_at_once_do_what_one_does(storage: FileSystem) -> None:
    model = model_on(storage)
    await model("in use").save("a")
    for number in range(20):
        await delete_artifact(await model(str(number)).save("b"), objects=False)
        await orphan(storage, key=f"ab/{number}")
    reports = await asyncio.gather(*(gc(dry_run=False, grace=NOW) for _ in range(3)))
    assert sum(report.unused.count for report in reports) == 20
    # Between the deletion of a row and that of its object, another one may see an object without a row.
    assert 20 <= max(report.unregistered.count for report in reports) <= 40
    assert [report.failed for report in reports] == [Amount()] * 3
    assert files(storage).keys() == await locations()
    assert 20 <= len(await tombstones()) <= 40
    assert (await fsck(read_data_subset=1.0)).ok


# Tombstones ---------------------------------------------------------------------------------------------------------


async def test_tombstones_last_for_a_week(storage: FileSystem) -> None:
    location = await orphan(storage)
    await gc(dry_run=False, grace=NOW)
    assert await tombstones() == {location}
    await set_created(location, datetime.now(UTC) - timedelta(days=6))
    await gc(dry_run=False, grace=NOW)
    assert await tombstones() == {location}
    await set_created(location, datetime.now(UTC) - timedelta(days=8))
    await gc(grace=NOW)
    assert await tombstones() == {location}
    await gc(dry_run=False, grace=NOW)
    assert await tombstones() == set()


async def test_what_comes_late_to_a_tombstone_is_deleted_at_any_grace(storage: FileSystem) -> None:
    location = await orphan(storage)
    await gc(dry_run=False, grace=NOW)
    await orphan(storage)
    await set_created(location, datetime.now(UTC) - timedelta(days=8))
    assert (await gc()).unregistered.count == 1
    assert (await gc(dry_run=False)).unregistered.count == 1
    assert files(storage) == {}
    assert await tombstones() == {location}


async def test_tombstones_are_no_objects(storage: FileSystem) -> None:
    location = await orphan(storage)
    await gc(dry_run=False, grace=NOW)
    report = await fsck(read_data_subset=1.0)
    assert report.ok
    assert report.objects == Amount()
    model = model_on(storage)
    node_id = await model("value").save("x")
    assert await model.load(node_id) == model("value")
    assert location not in files(storage)
    assert (await gc(dry_run=False, grace=NOW)).in_use == Amount(1, 7)


# Storages of all kinds ----------------------------------------------------------------------------------------------


class Plain(Storage):
    """The four methods around another storage, without optional abilities."""

    def __init__(self, inner: Storage, name: str, before: str = "") -> None:
        self.name = name
        self.inner = inner
        self.before = before

    async def create(self, data: bytes, *, key: str | None = None) -> str:
        return self.before + await self.inner.create(data, key=key)

    async def read(self, location: str) -> bytes:
        return await self.inner.read(location.removeprefix(self.before))

    async def delete(self, location: str) -> None:
        await self.inner.delete(location.removeprefix(self.before))

    async def exists(self, location: str) -> bool:
        return await self.inner.exists(location.removeprefix(self.before))


async def test_a_storage_that_cannot_list_is_asked_for_each_object(tmp_path: Path) -> None:
    files_of = FileSystem(tmp_path / "plain", name="plain-inner", durable=False)
    plain = Plain(files_of, "plain").register()
    assert not isinstance(plain, SupportsListing)
    model = model_on(plain)
    await model("in use").save("a")
    await delete_artifact(await model("unused").save("b"), objects=False)
    left = await orphan(files_of)
    report = await gc(dry_run=False, grace=NOW)
    assert (report.unused.count, report.unregistered.count, report.in_use.count) == (1, 0, 1)
    assert [storage.name for storage in report.unswept] == ["plain"]
    assert "plain" in report.render()
    assert files(files_of).keys() == {left, *await locations()}
    [kept] = await locations()
    (files_of.directory / kept).unlink()
    with pytest.raises(DanglingObjectsError):
        await gc(dry_run=False, grace=NOW)


async def test_what_a_storage_keeps_in_another_one_is_not_swept_there(tmp_path: Path) -> None:
    inner = FileSystem(tmp_path / "inner", name="inner", durable=False).register()
    outer = Plain(inner, "outer", before="outer:").register()
    model = model_on(outer)
    node_id = await model("value").save("x")
    report = await gc(dry_run=False, grace=NOW)
    assert report.unregistered == Amount()
    assert [storage.name for storage in report.unswept] == ["inner", "outer"]
    assert await model.load(node_id) == model("value")


async def test_objects_that_are_registered_under_another_name_are_in_use(tmp_path: Path) -> None:
    one = FileSystem(tmp_path / "shared", name="one", durable=False).register()
    two = FileSystem(tmp_path / "shared", name="two", durable=False).register()
    model = model_on(one)
    node_id = await model("value").save("x")
    left = await orphan(two)
    for dry_run in (True, False):
        report = await gc(dry_run=dry_run, grace=NOW)
        assert report.unregistered == Amount(1, 11)
    await gc(dry_run=False, grace=NOW)
    assert left not in files(one)
    assert await model.load(node_id) == model("value")
    assert (await fsck(read_data_subset=1.0)).ok


async def test_an_object_that_only_the_second_name_of_a_place_lists_is_refused_to_the_first_one() -> None:
    """The first storage was listed before the object was put. Its save commits after the object was deleted."""
    listed, put, collected = asyncio.Event(), asyncio.Event(), asyncio.Event()

    class First(MemoryStorage):
        async def create(self, data: bytes, *, key: str | None = None) -> str:
            await listed.wait()
            location = await super().create(data, key=key)
            put.set()
            await collected.wait()
            return location

    class Second(MemoryStorage):
        async def list(self, prefix: str) -> AsyncIterator[StoredEntry]:
            listed.set()
            await put.wait()
            async for entry in super().list(prefix):
                yield entry

    one, two = First("name-1").register(), Second("name-2").register()
    two._held = one._held
    model = model_on(one)
    save = asyncio.create_task(model("value").save("x"))
    report = await gc(dry_run=False, grace=NOW)
    collected.set()
    assert await model.load(await save) == model("value")
    assert report.unregistered.count == 1
    assert (await fsck(read_data_subset=1.0)).ok


async def test_a_storage_that_is_not_known_here_is_skipped_and_left_alone(
    storage: FileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    from artigraph.storage import base

    await model_on(storage)("here").save("x")
    gone = FileSystem(storage.directory.parent / "gone", name="gone", durable=False).register()
    await delete_artifact(await model_on(gone)("unused").save("x"), objects=False)
    left = await orphan(gone)
    monkeypatch.delitem(base._storages._items, "gone")
    report = await gc(dry_run=False, grace=NOW)
    assert [storage.name for storage in report.skipped] == ["gone"]
    assert "gone" in report.skipped[0].reason
    assert "left out, as it is not known here: gone" in report.render()
    assert len(files(gone)) == 2
    assert left in files(gone)
    assert len(await locations()) == 2


async def test_what_does_not_bear_the_id_of_the_database_is_kept(storage: FileSystem) -> None:
    model = model_on(storage)
    await delete_artifact(await model("unused").save("x"), objects=False)
    [location] = await locations()
    path = storage.directory / "elsewhere"
    path.mkdir()
    (storage.directory / location).rename(path / "a")

    async def move(connection: AsyncConnection) -> None:
        await connection.execute(update(blob_table).values(location="elsewhere/a"))

    await write(move)
    report = await gc(dry_run=False, grace=NOW)
    assert report.foreign == Amount(1, 8)
    assert "elsewhere/a" in report.render()
    assert await locations() == files(storage).keys() == {"elsewhere/a"}


async def test_an_object_that_cannot_be_deleted_is_told_and_found_again() -> None:
    inner = MemoryStorage("inner")
    flaky = FlakyStorage(inner, rate=0, name="flaky").register()
    await delete_artifact(await model_on(flaky)("unused").save("x"), objects=False)
    script: list[Fault] = ["none", "before"]  # the listing, the deletion
    flaky._script = iter(script)
    report = await gc(dry_run=False, grace=NOW)
    assert (report.unused, report.failed) == (Amount(), Amount(1, 8))
    assert "on purpose" in report.failed_examples[0].text
    assert "on purpose" in report.render()
    assert (await locations(), len(inner._objects)) == (set(), 1)
    assert (await gc(dry_run=False, grace=NOW)).unregistered == Amount(1, 8)
    assert inner._objects == {}


async def test_the_folder_of_an_embedded_database_is_collected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ARTIGRAPH_URL", raising=False)
    _target.engine_block.set(None)
    folder = FileSystem(tmp_path / ".artigraph" / "objects")
    await orphan(folder)
    assert (await gc(dry_run=False, grace=NOW)).unregistered == Amount(1, 11)
    assert files(folder) == {}
    await dispose_engines()


async def test_what_was_never_finished_goes_after_a_week_at_any_grace(storage: FileSystem) -> None:
    folder = storage.directory / ".artigraph-partial"
    folder.mkdir(parents=True)
    old, young, other = folder / f"1-{'a' * 32}", folder / f"1-{'b' * 32}", folder / "lock"
    for path in (old, young, other):
        path.write_bytes(b"half")
        make_older(storage, path.relative_to(storage.directory).as_posix(), timedelta(days=6 if path == young else 8))
    report = await gc(grace=NOW)
    assert report.unfinished == Amount(1, 4)
    assert old.exists()
    report = await gc(dry_run=False, grace=timedelta(days=9))
    assert report.unfinished == Amount()
    report = await gc(dry_run=False, grace=NOW)
    assert report.unfinished == Amount(1, 4)
    assert "left by writes that were never finished: 1 object, 4 bytes" in report.render()
    assert sorted(folder.iterdir()) == sorted([young, other])


# How it is called ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("grace", [timedelta(seconds=-1), 0, None, "1h"])
async def test_a_grace_that_is_none_is_refused(grace: Any) -> None:
    with pytest.raises(ConfigurationError, match="grace"):
        await gc(grace=grace)


async def test_in_a_session_it_is_refused(storage: FileSystem) -> None:
    left = await orphan(storage)
    async with session_context():
        with pytest.raises(SessionStateError):
            await gc(dry_run=False, grace=NOW)
    assert files(storage).keys() == {left}


async def test_progress_is_told_and_its_errors_go_on(storage: FileSystem) -> None:
    await model_on(storage)("value").save("x")
    left = await orphan(storage)
    told: list[Progress] = []
    await gc(grace=NOW, progress=told.append)
    assert {progress.stage for progress in told} == {"list objects", "check objects", "collect from objects"}
    assert [(progress.done, progress.total) for progress in told if progress.stage == "collect from objects"] == [
        (1, 1)
    ]

    def stop(_: Progress) -> None:
        raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        await gc(dry_run=False, grace=NOW, progress=stop)
    assert left in files(storage)


async def test_the_report_is_text_with_a_bounded_number_of_examples(storage: FileSystem) -> None:
    for number in range(25):
        await orphan(storage, key=f"ab/{number}")
    report = await gc(grace=NOW)
    assert report.unregistered.count == 25
    assert len(report.unregistered_examples) == 10
    text = report.render()
    assert text.startswith("gc (dry run: nothing was deleted), grace 0:00:00\n")
    assert "would be deleted, because no blob row names them: 25 objects, 275 bytes" in text
    assert "and 15 more" in text
    assert "grace 3 days\n" in (await gc()).render()
