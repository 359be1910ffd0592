"""Paths of the file system storage: where it writes, its names, and that no location leads out of its folder."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from artigraph.errors import (
    ConfigurationError,
    InvalidLocationError,
    ObjectNotFoundError,
    RegistrationError,
    StorageError,
)
from artigraph.storage import get_storage_by_name
from artigraph.storage.file import FileSystem, FileSystemStorage, temp_file_storage
from artigraph.testing.storage import HOSTILE_LOCATIONS

POSIX = pytest.mark.skipif(os.name == "nt", reason="of POSIX systems")


@pytest.fixture
def storage(tmp_path: Path) -> FileSystem:
    return FileSystem(tmp_path / "objects", name="paths")


# Names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("directory", "name"),
    [
        ("data", "file:data"),
        ("data/", "file:data"),
        ("./data", "file:data"),
        ("data//of/./mine", "file:data/of/mine"),
        ("../data", "file:../data"),
        (".", "file:."),
        ("~/data", "file:~/data"),
        (Path("data"), "file:data"),
    ],
)
def test_the_name_is_the_directory_as_it_was_given(directory: str | Path, name: str) -> None:
    assert FileSystem(directory).name == name
    assert FileSystem(directory, name="mine").name == "mine"


@pytest.mark.parametrize("directory", ["with space", "é", "d" * 100, "a\nb"])
def test_where_no_name_follows_one_is_asked_for(directory: str) -> None:
    with pytest.raises(ConfigurationError, match="name="):
        FileSystem(directory)
    assert FileSystem(directory, name="mine").directory.name == directory


@pytest.mark.parametrize("directory", ["", "a\0b", b"bytes", "~no-such-user-here/data"])
def test_what_is_no_directory(directory: str) -> None:
    with pytest.raises(ConfigurationError):
        FileSystem(directory)


def test_one_class_of_two_names() -> None:
    assert FileSystemStorage is FileSystem


def test_the_directory_is_settled_when_it_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    relative, home = FileSystem("data"), FileSystem("~/data")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert relative.directory == tmp_path.resolve() / "data"
    assert home.directory == tmp_path.resolve() / "home" / "data"
    assert list(tmp_path.iterdir()) == [tmp_path / "elsewhere"], "a folder was created before an object was stored"


def test_one_name_is_one_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    directory = f"data-{uuid.uuid4().hex[:8]}"
    first = FileSystem(directory).register()
    assert FileSystem(directory).register() is first
    with pytest.raises(RegistrationError):
        FileSystem(directory, durable=False).register()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(RegistrationError):
        FileSystem(directory).register()


# Files ------------------------------------------------------------------------------------------------------------


@POSIX
@pytest.mark.parametrize(("file_mode", "folder_mode"), [(0o600, 0o700), (0o640, 0o750), (0o664, 0o2775)])
@pytest.mark.parametrize("umask", [0o022, 0o077])
async def test_modes_are_those_that_were_given(tmp_path: Path, file_mode: int, folder_mode: int, umask: int) -> None:
    storage = FileSystem(tmp_path / "a" / "b", name="modes", file_mode=file_mode, folder_mode=folder_mode)
    before = os.umask(umask)
    try:
        await storage.create(b"value", key="c/d/e")
    finally:
        os.umask(before)
    assert (storage.directory / "c" / "d" / "e").stat().st_mode & 0o7777 == file_mode
    for folder in ("..", ".", "c", "c/d"):
        assert (storage.directory / folder).stat().st_mode & 0o777 == folder_mode & 0o777


async def test_a_file_where_a_folder_has_to_be(storage: FileSystem) -> None:
    await storage.create(b"value", key="a")
    with pytest.raises(StorageError, match="A file is where a folder has to be"):
        await storage.create(b"value", key="a/b")
    assert not await storage.exists("a/b")
    await storage.delete("a/b")
    with pytest.raises(ObjectNotFoundError):
        await storage.read("a/b")
    assert await storage.read("a") == b"value"


async def test_a_folder_where_an_object_has_to_be(storage: FileSystem) -> None:
    await storage.create(b"value", key="a/b")
    with pytest.raises(StorageError):
        await storage.create(b"value", key="a")
    assert not await storage.exists("a")
    await storage.delete("a")
    with pytest.raises(ObjectNotFoundError):
        await storage.read("a")
    assert await storage.read("a/b") == b"value"


async def test_a_root_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "objects").write_bytes(b"mine")
    storage = FileSystem(tmp_path / "objects", name="root")
    with pytest.raises(StorageError):
        await storage.create(b"value")
    assert (tmp_path / "objects").read_bytes() == b"mine"


async def test_a_root_that_went_away_is_made_again(storage: FileSystem) -> None:
    await storage.create(b"value", key="a/b")
    storage.directory.rename(storage.directory.with_name("moved"))
    assert not await storage.exists("a/b")
    await storage.create(b"value", key="a/b")
    assert (storage.directory / "a" / "b").read_bytes() == b"value"


# Ways out ---------------------------------------------------------------------------------------------------------


def test_there_are_enough_hostile_locations() -> None:
    assert len(set(HOSTILE_LOCATIONS)) >= 60


async def hostile() -> AsyncIterator[bytes]:
    yield b"hostile"


@POSIX
async def test_links_lead_nowhere(storage: FileSystem, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    await storage.create(b"value", key="inside/object")
    root = storage.directory
    (root / "folder").symlink_to(outside)
    (root / "upwards").symlink_to("..")
    (root / "loop").symlink_to("loop")
    (root / "nowhere").symlink_to("missing")
    (root / "file").symlink_to(outside / "secret")
    (root / "inwards").symlink_to("inside")
    (root / "inside" / "other").symlink_to("object")
    os.mkfifo(root / "pipe")
    for location in (
        "folder/secret",
        "folder/new",
        "upwards/outside/secret",
        "upwards/objects/inside/object",
        "loop",
        "loop/a",
        "nowhere",
        "nowhere/a",
        "file",
        "inwards/object",
        "inside/other",
        "pipe",
    ):
        for work in (
            storage.read(location),
            storage.read_range(location, 0, 1),
            storage.exists(location),
            storage.delete(location),
        ):
            with pytest.raises(InvalidLocationError):
                await work
        with pytest.raises(InvalidLocationError):
            storage.open(location)
        for create in (storage.create(b"hostile", key=location), storage.create_stream(hostile(), key=location)):
            with pytest.raises(StorageError):
                await create
    assert sorted(path.name for path in outside.iterdir()) == ["secret"]
    assert (outside / "secret").read_bytes() == b"secret"
    assert await storage.read("inside/object") == b"value"


@POSIX
async def test_the_folder_of_unfinished_files_may_be_no_link(storage: FileSystem, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    storage.directory.mkdir()
    (storage.directory / ".artigraph-partial").symlink_to(outside)
    with pytest.raises(InvalidLocationError):
        await storage.create(b"value")
    assert list(outside.iterdir()) == []


def open_descriptors() -> int:
    return len(list(Path("/dev/fd").iterdir()))


@POSIX
async def test_no_descriptor_is_left_open(storage: FileSystem) -> None:
    await storage.create(b"value", key="a/b")
    (storage.directory / "link").symlink_to("a")
    before = open_descriptors()
    for _ in range(20):
        await storage.create(b"value", key="a/b")
        await storage.read("a/b")
        for location in ("a/c", "link/b", "a/b/c", "a"):
            for work in (storage.read(location), storage.create(b"other", key=location)):
                try:
                    await work
                except StorageError:
                    continue
                await storage.delete(location)
    assert open_descriptors() <= before


# The temporary one ------------------------------------------------------------------------------------------------


def test_the_temporary_storage_is_found_by_its_name() -> None:
    assert get_storage_by_name("temp-file") is temp_file_storage


def test_the_temporary_folder_lasts_from_first_use_to_exit(tmp_path: Path) -> None:
    program = """
import asyncio, os, sys
from artigraph.storage.file import temp_file_storage
assert os.listdir(sys.argv[1]) == []
location = asyncio.run(temp_file_storage.create(b"value"))
assert len(os.listdir(sys.argv[1])) == 1
if hasattr(os, "fork"):
    child = os.fork()
    if not child:
        assert asyncio.run(temp_file_storage.read(location)) == b"value"
        sys.exit()
    assert os.waitpid(child, 0)[1] == 0
assert asyncio.run(temp_file_storage.read(location)) == b"value"
print(temp_file_storage.directory)
"""
    environment = {**os.environ, "TMPDIR": str(tmp_path), "TEMP": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program, str(tmp_path)],
        check=True,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert Path(done.stdout.strip()).parent == tmp_path.resolve()
    assert list(tmp_path.iterdir()) == []


async def test_the_temporary_storage_keeps_objects() -> None:
    location = await temp_file_storage.create(b"value", key=f"test/{uuid.uuid4()}")
    assert (temp_file_storage.directory / location).read_bytes() == b"value"
    assert await temp_file_storage.read(location) == b"value"
    assert await temp_file_storage.exists(location)
    await temp_file_storage.delete(location)
    assert not (temp_file_storage.directory / location).exists()
