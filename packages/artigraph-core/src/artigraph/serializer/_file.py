"""A file as a value: one on disk, or what was loaded."""

from __future__ import annotations

import asyncio
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import BinaryIO, Self, cast
from uuid import uuid4

from artigraph.raw_file import RawFile

__all__ = ["PART", "File"]

PART = 2 * 2**20
"""Bytes that are read at once."""


class File:  # noqa: PLW1641 (its content may change)
    """The content of a file: of one on disk, by its path, or of one that was loaded.

    A file on disk is read when it is stored and whenever this object is asked for it, not before. A loaded one reads
    what it is asked for from where it is stored, and checks it. Two are equal if their content is; to compare them
    reads both, in bounded memory. They cannot be hashed.
    """

    __slots__ = ("_file", "_lock", "_path", "_size")

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Refer to a file on disk; nothing is read."""
        self._path: Path | None = Path(path)
        self._file: BinaryIO | None = None
        self._lock = Lock()
        self._size = 0

    @classmethod
    def of(cls, file: BinaryIO) -> Self:
        """Return the content of an open file that can be sought, which it keeps; nobody else may move its position."""
        self = cls.__new__(cls)
        self._path, self._file, self._lock = None, file, Lock()
        self._size = file.seek(0, io.SEEK_END)
        return self

    @property
    def path(self) -> Path | None:
        """Where the file is on disk; None of one that was loaded."""
        return self._path

    @property
    def size(self) -> int:
        """How many bytes it has now.

        Raises:
            OSError: the file on disk is not there.
        """
        return self._size if self._path is None else self._path.stat().st_size

    def open(self) -> BinaryIO:
        """Return it as a file that can be read and sought, with a position of its own; the caller closes it.

        It blocks, as reading from it does: not for an event loop. What was loaded can be opened any number of times,
        and read in several threads; they take turns.
        """
        if self._file is None:
            return cast("Path", self._path).open("rb")
        return cast("BinaryIO", io.BufferedReader(_View(self._file, self._lock, self._size)))

    async def read(self) -> bytes:
        """Return the whole content."""
        return await asyncio.to_thread(self._read)

    async def copy_to(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the content to a path, where it appears whole and durable, or not at all.

        Args:
            path: of the file to be made; its folder has to be there.
            overwrite: whether it may replace a file that is there.

        Raises:
            FileExistsError: there is a file already, and `overwrite` is not given.
        """
        await asyncio.to_thread(self._copy_to, Path(path), overwrite=overwrite)

    def _read(self) -> bytes:
        with self.open() as file:
            return file.read()

    def _parts(self) -> Iterator[bytes]:
        with self.open() as file:
            while part := file.read(PART):
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
            _sync_folder(path.parent)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, File):
            return NotImplemented
        if self is other:
            return True
        if self.size != other.size:
            return False
        with self.open() as mine, other.open() as theirs:
            while part := mine.read(PART):
                if part != theirs.read(PART):
                    return False
            return not theirs.read(1)

    def __deepcopy__(self, memo: object) -> Self:
        return self  # it has no parts, and refers to the same content

    def __repr__(self) -> str:
        return f"<File of {self._size} bytes>" if self._path is None else f"File({str(self._path)!r})"


class _View(RawFile):
    """A position of its own in a file that others read, too."""

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
    """Give a file its name, which nobody else may have taken meanwhile."""
    try:
        os.link(beside, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links: Windows refuses to rename to what is there, others replace it
        beside.rename(path)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
