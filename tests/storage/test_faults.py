"""The storages that fail on purpose fail the same way each time, and only as documented."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, get_args

import pytest

from artigraph.errors import ObjectNotFoundError, StorageUnavailableError
from artigraph.storage import MemoryStorage, Storage, SupportsFiles, SupportsListing, SupportsRanges, SupportsStreams
from artigraph.storage.file import FileSystem
from artigraph.testing.faults import CorruptingStorage, Corruption, Fault, FlakyStorage, SlowStorage
from tests.support.bare_storage import BareStorage


async def outcomes(storage: FlakyStorage, count: int) -> list[bool]:
    results: list[bool] = []
    for number in range(count):
        try:
            await storage.create(b"value", key=f"a/{number}")
        except StorageUnavailableError:
            results.append(False)
        else:
            results.append(True)
    return results


async def test_flaky_is_the_same_for_a_seed() -> None:
    storages = [FlakyStorage(MemoryStorage(), rate=0.3, seed=seed) for seed in (1, 1, 2)]
    first, second, third = [await outcomes(storage, 200) for storage in storages]
    assert first == second != third
    assert 30 < first.count(False) < 90
    assert storages[0].faults == first.count(False)


async def test_flaky_by_a_script_fails_before_or_after_the_effect() -> None:
    inner = MemoryStorage()
    storage = FlakyStorage(inner, rate=0, script=["before", "after", "none"])
    with pytest.raises(StorageUnavailableError, match="before create"):
        await storage.create(b"value", key="a")
    assert not await inner.exists("a")
    with pytest.raises(StorageUnavailableError, match="reply is lost"):
        await storage.create(b"value", key="a")
    assert await inner.read("a") == b"value"
    assert await storage.create(b"value", key="a") == "a"
    assert storage.faults == 2
    assert storage.name == "memory"


@pytest.mark.parametrize("fault", ["before", "after"])
async def test_every_call_of_a_flaky_storage_can_fail(fault: Fault) -> None:
    inner = MemoryStorage()
    await inner.create(b"value", key="a")
    script: list[Fault] = [fault, fault, fault]
    storage = FlakyStorage(inner, rate=0, script=script, name="flaky")
    for work in (storage.read("a"), storage.exists("a"), storage.delete("a")):
        with pytest.raises(StorageUnavailableError):
            await work
    assert await inner.exists("a") is (fault == "before")
    assert await storage.exists("a") is (fault == "before")
    assert storage.name == "flaky"


async def test_slow_does_the_same_later() -> None:
    storage = SlowStorage(MemoryStorage(), delay=0.0001)
    location = await storage.create(b"value")
    assert await storage.read(location) == b"value"
    assert await storage.exists(location)
    await storage.delete(location)
    assert not await storage.exists(location)


async def test_slow_can_be_cancelled_before_and_after_the_effect() -> None:
    inner = MemoryStorage()
    storage = SlowStorage(inner, delay=1000)
    task = asyncio.create_task(storage.create(b"value", key="a"))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert not await inner.exists("a")


@pytest.mark.parametrize("kind", get_args(Corruption))
async def test_corrupting_spoils_what_is_read_and_not_what_is_kept(kind: Corruption) -> None:
    inner = MemoryStorage()
    storages = [CorruptingStorage(inner, kind=kind, seed=7) for _ in range(2)]
    location = await inner.create(b"value" * 100)
    if kind == "missing":
        with pytest.raises(ObjectNotFoundError):
            await storages[0].read(location)
    else:
        first, second = [await storage.read(location) for storage in storages]
        assert first == second != b"value" * 100
        sizes = {"flip": len(first) == 500, "truncate": len(first) < 500, "extend": len(first) > 500}
        assert sizes[kind]
    assert await inner.read(location) == b"value" * 100


async def test_corrupting_an_object_without_bytes_and_at_a_rate() -> None:
    inner = MemoryStorage()
    empty, value = await inner.create(b""), await inner.create(b"value")
    assert await CorruptingStorage(inner).read(empty) != b""
    storage = CorruptingStorage(inner, rate=0.5)
    assert {await storage.read(value) == b"value" for _ in range(50)} == {True, False}
    assert await CorruptingStorage(inner, rate=0).read(value) == b"value"


# What the storage in them can do beyond its contract ----------------------------------------------------------------


async def in_parts(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def test_they_can_do_what_the_storage_in_them_can(tmp_path: Path) -> None:
    for kind in (FlakyStorage, SlowStorage, CorruptingStorage):
        memory, files = kind(MemoryStorage()), kind(FileSystem(tmp_path))
        both: tuple[Storage, ...] = (memory, files)
        assert [isinstance(each, SupportsStreams) for each in both] == [True, True]
        assert [isinstance(each, SupportsRanges) for each in both] == [True, True]
        assert [isinstance(each, SupportsFiles) for each in both] == [False, True]
        assert [isinstance(each, SupportsListing) for each in both] == [True, True]
        assert isinstance(memory, kind)
        assert isinstance(files, kind)
        assert type(memory) is type(kind(MemoryStorage()))
        assert repr(memory) == f"<{kind.__name__} 'memory'>"
        plain: Storage = kind(BareStorage("plain"))
        assert not isinstance(plain, SupportsStreams | SupportsRanges | SupportsFiles | SupportsListing)


@pytest.mark.parametrize("fault", ["before", "after"])
async def test_abilities_of_a_flaky_storage_fail(tmp_path: Path, fault: Fault) -> None:
    inner = FileSystem(tmp_path, durable=False)
    storage = FlakyStorage(inner, rate=0, script=[fault, fault, fault])
    able: Any = storage
    with pytest.raises(StorageUnavailableError, match=f"{fault} create_stream"):
        await able.create_stream(in_parts(b"val", b"ue"), key="a")
    assert await inner.exists("a") is (fault == "after")
    await inner.create(b"value", key="a")
    with pytest.raises(StorageUnavailableError, match=f"{fault} read_range"):
        await able.read_range("a", 0, 1)
    with pytest.raises(StorageUnavailableError, match=f"{fault} open"):
        able.open("a")
    assert storage.faults == 3
    assert await able.create_stream(in_parts(b"val", b"ue"), key="a") == "a"
    assert await able.read_range("a", 1, 2) == b"al"
    with able.open("a") as file:
        assert file.read() == b"value"


async def test_abilities_of_a_slow_storage_do_the_same_later(tmp_path: Path) -> None:
    able: Any = SlowStorage(FileSystem(tmp_path, durable=False), delay=0.0001)
    assert await able.create_stream(in_parts(b"val", b"ue"), key="a") == "a"
    assert await able.read_range("a", 1, 2) == b"al"
    with able.open("a") as file:
        assert file.read() == b"value"


@pytest.mark.parametrize("kind", get_args(Corruption))
async def test_abilities_of_a_corrupting_storage_spoil_what_is_read(tmp_path: Path, kind: Corruption) -> None:
    inner = FileSystem(tmp_path, durable=False)
    able: Any = CorruptingStorage(inner, kind=kind)
    await able.create_stream(in_parts(b"value" * 100), key="a")
    if kind == "missing":
        with pytest.raises(ObjectNotFoundError):
            await able.read_range("a", 0, 10)
        with pytest.raises(ObjectNotFoundError):
            able.open("a")
    else:
        assert await able.read_range("a", 0, 10) != b"valuevalue"
        with able.open("a") as file:
            assert file.read() != b"value" * 100
            assert file.fileno() >= 0
    assert await inner.read("a") == b"value" * 100


async def locations(storage: Any, seen: list[str]) -> list[str]:
    async for entry in storage.list("store/"):
        seen.append(entry.location)  # noqa: PERF401 (what came before an error is looked at)
    return seen


async def test_a_flaky_listing_fails_before_or_behind_its_first_object() -> None:
    inner = MemoryStorage()
    storage = FlakyStorage(inner, rate=0, script=["before", "after", "none", "after"])
    for number in range(3):
        await inner.create(b"value", key=f"store/{number}")
    seen: list[str] = []
    with pytest.raises(StorageUnavailableError, match="before list"):
        await locations(storage, seen)
    assert seen == []
    with pytest.raises(StorageUnavailableError, match="after list"):
        await locations(storage, seen)
    assert seen == ["store/0"]
    assert await locations(storage, []) == ["store/0", "store/1", "store/2"]
    inner._objects.clear()
    with pytest.raises(StorageUnavailableError, match="after list"):
        await locations(storage, [])
    assert storage.faults == 3


async def test_slow_and_corrupting_storages_list_what_is_there() -> None:
    inner = MemoryStorage()
    await inner.create(b"value", key="store/a")
    for storage in (SlowStorage(inner, delay=0.0001), CorruptingStorage(inner, kind="missing")):
        assert await locations(storage, []) == ["store/a"]
