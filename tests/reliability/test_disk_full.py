"""Case 12 of docs/appendix/reliability.md: no space, a failing disk, read-only, no permission."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import pytest

from artigraph.errors import ArtigraphError, ConfigurationError, DatabaseError, StorageError, StorageFullError
from tests.reliability.kill import CALLS, points, spread, victims
from tests.support.check import Checker
from tests.support.places import Parcel, Place, parcel
from tests.support.sizes import note, sizes

pytestmark = pytest.mark.timeout(1800)

FAILS = ("write", "pwrite64", "fsync", "fdatasync", "linkat", "ftruncate")
"""The errors of a disk that is full or broken."""
ERRORS = {"StorageFullError", "StorageError", "DatabaseError", "CommitFailedError"}


def place_at(database: Path, objects: Path) -> Place:
    name = f"reliability-{uuid4().hex}"
    return Place("sqlite and files", f"sqlite+aiosqlite:///{database}/artigraph.db", name, folder=str(objects))


@contextmanager
def filled(disk: Path, *, but: int = 0) -> Generator[None]:
    """Fill a disk, except for some bytes."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass
    assert os.statvfs(disk).f_bavail == 0
    if but:
        os.truncate(filler, filler.stat().st_size - but)
    try:
        yield
    finally:
        filler.unlink()


@contextmanager
def read_only(disk: Path) -> Generator[None]:
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    try:
        yield
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)


async def refused(
    place: Place, checker: Checker, error: type[ArtigraphError], number: int, *, at_commit: bool = False
) -> ArtigraphError:
    """Fail to save, and see that nothing of it is left but, where COMMIT failed, objects for gc."""
    before = await checker.look()
    with pytest.raises(error) as caught:
        await parcel(number, 6).save("refused")
    assert caught.value.__cause__ is not None
    after = await checker.look()
    assert after.rows == before.rows
    left = after.objects - before.objects
    assert left == after.orphans - before.orphans
    assert len(left) == (5 if at_commit else 0)
    assert place.unfinished() == []
    return caught.value


async def test_no_space_for_objects(small_disk: Path, tmp_path: Path) -> None:
    place = place_at(tmp_path, small_disk / "objects")
    checker = Checker(place)
    async with place.opened():
        await parcel(0).save("first")
        for number, left in enumerate((0, 4096, 20_000, 40_000), start=1):
            with filled(small_disk, but=left):
                await refused(place, checker, StorageFullError, number)
            assert await Parcel.load(await parcel(number, 6).save("there is space")) == parcel(number, 6)
        assert (await checker.look()).sound


async def test_no_space_for_the_sqlite_file(small_disk: Path, tmp_path: Path) -> None:
    place = place_at(small_disk, tmp_path / "objects")
    checker = Checker(place)
    async with place.opened():
        await parcel(0).save("first")
        for number, left in enumerate((0, 4096, 8192, 20_000), start=1):
            with filled(small_disk, but=left):
                error = await refused(place, checker, DatabaseError, number, at_commit=True)
            assert "no space left" in str(error)
            assert await Parcel.load(await parcel(number, 6).save("there is space")) == parcel(number, 6)
        assert (await checker.look()).sound


async def test_a_disk_that_is_read_only(small_disk: Path, tmp_path: Path) -> None:
    place = place_at(tmp_path, small_disk / "objects")
    async with place.opened():
        await parcel(0).save("first")
        with read_only(small_disk):
            await refused(place, Checker(place), StorageError, 1)
        assert await Parcel.load(await parcel(1).save("it")) == parcel(1)


async def test_a_database_on_a_disk_that_is_read_only(small_disk: Path, tmp_path: Path) -> None:
    place = place_at(small_disk, tmp_path / "objects")
    async with place.opened():
        root = await parcel(0).save("first")
    with read_only(small_disk):
        async with place.opened():
            with pytest.raises((DatabaseError, ConfigurationError)):
                await parcel(1).save("refused")
        assert place.unfinished() == []
    checker = Checker(place)
    async with place.opened():
        found = await checker.look()
        assert found.roots == {root}
        assert found.sound
        assert await Parcel.load(await parcel(1).save("it")) == parcel(1)


async def test_a_folder_that_we_may_not_write_into(unprivileged: Path) -> None:
    place = place_at(unprivileged, unprivileged / "objects")
    checker = Checker(place)
    async with place.opened():
        await parcel(0).save("first")
        [store] = [folder for folder in (unprivileged / "objects").iterdir() if not folder.name.startswith(".")]
        store.chmod(0o500)
        await refused(place, checker, StorageError, 1)
        store.chmod(0o700)
        assert await Parcel.load(await parcel(1).save("it")) == parcel(1)


async def test_a_sqlite_file_that_we_may_not_write(unprivileged: Path) -> None:
    place = place_at(unprivileged, unprivileged / "objects")
    async with place.opened():
        await parcel(0).save("first")
    file = unprivileged / "artigraph.db"
    file.chmod(0o400)
    async with place.opened():
        await refused(place, Checker(place), DatabaseError, 1)
    for each in [*unprivileged.glob("artigraph.db*")]:  # noqa: ASYNC240 (SQLite gives those beside it the same mode)
        each.chmod(0o600)
    async with place.opened():
        assert await Parcel.load(await parcel(1).save("it")) == parcel(1)


@pytest.mark.skipif(sys.platform != "linux", reason="strace is of Linux")
@pytest.mark.usefixtures("strace")
@pytest.mark.parametrize("count", sizes(12, 120))
async def test_a_disk_that_fails_once_at_any_system_call(place: Place, count: int) -> None:
    checker = Checker(place)
    failed = unnoticed = 0
    with victims(place) as forks:
        watched = forks.save(0, trace=CALLS, synchronous="FULL")
        plan = spread([point for point in points(watched.calls) if point[0] in FAILS], count)
        before = await checker.look()
        for seed, (call, when) in enumerate(plan, start=100):
            refusal = ("ENOSPC", "EIO")[seed % 2]
            ended = forks.save(seed, synchronous="FULL", inject=f"{call}:error={refusal}:when={when}")
            point = (call, when, refusal, ended)
            assert ended.status == 0, point
            assert len(ended.failed) <= 1, point
            assert all(
                told.split()[0] in ("StorageFullError", "StorageError", "DatabaseError", "CommitFailedError")
                for told in ended.failed
            )
            failed += len(ended.failed)
            unnoticed += not ended.failed
            found = await checker.look()
            assert found.sound, point
            assert {ended.first, ended.saved} - {None} <= found.roots, point
            assert len(found.roots - before.roots) <= 2, point
            # gc decides about objects that COMMIT may bring back, and about an object whose name could not be synced.
            assert len(found.orphans - before.orphans) <= (2 if ended.failed else 0), point
            assert place.unfinished() == [], point
            before = found
    note(12, place.kind, points=count, failed=failed, unnoticed=unnoticed, orphans=len(before.orphans), partial=0)


@pytest.mark.skipif(sys.platform != "linux", reason="strace is of Linux")
@pytest.mark.usefixtures("strace")
@pytest.mark.parametrize("refusal", ["EIO", "ENOSPC"])
async def test_a_commit_that_failed_and_comes_back_after_a_crash_is_whole(place: Place, refusal: str) -> None:
    """SQLite has written the transaction and cannot sync it. The next one to open the file finds it in the log."""
    checker = Checker(place)
    with victims(place) as forks:
        ended = forks.save(1, synchronous="FULL", attempts=1, inject=f"fdatasync:error={refusal}:when=1")
    assert [told.split()[0] for told in ended.failed] == ["CommitFailedError"]
    assert ended.status == 1
    found = await checker.look()
    assert found.sound
    assert ended.first in found.roots
