"""The serializer of files, which may have any length. It stores and loads them in parts."""

from __future__ import annotations

import asyncio
import io
import os
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO, Self, cast
from uuid import uuid4

from artigraph.errors import SerializationError
from artigraph.raw_file import RawFile, open_beneath, open_regular, size_beneath
from artigraph.serializer.base import Serializer
from artigraph.serializer.preview import Preview, preview_content

__all__ = ["File", "FileSerializer", "file_serializer"]


_PART = 2 * 2**20
"""Bytes per read."""


class File:  # noqa: PLW1641 (its content may change)
    """The content of a file: one on disk, given by its path, or one that was loaded.

    A file on disk is read when it is stored, and whenever you ask this instance for its content. A loaded file reads
    the requested bytes from its storage and checks them. Two files are equal if their content is equal. Comparing reads
    both, in bounded memory. Instances cannot be hashed.
    """

    __slots__ = ("_beneath", "_file", "_lock", "_path", "_size")

    def __init__(self, path: str | os.PathLike[str], *, _beneath: tuple[Path, Path] | None = None) -> None:
        """Refer to a file on disk, without reading it."""
        # Of a folder that was listed: its path as it was given, and its absolute path without links. No link below it
        # is followed when the file is read.
        self._path: Path | None = Path(path)
        self._beneath = _beneath
        self._file: BinaryIO | None = None
        self._lock = Lock()
        self._size = 0

    @classmethod
    def of(cls, file: BinaryIO) -> Self:
        """Return the content of an open, seekable file.

        The instance keeps the file. No other code may move its position.
        """
        self = cls.__new__(cls)
        self._path, self._beneath, self._file, self._lock = None, None, file, Lock()
        self._size = file.seek(0, io.SEEK_END)
        return self

    @property
    def path(self) -> Path | None:
        """The path of the file on disk, or None if it was loaded."""
        return self._path

    @property
    def size(self) -> int:
        """The current size in bytes.

        Raises:
            OSError: the file is not on disk.
        """
        if self._path is None:
            return self._size
        if self._beneath is not None:
            return size_beneath(*self._in_folder(self._path, *self._beneath))
        return self._path.stat().st_size

    def open(self) -> BinaryIO:
        """Open the content as a seekable file with its own position. The caller closes it.

        Opening it and reading from it block, so do neither on an event loop. Loaded content can be opened any number of
        times and read in several threads, which take turns.

        Raises:
            OSError: the file cannot be opened, or it is no regular file.
        """
        if self._file is None:
            path = cast("Path", self._path)
            if self._beneath is not None:
                return open_beneath(*self._in_folder(path, *self._beneath))
            return open_regular(path)
        return cast("BinaryIO", io.BufferedReader(_View(self._file, self._lock, self._size)))

    @staticmethod
    def _in_folder(path: Path, folder: Path, root: Path) -> tuple[Path, tuple[str, ...]]:
        return root, path.relative_to(folder).parts

    async def read(self) -> bytes:
        """Return the whole content."""
        return await asyncio.to_thread(self._read)

    async def copy_to(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the content to a path. The file appears there complete and durable, or not at all.

        Args:
            path: of the file to be made. Its folder must exist.
            overwrite: whether to replace a file that exists.

        Raises:
            FileExistsError: the file exists and `overwrite` is false.
        """
        await asyncio.to_thread(self._copy_to, Path(path), overwrite=overwrite)

    def _read(self) -> bytes:
        with self.open() as file:
            return file.read()

    def _parts(self) -> Iterator[bytes]:
        with self.open() as file:
            while part := file.read(_PART):
                yield part

    def _copy_to(self, path: Path, *, overwrite: bool) -> None:
        if not overwrite and os.path.lexists(path):
            raise FileExistsError(f"{path} is there already; overwrite=True replaces it")  # noqa: TRY003, EM102
        beside = path.with_name(f".{path.name[:50]}.{uuid4().hex}.tmp")
        try:
            with beside.open("xb") as file:
                for part in self._parts():
                    file.write(part)
                file.flush()
                os.fsync(file.fileno())
            if overwrite:
                beside.replace(path)
            else:
                _publish(beside, path)
        finally:
            beside.unlink(missing_ok=True)
        if sys.platform != "win32":
            sync_folder(path.parent)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, File):
            return NotImplemented
        if self is other:
            return True
        if self.size != other.size:
            return False
        with self.open() as mine, other.open() as theirs:
            while part := mine.read(_PART):
                if part != theirs.read(_PART):
                    return False
            return not theirs.read(1)

    def __deepcopy__(self, memo: object) -> Self:
        return self  # it has no parts, and a copy would refer to the same content

    def __repr__(self) -> str:
        return f"<File of {self._size} bytes>" if self._path is None else f"File({str(self._path)!r})"


class _View(RawFile):
    """A reader with its own position in a file that others read, too."""

    def __init__(self, file: BinaryIO, lock: Lock, size: int) -> None:
        super().__init__(size)
        self._file = file
        self._lock = lock

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        with self._lock:
            self._file.seek(self._position)
            data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


def _publish(beside: Path, path: Path) -> None:
    """Rename a finished file to its final name, and fail if that name was taken in the meantime."""
    try:
        os.link(beside, path)
    except FileExistsError:
        raise
    except OSError:  # no hard links here. On Windows, rename fails if the name is taken; elsewhere it replaces the file
        beside.rename(path)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class FileSerializer(Serializer[File]):
    """Stores the content of a file as it is, so that any program can read it. Its name and times are not kept.

    The file must be a regular file, and must keep its size while it is stored.
    """

    name = "file"
    types: tuple[type[Any], ...] = (File,)

    def serialize(self, value: File) -> bytes:
        return b"".join(self.serialize_stream(value))

    def serialize_stream(self, value: File) -> Iterator[bytes]:
        """Yield the content in parts of at most 2 MiB.

        Raises:
            SerializationError: the file is not a regular file, cannot be read, or changes its size meanwhile.
        """
        if type(value) is not File:
            msg = f"A {type(value).__qualname__} is no File; make one of its path: File(path)"
            raise SerializationError(msg)
        with _open(value) as file:
            size = value.size
            found = 0
            while part := _read(value, file):
                found += len(part)
                if found > size:  # else a file that grows faster than it is read would never end
                    break
                yield part
            if found != size or value.size != size:
                msg = f"{value!r} changed its size while it was read: from {size} bytes to {found} or more"
                raise SerializationError(msg)

    def deserialize(self, data: bytes) -> File:
        return File.of(BytesIO(data))

    def deserialize_file(self, file: BinaryIO) -> File:
        """Return the content of an open file. It is read when you ask for it."""
        return File.of(file)

    def preview(self, file: BinaryIO, /, *, rows: int = 50, columns: int = 50, max_bytes: int = 8 * 2**20) -> Preview:
        """Return the format and size of an image, or the beginning of a text or of other bytes."""
        return preview_content(file, rows=rows, max_bytes=max_bytes)

    def size_hint(self, value: File) -> int | None:
        if type(value) is not File:
            return None
        try:
            return value.size
        except OSError:
            return None

    def equal(self, one: File, other: File) -> bool:
        """Say whether the files have equal content. A file that cannot be read equals no other."""
        try:
            return type(one) is type(other) and one == other
        except OSError:
            return False


def _open(value: File) -> BinaryIO:
    try:
        return value.open()
    except OSError as error:
        msg = f"{value!r} cannot be read: {error}"
        raise SerializationError(msg) from error


def _read(value: File, file: BinaryIO) -> bytes:
    try:
        return file.read(_PART)
    except OSError as error:
        msg = f"{value!r} cannot be read: {error}"
        raise SerializationError(msg) from error


file_serializer: FileSerializer = FileSerializer().register()
