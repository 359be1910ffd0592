"""Zip archives that do not compress, so that each member is a range of bytes. They depend on no clock."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import IO, BinaryIO, NamedTuple, NoReturn, cast
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from artigraph.errors import ArtigraphError, DeserializationError
from artigraph.serializer.preview import LimitedFile

_ENCRYPTED = 0x1


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


def archive_parts(members: Iterable[Member]) -> Iterator[bytes | memoryview]:
    """Yield an archive in the parts that its members come in, with the bytes of the archive between them."""
    sink = _Sink()
    with ZipFile(sink, "w", ZIP_STORED) as archive:
        for member in members:
            info = ZipInfo(member.name)
            info.file_size = member.size
            with archive.open(info, "w") as file:
                for part in member.parts:
                    file.write(part)
                    yield from sink.take()
            yield from sink.take()
    yield from sink.take()


def open_archive(file: BinaryIO | LimitedFile) -> ZipFile:
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
    return archive


def refuse_archive(what: str) -> NoReturn:
    """Raise the error for an archive with other content."""
    msg = f"This archive is not what is stored: {what}."
    raise DeserializationError(msg)
