"""Zip archives that do not compress, so that each member is a range of bytes. They depend on no clock."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import IO, Any, BinaryIO, NamedTuple, NoReturn, cast
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from artigraph.errors import ArtigraphError, DeserializationError
from artigraph.serializer.preview import LimitedFile

_ENCRYPTED = 0x1
_LOCAL_HEADER = 30
"""The bytes of a member's own header, before its name."""
_LARGEST = 2**31 - 1
"""The most bytes of a member for which zipfile uses narrow numbers."""
_ZIP64_FIELD = 20
"""The bytes that zipfile adds to the header of a member that may have more than 2 GiB."""
_SIGNATURE = b"PK\x03\x04"
_PADDING = 0xD935
"""The kind of extra field with which archives of Android align their members."""
_FIELD_HEAD = 4
ALIGNMENT = 64
"""Arrays that begin at such a position can be used in place, because npy headers have such a length too."""


class Member(NamedTuple):
    """A member before it is written."""

    name: str
    parts: Iterable[bytes | memoryview]
    size: int
    """About how many bytes it has, which decides whether zip needs wide numbers."""


class _Sink(io.RawIOBase):
    """Takes what an archive writes, and hands it out. It cannot be sought, so nothing is written twice."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes | memoryview] = []

    def writable(self) -> bool:
        return True

    def write(self, data: bytes | memoryview, /) -> int:  # type: ignore[override]
        self._parts.append(data)
        return len(data)

    def take(self) -> list[bytes | memoryview]:
        taken, self._parts = self._parts, []
        return taken


class MemoryFile(io.RawIOBase):
    """A file over memory, which it does not copy."""

    def __init__(self, memory: memoryview) -> None:
        super().__init__()
        self._memory = memory
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: len(self._memory)}[whence]
        if start + offset < 0:
            msg = "a file has nothing before its start"
            raise OSError(msg)
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any, /) -> int:
        into = memoryview(buffer).cast("B")
        part = self._memory[self._position : self._position + len(into)]
        into[: len(part)] = part
        self._position += len(part)
        return len(part)


def archive_parts(members: Iterable[Member], *, aligned: bool = False) -> Iterator[bytes | memoryview]:
    """Yield an archive in the parts that its members come in, with the bytes of the archive between them.

    Args:
        members: what the archive holds.
        aligned: whether the content of each member begins at a multiple of `ALIGNMENT`.
    """
    sink = _Sink()
    with ZipFile(sink, "w", ZIP_STORED) as archive:
        for member in members:
            info = ZipInfo(member.name)
            info.file_size = member.size
            if aligned:
                info.extra = _padding(archive, info)
            with archive.open(info, "w") as file:
                for part in member.parts:
                    file.write(part)
                    yield from sink.take()
            yield from sink.take()
    yield from sink.take()


def _padding(archive: ZipFile, info: ZipInfo) -> bytes:
    """Return an extra field after which the content of the next member is aligned."""
    sink: Any = archive.fp
    # zipfile decides by the same comparison. If it decided otherwise, the content would only not be aligned.
    wide = _ZIP64_FIELD if info.file_size * 1.05 > _LARGEST else 0
    position: int = sink.tell()
    start = position + _LOCAL_HEADER + len(info.filename.encode()) + wide + _FIELD_HEAD
    length = -start % ALIGNMENT
    return _PADDING.to_bytes(2, "little") + length.to_bytes(2, "little") + bytes(length)


def open_archive(file: BinaryIO | LimitedFile | MemoryFile) -> ZipFile:
    """Return an archive.

    Raises:
        DeserializationError: `archive_parts` did not write it. A file that is no archive raises the error of zipfile.
    """
    try:
        archive = ZipFile(cast("IO[bytes]", file))
    except BadZipFile as error:
        if isinstance(error.__context__, ArtigraphError):  # zipfile hides what the file raised
            raise error.__context__ from None
        raise
    size = file.seek(0, io.SEEK_END)
    names: set[str] = set()
    for info in archive.infolist():
        if info.compress_type != ZIP_STORED or info.flag_bits & _ENCRYPTED or info.file_size > size:
            refuse_archive(f"{info.filename!r} is compressed or encrypted, or longer than all")
        if info.filename in names:
            refuse_archive(f"{info.filename!r} is there twice")
        names.add(info.filename)
    if sum(info.file_size for info in archive.infolist()) > size:  # they would lie over each other
        refuse_archive("its members have more bytes than all")
    return archive


def member_of(archive: ZipFile, name: str) -> bytearray:
    """Return a member of an archive that is read from a file, in memory of its own.

    Raises:
        DeserializationError: there is no such member. Damage raises the error of zipfile.
    """
    buffer = bytearray(_info(archive, name).file_size)
    start = 0
    with archive.open(name) as opened:
        file: Any = opened
        while start < len(buffer):
            read: int = file.readinto(memoryview(buffer)[start:])
            if not read:
                break
            start += read
    if start < len(buffer):
        refuse_archive(f"{name!r} is cut off")
    return buffer


def view_of(archive: ZipFile, name: str, data: memoryview) -> memoryview:
    """Return a member of an archive as a view of the memory that the archive was opened from.

    Its checksum is not compared: whoever has the bytes has checked them.

    Raises:
        DeserializationError: there is no such member.
    """
    info = _info(archive, name)
    head = data[info.header_offset : info.header_offset + _LOCAL_HEADER]
    lengths = [int.from_bytes(head[place : place + 2], "little") for place in (26, 28)]
    start = info.header_offset + _LOCAL_HEADER + sum(lengths)
    if bytes(head[:4]) != _SIGNATURE or start + info.file_size > len(data):
        refuse_archive(f"{name!r} is not where it should be")
    return data[start : start + info.file_size]


def _info(archive: ZipFile, name: str) -> ZipInfo:
    try:
        return archive.getinfo(name)
    except KeyError:
        refuse_archive(f"it has no {name!r}")


def refuse_archive(what: str) -> NoReturn:
    """Raise the error for an archive with other content."""
    msg = f"This archive is not what is stored: {what}."
    raise DeserializationError(msg)
