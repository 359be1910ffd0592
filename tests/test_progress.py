"""Long operations report their progress, and an exception of the callback ends them before harm."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

import artigraph
from artigraph import (
    ArtifactModel,
    Lazy,
    artifact_field,
    delete,
    load_many,
    maintenance,
    progress,
    prune,
    save_many,
    sync,
)
from artigraph.db import read
from artigraph.errors import NodeNotFoundError, StorageError
from artigraph.orm import CHUNK_SIZE, blob_table, node_table
from artigraph.progress import Progress, ProgressReporter
from artigraph.storage import MemoryStorage
from artigraph.storage.file import FileSystem
from artigraph.sync.db import engine_context as sync_engine

pytestmark = pytest.mark.usefixtures("engine")

memory = MemoryStorage("progress").register()
SIZE = 3 * CHUNK_SIZE + 1


class StopError(Exception):
    """Raised by a callback."""


@dataclass
class Kept(ArtifactModel, name="progress Kept"):
    text: str
    data: bytes = artifact_field(storage=memory)


@pytest.fixture(autouse=True)
def _empty() -> None:
    memory._objects.clear()


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Report at each turn of the event loop."""
    monkeypatch.setattr(progress, "_INTERVAL", 0)


def stop_at(number: int, told: list[Progress]) -> Callable[[Progress], None]:
    """Return a callback that raises at the report of a number."""

    def callback(report: Progress) -> None:
        told.append(report)
        if len(told) == number:
            raise StopError(number)

    return callback


async def turns_until(condition: Callable[[], bool]) -> None:
    for _ in range(100_000):
        if condition():
            return
        await asyncio.sleep(0)
    pytest.fail("the expected report never came")


async def count_rows() -> tuple[int, int]:
    async def work(connection: Any) -> tuple[int, int]:
        nodes, blobs = [
            (await connection.execute(select(func.count()).select_from(table))).scalar_one()
            for table in (node_table, blob_table)
        ]
        return nodes, blobs

    return await read(work)


# The reporter -----------------------------------------------------------------------------------------------------


def test_the_name_of_earlier_releases_is_the_same_class() -> None:
    assert maintenance.Progress is Progress
    assert Progress("list", 3, None) == Progress("list", 3, None, "items")


def test_small_steps_are_reported_at_their_start_and_end(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    told: list[Progress] = []
    report = ProgressReporter(told.append)
    for done in range(1, 1001):
        now += 0.001
        report.paced("a", done, 1000, "models")
    assert 10 <= len(told) <= 12
    assert (told[0], told[-1]) == (Progress("a", 1, 1000, "models"), Progress("a", 1000, 1000, "models"))
    report.paced("b", 1, 1000, "models")
    assert told[-1] == Progress("b", 1, 1000, "models")


async def test_a_metered_block_reports_what_threads_count(often: None) -> None:
    del often
    told: list[Progress] = []
    async with ProgressReporter(told.append).metered("read", 30) as meter:
        await asyncio.gather(*(asyncio.to_thread(meter.add, 5) for _ in range(4)))
        await turns_until(lambda: told[-1].done == 20)
    assert told[0] == Progress("read", 0, 30, "bytes")
    assert Progress("read", 20, 30, "bytes") in told
    assert told[-1] == Progress("read", 30, 30, "bytes")


async def test_an_exception_of_the_callback_is_raised_by_the_next_count_and_the_block(often: None) -> None:
    del often
    told: list[Progress] = []

    async def work() -> None:
        async with ProgressReporter(stop_at(2, told)).metered("read") as meter:
            meter.add(5)
            await turns_until(lambda: meter.failure is not None)
            with pytest.raises(StopError):
                meter.add(5)
            msg = "what a storage makes of it"
            raise StorageError(msg)

    with pytest.raises(StopError) as caught:
        await work()
    assert caught.value.__suppress_context__
    assert [report.done for report in told] == [0, 5]


async def test_an_error_of_the_block_propagates_and_nothing_is_left_running(often: None) -> None:
    del often
    told: list[Progress] = []
    before = asyncio.all_tasks()

    async def work() -> None:
        async with ProgressReporter(told.append).metered("read"):
            msg = "its own"
            raise StorageError(msg)

    with pytest.raises(StorageError, match="its own"):
        await work()
    assert asyncio.all_tasks() == before
    assert told == [Progress("read", 0, None, "bytes")]


# Saving and loading ------------------------------------------------------------------------------------------------


def models(count: int) -> list[tuple[str, ArtifactModel]]:
    return [("kept", Kept(f"text {number}", bytes([number]) * 10)) for number in range(count)]


async def test_a_save_tells_its_stages() -> None:
    told: list[Progress] = []
    await save_many(models(3), progress=told.append)
    assert told == [
        Progress("prepare models", 3, 3, "models"),
        Progress("put objects", 0, None, "bytes"),
        Progress("put objects", 30, 30, "bytes"),
        Progress("insert rows", 0, 9, "rows"),
    ]
    told.clear()
    await Kept("again", bytes(10)).save("kept", progress=told.append)  # its object is there already
    assert told[1:] == [
        Progress("put objects", 0, None, "bytes"),
        Progress("put objects", 0, None, "bytes"),
        Progress("insert rows", 0, 3, "rows"),
    ]


async def test_an_exception_at_any_stage_of_a_save_leaves_nothing() -> None:
    for number in range(1, 5):
        told: list[Progress] = []
        with pytest.raises(StopError):
            await save_many(models(3), progress=stop_at(number, told))
        assert len(told) == number
        assert await count_rows() == (0, 0)
        assert memory._objects == {}
    told = []
    await save_many(models(3), progress=stop_at(5, told))
    assert len(told) == 4
    assert await count_rows() == (9, 3)


class Slow(MemoryStorage):
    """Takes the next chunk of a stream only after the last one was reported."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.told: list[Progress] = []

    def has_told(self, done: int) -> bool:
        return bool(self.told) and self.told[-1].done >= done

    async def create_stream(self, parts: AsyncIterator[bytes | memoryview], *, key: str | None = None) -> str:
        async def slow() -> AsyncIterator[bytes | memoryview]:
            done = 0
            async for part in parts:
                yield part
                await turns_until(partial(self.has_told, done))
                done += len(part)

        return await super().create_stream(slow(), key=key)


slow_storage = Slow("progress-slow").register()


@dataclass
class Large(ArtifactModel, name="progress Large"):
    data: bytes = artifact_field(storage=slow_storage)


@dataclass
class LargeArray(ArtifactModel, name="progress LargeArray"):
    data: Any = artifact_field(storage=slow_storage)


async def test_a_large_save_tells_its_bytes_on_the_way_and_can_be_ended_there(often: None) -> None:
    del often
    numpy = pytest.importorskip("numpy")
    array = numpy.arange(SIZE // 8)
    told = slow_storage.told
    told.clear()
    await LargeArray(array).save("large", progress=told.append)
    put = [report for report in told if report.stage == "put objects"]
    total = put[-1].total
    assert total is not None
    assert total > SIZE - 8
    assert put[-1].done == total
    assert list(dict.fromkeys(each.done for each in put))[:3] == [0, CHUNK_SIZE, 2 * CHUNK_SIZE]
    assert all(report.total in (None, total) for report in put)
    before, objects = await count_rows(), dict(slow_storage._objects)
    told.clear()

    def stop(report: Progress) -> None:
        told.append(report)
        if report.done == CHUNK_SIZE:
            raise StopError

    with pytest.raises(StopError):
        await LargeArray(array + 1).save("large", progress=stop)
    assert max(report.done for report in told if report.unit == "bytes") == CHUNK_SIZE
    assert await count_rows() == before
    assert slow_storage._objects == objects


async def test_a_load_tells_its_stages_and_an_exception_ends_it() -> None:
    ids = await save_many(models(3))
    told: list[Progress] = []
    loaded = await load_many(Kept, ids, progress=told.append)
    assert loaded == [model for _, model in models(3)]
    expected = [
        Progress("read rows", 0, 3, "models"),
        Progress("decode values", 1, 3, "models"),
        Progress("decode values", 3, 3, "models"),
        Progress("read objects", 0, 30, "bytes"),
        Progress("read objects", 30, 30, "bytes"),
        Progress("build models", 1, 3, "models"),
        Progress("build models", 3, 3, "models"),
    ]
    assert told == expected
    for number in range(1, len(expected) + 1):
        told = []
        with pytest.raises(StopError):
            await load_many(Kept, ids, errors="skip", progress=stop_at(number, told))
        assert told == expected[:number]


async def test_a_load_of_one_model_and_of_a_former_class_tells_the_same() -> None:
    node_id = await Kept("text", bytes(10)).save("kept")
    told: list[Progress] = []
    await Kept.load(node_id, progress=told.append)
    assert [report.stage for report in told] == ["read rows", "decode values", *["read objects"] * 2, "build models"]
    told.clear()
    await Kept.load(node_id, fields=["text"], progress=told.append)
    assert [report.stage for report in told] == ["read rows", "decode values", "build models"]


@pytest.mark.parametrize("kind", ["file", "memory"])
async def test_a_lazy_value_tells_the_bytes_read_and_can_be_ended_on_the_way(
    tmp_path: Path, kind: str, often: None
) -> None:
    del often
    storage: Any = FileSystem(tmp_path, name="progress-files", durable=False) if kind == "file" else MemoryStorage("pm")

    @dataclass
    class Handle(ArtifactModel, name=f"progress Handle {kind}"):
        data: Lazy[bytes] = artifact_field(storage=storage.register())

    value = bytes(range(256)) * (SIZE // 256 + 1)
    model = await Handle.load(await Handle(Lazy(value)).save("handle"))
    told: list[Progress] = []
    assert await model.data.load(progress=told.append) == value
    assert (told[0], told[-1]) == (
        Progress("read objects", 0, model.data.size, "bytes"),
        Progress("read objects", model.data.size or 0, model.data.size, "bytes"),
    )
    with pytest.raises(StopError):
        await model.data.load(progress=stop_at(1, []))


async def test_the_bytes_of_chunks_are_counted_once() -> None:
    numpy = pytest.importorskip("numpy")
    node_id = await LargeArray(numpy.arange(SIZE // 8)).save("large")
    (size,) = {len(data) for data in slow_storage._objects.values()}
    told: list[Progress] = []
    await LargeArray.load(node_id, progress=told.append)
    read = [report for report in told if report.stage == "read objects"]
    assert [(report.done, report.total) for report in (read[0], read[-1])] == [(0, size), (size, size)]
    assert max(report.done for report in read) == size


@pytest.fixture(autouse=True)
def _fast() -> None:
    """Let `Slow` take everything at once, unless a test watches it."""
    slow_storage.told[:] = [Progress("put objects", 10**12, None, "bytes")]


# Deleting ----------------------------------------------------------------------------------------------------------

Deletion = Callable[[Callable[[Progress], None]], Coroutine[Any, Any, object]]


def prune_all(callback: Callable[[Progress], None]) -> Coroutine[Any, Any, object]:
    return prune(older_than=timedelta(0), progress=callback)


def delete_all(callback: Callable[[Progress], None]) -> Coroutine[Any, Any, object]:
    return delete(ids, progress=callback)


ids: list[Any] = []


@pytest.mark.parametrize("deletion", [prune_all, delete_all])
async def test_a_deletion_tells_its_stages_and_an_exception_before_the_commit_undoes_it(deletion: Deletion) -> None:
    ids[:] = await save_many(models(3))
    expected = [
        Progress("select", 0, None, "nodes"),
        Progress("measure", 0, 3, "artifacts"),
        Progress("delete rows", 0, 9, "rows"),
        Progress("remove objects", 1, 3, "objects"),
        Progress("remove objects", 3, 3, "objects"),
    ]
    for number in (1, 2, 3):
        told: list[Progress] = []
        with pytest.raises(StopError):
            await deletion(stop_at(number, told))
        assert told == expected[:number]
        assert await count_rows() == (9, 3)
        assert len(memory._objects) == 3
    told = []
    await deletion(told.append)
    assert told == expected
    assert await count_rows() == (0, 0)
    assert memory._objects == {}


async def test_an_exception_after_the_commit_leaves_objects_to_gc() -> None:
    ids[:] = await save_many(models(3))
    with pytest.raises(StopError):
        await delete(ids, progress=stop_at(4, []))
    with pytest.raises(NodeNotFoundError):
        await Kept.load(ids[0])
    assert await count_rows() == (0, 0)
    await Kept("known to gc", b"x").save("kept")
    await maintenance.gc(dry_run=False, grace=timedelta(0))
    assert list(memory._objects.values()) == [b"x"]


# Sync --------------------------------------------------------------------------------------------------------------


def test_sync_code_passes_the_same_callback(tmp_path: Path) -> None:
    told: list[Progress] = []
    with sync_engine(f"sqlite:///{tmp_path}/sync.db", create_tables=True):
        saved = sync.save_many(models(2), progress=told.append)
        sync.load_many(artigraph.ArtifactModel, saved, progress=told.append)
        sync.delete(saved, progress=told.append)
    assert {"insert rows", "build models", "delete rows"} <= {report.stage for report in told}
