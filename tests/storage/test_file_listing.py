"""A folder lists its objects, by the clock of its file system, and no file that only looks like one."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from artigraph.errors import InvalidLocationError, StorageError
from artigraph.storage import StoredEntry, SupportsListing
from artigraph.storage.file import FileSystem, temp_file_storage
from artigraph.storage.file._folder import Folder
from artigraph.storage.file._listing import take
from artigraph.storage.file._write import CanceledWriteError

POSIX = pytest.mark.skipif(os.name == "nt", reason="Windows has other links and no descriptors of folders")
HOUR = timedelta(hours=1)


@pytest.fixture
def storage(tmp_path: Path) -> FileSystem:
    return FileSystem(tmp_path / "objects", durable=False)


async def listed(storage: SupportsListing, prefix: str = "store/") -> dict[str, StoredEntry]:
    return {entry.location: entry async for entry in storage.list(prefix)}


async def test_a_listing_makes_no_folder(storage: FileSystem) -> None:
    assert await listed(storage) == {}
    assert not storage.directory.exists()


async def test_ages_are_differences_of_times_of_files(storage: FileSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the clock of this process says."""
    for age in (0, 1, 100):
        await storage.create(b"value", key=f"store/{age}")
        then = time.time() - age * 3600 - 10
        os.utime(storage.directory / "store" / str(age), (then, then))
    future = time.time() + 3600
    await storage.create(b"value", key="store/future")
    os.utime(storage.directory / "store" / "future", (future, future))
    monkeypatch.setattr(time, "time", lambda: 1e12)
    monkeypatch.setattr(time, "time_ns", lambda: 10**21)
    ages = {location: entry.age for location, entry in (await listed(storage)).items()}
    assert ages["store/future"] == timedelta()
    assert timedelta() <= ages["store/0"] < HOUR
    assert HOUR <= ages["store/1"] < 2 * HOUR
    assert 100 * HOUR <= ages["store/100"] < 101 * HOUR


async def test_the_file_that_tells_the_time_is_gone_again(storage: FileSystem) -> None:
    await storage.create(b"value", key="store/a")
    await listed(storage)
    assert sorted(path.name for path in storage.directory.rglob("*")) == [".artigraph-partial", "a", "store"]


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.ENOSPC])
async def test_where_no_file_can_be_made_nothing_is_old(
    storage: FileSystem, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    await storage.create(b"value", key="store/a")
    os.utime(storage.directory / "store" / "a", (0, 0))
    real = os.open

    def refusing(path: Any, flags: int, *rest: Any, **named: Any) -> int:
        if flags & os.O_CREAT:
            raise OSError(code, os.strerror(code))
        return real(path, flags, *rest, **named)

    monkeypatch.setattr(os, "open", refusing)
    if code == errno.ENOSPC:
        with pytest.raises(StorageError, match="list"):
            await listed(storage)
    else:
        assert await listed(storage) == {"store/a": StoredEntry("store/a", 5, timedelta())}


async def test_what_no_location_can_name_is_left_out(storage: FileSystem) -> None:
    await storage.create(b"value", key="store/ab/a")
    folder = storage.directory / "store"
    for name in (".hidden", "a.tmp", "with space", "CON", "ä", "x" * 210):
        (folder / name).write_bytes(b"other")
    (folder / "no.key").mkdir()
    (folder / "no.key" / "a").write_bytes(b"other")
    (folder / "empty").mkdir()
    (storage.directory / ".artigraph-partial" / "left").write_bytes(b"half")
    assert (await listed(storage)).keys() == {"store/ab/a"}


@POSIX
async def test_links_are_not_followed(storage: FileSystem, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    await storage.create(b"value", key="store/a")
    (storage.directory / "store" / "link").symlink_to(outside / "secret")
    (storage.directory / "store" / "folder").symlink_to(outside)
    os.mkfifo(storage.directory / "store" / "pipe")
    assert (await listed(storage)).keys() == {"store/a"}
    (storage.directory / "other").symlink_to(outside)
    with pytest.raises(InvalidLocationError, match="link"):
        await listed(storage, "other/")


async def test_a_folder_that_cannot_be_read_is_an_error_and_no_short_listing(
    storage: FileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        await storage.create(b"value", key=f"store/{number}/a")
    real, calls = os.scandir, 0

    def failing(path: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(path)

    monkeypatch.setattr(os, "scandir", failing)
    found: list[StoredEntry] = []
    with pytest.raises(StorageError, match=r"cannot list .*device"):
        found += [entry async for entry in storage.list("store/")]
    assert calls == 3


async def test_what_goes_while_it_is_listed_is_left_out(storage: FileSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        await storage.create(b"value", key=f"store/{number}/a")
    found: list[str] = []
    async for entry in storage.list("store/"):
        found.append(entry.location)
        for number in range(3):
            if f"store/{number}/a" not in found:
                (storage.directory / "store" / str(number) / "a").unlink()
                (storage.directory / "store" / str(number)).rmdir()
    assert len(found) == 1


async def test_a_cancelled_listing_ends_between_entries(storage: FileSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        await storage.create(b"value", key=f"store/{number}")
    begun, stopped = threading.Event(), threading.Event()

    def waiting(found: Any, most: int, stop: threading.Event) -> Any:
        begun.set()
        stop.wait(10)
        try:
            return take(found, most, stop)
        except CanceledWriteError:
            stopped.set()
            raise

    monkeypatch.setattr("artigraph.storage.file._storage.take", waiting)
    task = asyncio.create_task(listed(storage))
    await asyncio.to_thread(begun.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert stopped.is_set()


def open_files() -> int:
    """Return how many files this process has open, where the system tells it."""
    descriptors = Path("/proc/self/fd")
    return len([*descriptors.iterdir()]) if descriptors.is_dir() else 0


async def test_a_large_folder_is_listed_in_parts_and_closed_when_it_is_given_up(
    storage: FileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(7):
        await storage.create(b"value", key=f"store/{number}")
    await storage.create(b"value", key="store/folder/a")
    looked = 0
    look = Folder.look

    def counting(folder: Folder, name: str) -> os.stat_result:
        nonlocal looked
        looked += 1
        return look(folder, name)

    monkeypatch.setattr(Folder, "look", counting)
    monkeypatch.setattr("artigraph.storage.file._storage._LISTED", 2)
    assert len(await listed(storage)) == 8
    looked = 0
    opened = open_files()
    listing: Any = storage.list("store/")
    await anext(listing)
    assert looked <= 2 + 1  # the file that tells the time
    await listing.aclose()
    assert open_files() == opened


async def test_the_temporary_storage_lists_what_it_has() -> None:
    location = await temp_file_storage.create(b"value", key="temporary-listing/a")
    assert (await listed(temp_file_storage, "temporary-listing/")).keys() == {location}
    await temp_file_storage.delete(location)
