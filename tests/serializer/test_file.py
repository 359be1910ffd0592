"""Files as values."""

from __future__ import annotations

import copy
import io
import os
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from artigraph.errors import SerializationError
from artigraph.serializer import Serializer, SupportsStreams, get_serializer_by_name, get_serializer_by_type
from artigraph.serializer.file import _PART as PART
from artigraph.serializer.file import File, file_serializer
from artigraph.testing.serializer import SerializerConformance


def names_in(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir()]


class TestFileSerializer(SerializerConformance):
    refused = ("a path", Path("path"), None, File("/nothing/there"))

    @pytest.fixture
    def serializer(self) -> Serializer[Any]:
        return file_serializer

    @pytest.fixture
    def values(self, tmp_path: Path) -> Any:
        contents = [b"", b"a\0b", os.urandom(PART + 1)]
        for place, content in enumerate(contents):
            (tmp_path / str(place)).write_bytes(content)
        return [*(File(tmp_path / str(place)) for place in range(len(contents))), File.of(io.BytesIO(b"loaded"))]

    def assert_identical(self, serializer: Serializer[Any], value: Any, back: Any) -> None:
        assert type(back) is File
        with value.open() as one, back.open() as other:
            assert one.read() == other.read()


def test_it_is_known() -> None:
    assert get_serializer_by_type(File) is file_serializer
    assert get_serializer_by_name("file") is file_serializer
    assert isinstance(file_serializer, SupportsStreams)


def test_it_is_read_in_parts(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(b"abcdefgh" * (2 * PART // 8) + b"!")
    assert [len(part) for part in file_serializer.serialize_stream(File(path))] == [PART, PART, 1]
    assert file_serializer.size_hint(File(path)) == 2 * PART + 1


@pytest.mark.parametrize("name", [".", "missing", "pipe"])
def test_only_a_regular_file_is_stored(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SerializationError, match="File"):
        file_serializer.serialize(File(tmp_path / name))


@pytest.mark.parametrize("content", [b"b" * (PART - 1), b"b" * (3 * PART)])
def test_a_file_that_changes_its_size_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "changing"
    path.write_bytes(b"a" * (2 * PART))
    parts = file_serializer.serialize_stream(File(path))
    next(parts)
    path.write_bytes(content)
    with pytest.raises(SerializationError, match="changed its size"):
        list(parts)


async def test_a_loaded_file_is_read_and_copied(tmp_path: Path) -> None:
    content = os.urandom(PART + 5)
    file = file_serializer.deserialize_file(io.BytesIO(content))
    assert file.path is None
    assert file.size == len(content)
    assert await file.read() == content
    await file.copy_to(tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == content
    assert names_in(tmp_path) == ["copy"]


async def test_a_path_that_is_taken_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "taken"
    path.write_bytes(b"old")
    file = File.of(io.BytesIO(b"new"))
    with pytest.raises(FileExistsError):
        await file.copy_to(path)
    assert path.read_bytes() == b"old"
    await file.copy_to(str(path), overwrite=True)
    assert path.read_bytes() == b"new"
    assert names_in(tmp_path) == ["taken"]


async def test_a_file_system_without_links_is_copied_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", refuse)
    await File.of(io.BytesIO(b"new")).copy_to(tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"new"


async def test_a_copy_that_fails_leaves_nothing(tmp_path: Path) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            msg = "broken"
            raise OSError(msg)

    with pytest.raises(OSError, match="broken"):
        await File.of(Broken(b"abc")).copy_to(tmp_path / "copy")
    assert names_in(tmp_path) == []


def test_each_opened_file_has_its_own_position() -> None:
    file = File.of(io.BytesIO(b"0123456789"))
    one, other = file.open(), file.open()
    assert (one.read(3), other.read(5), one.read(2)) == (b"012", b"01234", b"34")
    assert one.seek(-2, os.SEEK_END) == 8
    assert one.read() == b"89"
    assert other.seek(2, os.SEEK_CUR) == other.tell() == 7
    with pytest.raises(ValueError, match="before the file"):
        other.seek(-20, os.SEEK_CUR)


def test_equality_is_of_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    one, same, other = File(tmp_path / "a"), File.of(io.BytesIO(b"abc")), File.of(io.BytesIO(b"abd"))
    longer = File.of(io.BytesIO(b"abcd"))
    assert one == one
    assert one == same
    assert one not in (other, longer, "abc")
    assert file_serializer.equal(one, same)
    assert not file_serializer.equal(one, File(tmp_path / "missing"))
    with pytest.raises(TypeError, match="unhashable"):
        hash(one)


def test_how_it_looks(tmp_path: Path) -> None:
    assert repr(File(tmp_path / "a")) == f"File({str(tmp_path / 'a')!r})"
    assert repr(File.of(io.BytesIO(b"abc"))) == "<File of 3 bytes>"
    assert File(tmp_path / "a").path == tmp_path / "a"
    file = File("a")
    assert copy.deepcopy(file) is file
    assert file_serializer.size_hint(File(tmp_path / "missing")) is None


def test_what_is_loaded_reads_only_what_it_is_asked_for() -> None:
    ranges: list[tuple[int, int]] = []

    class Recording(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            start = self.tell()
            data = super().read(size)
            ranges.append((start, len(data)))
            return data

    stored: BinaryIO = Recording(bytes(2**20))
    file = file_serializer.deserialize_file(stored)
    assert ranges == []
    with file.open() as opened:
        opened.seek(1000)
        assert opened.read(10) == bytes(10)
    assert sum(length for _, length in ranges) <= io.DEFAULT_BUFFER_SIZE
