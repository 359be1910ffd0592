"""fsck finds each kind of damage, and finds nothing in an intact store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from artigraph import ArtifactModel, artifact_field, delete
from artigraph.db import engine_context, session_context
from artigraph.errors import ConfigurationError, SessionStateError, StorageError, StorageUnavailableError
from artigraph.maintenance import Amount, FsckReport, Progress, fsck
from artigraph.orm import CHUNK_SIZE, blob_table, node_table
from artigraph.storage import MemoryStorage, Storage, SupportsFiles, SupportsRanges, register_storage
from artigraph.storage.file import FileSystem
from artigraph.testing.faults import Fault, FlakyStorage
from artigraph.view import storage_document
from tests.support.broken_stores import TAMPERINGS, Tampering, make_store
from tests.support.maintenance import files, orphan, rows, tamper
from tests.support.statements import counted


@pytest.fixture
def storage(tmp_path: Path) -> FileSystem:
    return FileSystem(tmp_path / "objects", name="objects", durable=False).register()


def model_on(storage: Storage) -> Any:
    @dataclass
    class Kept(ArtifactModel):
        value: str = artifact_field(storage=storage)

    return Kept


async def test_a_store_that_is_whole_has_no_problems(storage: FileSystem) -> None:
    await make_store(storage)
    before, objects = (await rows(node_table), await rows(blob_table)), files(storage)
    report = await fsck(read_data_subset="100%")
    assert report.ok
    assert report.counts == {}
    assert report.problems == ()
    assert report.objects == report.read == Amount(len(objects), sum(map(len, objects.values())))
    assert report.unregistered == Amount()
    assert report.render().startswith("fsck: no problems\n")
    assert (await rows(node_table), await rows(blob_table)) == before
    assert files(storage) == objects


async def test_an_empty_database_has_no_problems() -> None:
    assert (await fsck(read_data_subset=1)).ok


async def test_the_last_outcome_is_recorded(storage: FileSystem) -> None:
    assert (await storage_document()).last_fsck is None
    artifact_id = await model_on(storage)("x" * 1000).save("kept")
    before = datetime.now(UTC) - timedelta(seconds=5)
    assert (await fsck()).unrecorded is None
    whole = (await storage_document()).last_fsck
    assert whole is not None
    assert before < whole.ended_at < datetime.now(UTC) + timedelta(seconds=5)
    assert (whole.problems, whole.objects_read) == (0, 0)
    [path] = files(storage)
    (storage.directory / path).unlink()
    assert (await fsck(read_data_subset=1)).counts == {"object-missing": 1}
    damaged = (await storage_document()).last_fsck
    assert damaged is not None
    assert damaged.problems == 1
    assert damaged.ended_at > whole.ended_at
    await delete(artifact_id)


async def test_an_outcome_that_cannot_be_recorded_is_said_so(database_url: str) -> None:
    async with engine_context(database_url, create_tables=True):
        await fsck()
        recorded = (await storage_document()).last_fsck
    async with engine_context(database_url, read_only=True):
        report = await fsck()
        assert report.ok
        assert report.unrecorded is not None
        assert "read-only" in report.unrecorded or "readonly" in report.unrecorded
        assert f"not recorded: {report.unrecorded}" in report.render()
        assert (await storage_document()).last_fsck == recorded


@pytest.mark.parametrize("name", TAMPERINGS)
async def test_rows_that_were_altered_are_found(storage: FileSystem, name: str) -> None:
    ids = await make_store(storage)
    tampering: Tampering = TAMPERINGS[name]
    await tamper(*tampering.statements(ids))
    report = await fsck()
    assert not report.ok
    assert report.counts.get(tampering.kind) == tampering.count
    assert set(report.counts) == {tampering.kind, *tampering.also}
    found = [problem for problem in report.problems if problem.kind == tampering.kind]
    assert len(found) == tampering.count
    if tampering.node is not None:
        assert [problem.node_id for problem in found] == [tampering.node(ids)]
        assert str(tampering.node(ids)) in report.render()


async def test_a_missing_object_is_found(storage: FileSystem) -> None:
    await model_on(storage)("value").save("x")
    [location] = files(storage)
    (storage.directory / location).unlink()
    report = await fsck()
    assert report.counts == {"object-missing": 1}
    [problem] = report.problems
    assert (problem.storage, problem.location) == ("objects", location)
    assert location in report.render()


@pytest.mark.parametrize("location", ["../../etc/passwd", "/etc/passwd", "a\\b", "x" * 500, "not/here"])
async def test_a_location_that_leads_nowhere_is_a_missing_object(storage: FileSystem, location: str) -> None:
    await model_on(storage)("value").save("x")
    await tamper(update(blob_table).values(location=location))
    report = await fsck(read_data_subset=1.0)
    assert report.counts == {"object-missing": 1}
    assert report.unregistered.count == 1


async def test_an_object_without_a_row_is_told_of_and_is_no_problem(storage: FileSystem) -> None:
    left = await orphan(storage)
    report = await fsck()
    assert report.ok
    assert report.unregistered == Amount(1, 11)
    assert [example.location for example in report.unregistered_examples] == [left]
    assert left in report.render()
    assert files(storage).keys() == {left}


async def test_an_object_of_another_size_is_found_without_reading_it(storage: FileSystem) -> None:
    await model_on(storage)("value").save("x")
    [location] = files(storage)
    (storage.directory / location).write_bytes(b"val")
    for subset in (None, 1.0):
        report = await fsck(read_data_subset=subset)
        assert report.counts == {"object-size": 1}
        assert "has 3 bytes; 7 were stored" in report.problems[0].text


class OnlyRanges(Storage):
    """Reads ranges of a memory storage. It has no other optional ability."""

    def __init__(self, inner: MemoryStorage) -> None:
        self.name = "ranges"
        self._inner = inner
        self.longest = 0

    async def create(self, data: bytes, *, key: str | None = None) -> str:
        return await self._inner.create(data, key=key)

    async def read(self, location: str) -> bytes:
        raise AssertionError("the object was read in one piece")

    async def read_range(self, location: str, start: int, length: int) -> bytes:
        self.longest = max(self.longest, length)
        return await self._inner.read_range(location, start, length)

    async def delete(self, location: str) -> None:
        await self._inner.delete(location)

    async def exists(self, location: str) -> bool:
        return await self._inner.exists(location)


class OnlyFour(OnlyRanges):
    read_range: Any = None

    def __init__(self, inner: MemoryStorage) -> None:
        super().__init__(inner)
        del self.longest

    async def read(self, location: str) -> bytes:
        return await self._inner.read(location)


def flip(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


@pytest.mark.parametrize("size", [1, 300_000, CHUNK_SIZE, 2 * CHUNK_SIZE + 5])
async def test_a_flipped_bit_is_found_when_it_is_read(storage: FileSystem, size: int) -> None:
    @dataclass
    class Bytes(ArtifactModel):
        value: bytes = artifact_field(storage=storage)

    await Bytes(b"x" * size).save("x")
    assert (await fsck(read_data_subset=1.0)).ok
    [location] = files(storage)
    path = storage.directory / location
    path.write_bytes(flip(path.read_bytes()))
    assert (await fsck()).ok  # it was not read
    report = await fsck(read_data_subset="100%")
    assert report.counts == {"object-corrupt": 1}
    assert "SHA-256 differs" in report.problems[0].text
    assert report.read.count == 1


def cut(data: bytes) -> bytes:
    return data[:-1]


def empty(data: bytes) -> bytes:
    return data[:0]


def longer(data: bytes) -> bytes:
    return data + b"x"


@pytest.mark.parametrize("change", [flip, cut, empty, longer])
async def test_what_was_altered_in_a_storage_that_reads_ranges_alone_is_found(change: Callable[[bytes], bytes]) -> None:
    inner = MemoryStorage("inner")
    ranges = register_storage(OnlyRanges(inner))
    assert isinstance(ranges, SupportsRanges)
    assert not isinstance(ranges, SupportsFiles)

    @dataclass
    class Bytes(ArtifactModel):
        value: bytes = artifact_field(storage=ranges)

    await Bytes(b"x" * (CHUNK_SIZE + 7)).save("x")
    report = await fsck(read_data_subset=1.0)
    assert report.ok
    assert [storage.name for storage in report.unlisted] == ["ranges"]
    assert ranges.longest == CHUNK_SIZE
    [location] = inner._objects
    inner._objects[location] = change(inner._objects[location])
    assert (await fsck(read_data_subset=1.0)).counts == {"object-corrupt": 1}


async def test_hashes_of_chunks_that_were_altered_are_found(storage: FileSystem) -> None:
    @dataclass
    class Bytes(ArtifactModel):
        value: bytes = artifact_field(storage=storage)

    await Bytes(b"x" * (CHUNK_SIZE + 7)).save("x")
    await tamper(update(blob_table).values(chunk_sha256=b"x" * 64))
    assert (await fsck(read_data_subset=1.0)).counts == {"object-corrupt": 1}


async def test_a_storage_that_does_not_answer_is_an_error_and_no_finding() -> None:
    inner = MemoryStorage("inner")
    flaky = FlakyStorage(inner, rate=0, name="flaky").register()
    await model_on(flaky)("other").save("x")
    script: list[Fault] = ["none", "before"]  # the listing, the range
    flaky._script = iter(script)
    with pytest.raises(StorageUnavailableError):  # that proves nothing about the object
        await fsck(read_data_subset=1.0)


class Unreadable(OnlyRanges):
    async def read_range(self, location: str, start: int, length: int) -> bytes:
        raise StorageError("the device failed")


async def test_an_object_that_cannot_be_read_is_found_and_the_rest_is_looked_at(storage: FileSystem) -> None:
    await model_on(storage)("value").save("x")
    await model_on(register_storage(Unreadable(MemoryStorage("inner"))))("other").save("x")
    report = await fsck(read_data_subset=1.0)
    assert report.counts == {"object-unreadable": 1}
    assert "the device failed" in report.problems[0].text
    assert report.read.count == 2


async def test_a_link_in_the_place_of_an_object_is_a_missing_object(storage: FileSystem) -> None:
    await model_on(storage)("value").save("x")
    [location] = files(storage)
    path = storage.directory / location
    path.unlink()
    path.symlink_to("/etc/hostname")
    report = await fsck(read_data_subset=1.0)
    assert report.counts == {"object-missing": 1}
    assert report.read.count == 0


async def test_a_storage_that_is_not_known_here_is_told(storage: FileSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    from artigraph.storage import base

    await model_on(storage)("value").save("x")
    monkeypatch.delitem(base._storages._items, "objects")
    report = await fsck(read_data_subset=1.0)
    assert report.counts == {"storage-unknown": 1}
    assert report.problems[0].storage == "objects"
    assert "'objects'" in report.render()


async def test_a_serializer_that_nothing_provides_is_named(storage: FileSystem) -> None:
    await model_on(storage)("value").save("x")
    await tamper(update(node_table).where(node_table.c.node_type == "value").values(serializer="their.own/1"))
    report = await fsck()
    assert report.counts == {"serializer-unknown": 1}
    assert "1 value of serializer 'their.own/1'" in report.render()
    await tamper(update(node_table).where(node_table.c.node_type == "value").values(serializer=None))
    assert (await fsck()).counts == {"serializer-unknown": 1}


async def test_a_part_of_the_objects_is_read(storage: FileSystem) -> None:
    for number in range(20):
        await model_on(storage)(str(number)).save("x")
    for subset, count in (("5%", 1), ("12.5 %", 3), (0.05, 1), (0, 0), ("0%", 0), (None, 0), ("100%", 20), (1, 20)):
        assert (await fsck(read_data_subset=subset)).read.count == count
    found = {await corrupt_found(storage, location) for location in sorted(files(storage))[:4]}
    assert found == {1}


async def corrupt_found(storage: FileSystem, location: str) -> int:
    path = storage.directory / location
    data = path.read_bytes()
    path.write_bytes(flip(data))
    report: FsckReport = await fsck(read_data_subset="100%")
    path.write_bytes(data)
    return report.counts.get("object-corrupt", 0)


@pytest.mark.parametrize(
    "subset", ["5", "101%", "-1%", "%", "five %", "1e1%", -0.1, 1.1, float("nan"), True, b"5%", []]
)
async def test_a_part_that_is_none_is_refused(subset: Any) -> None:
    with pytest.raises(ConfigurationError, match="read_data_subset"):
        await fsck(read_data_subset=subset)


async def test_in_a_session_it_is_refused() -> None:
    async with session_context():
        with pytest.raises(SessionStateError):
            await fsck()


async def test_counts_are_complete_and_examples_are_not(storage: FileSystem) -> None:
    for number in range(25):
        await model_on(storage)(str(number)).save("x")
    for location in files(storage):
        (storage.directory / location).unlink()
    await tamper(update(node_table).where(node_table.c.node_type == "model").values(span=1))
    report = await fsck()
    assert report.counts == {"root-span": 25, "span": 25, "outside-parent": 25, "object-missing": 25}
    assert len(report.problems) == 40
    assert report.render().startswith("fsck: 100 problems\n")
    assert report.render().count("and 15 more") == 4


async def test_it_takes_as_many_statements_for_much_as_for_little(storage: FileSystem) -> None:
    counts: list[int] = []
    for _ in range(2):
        for number in range(15):
            await model_on(storage)(str(number)).save("x")
        with counted() as seen:
            assert (await fsck(read_data_subset=1.0)).ok
        counts.append(len(seen))
    assert counts[0] == counts[1] < 40


async def test_progress_is_told_and_its_errors_go_on(storage: FileSystem) -> None:
    await model_on(storage)("value").save("x")
    told: list[Progress] = []
    await fsck(progress=told.append)
    stages = list(dict.fromkeys(progress.stage for progress in told))
    assert stages == ["check columns", "check nodes", "check serializers", "list objects", "check objects"]
    nodes = [progress for progress in told if progress.stage == "check nodes"]
    assert nodes[-1].done == nodes[-1].total == len(nodes)

    def stop(_: Progress) -> None:
        raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        await fsck(progress=stop)
