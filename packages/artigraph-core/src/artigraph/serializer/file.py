"""Files as values: of any length, stored and loaded in parts."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from io import BytesIO
from typing import Any, BinaryIO

from artigraph.errors import SerializationError
from artigraph.serializer._file import PART, File
from artigraph.serializer.base import Serializer

__all__ = ["File", "FileSerializer", "file_serializer"]


class FileSerializer(Serializer[File]):
    """Stores the content of a file as it is, so that anything can read it; its name and times are not kept.

    The file has to be a regular one when it is stored, and to keep its size meanwhile.
    """

    name = "file"
    types: tuple[type[Any], ...] = (File,)

    def serialize(self, value: File) -> bytes:
        return b"".join(self.serialize_stream(value))

    def serialize_stream(self, value: File) -> Iterator[bytes]:
        """Yield the content in parts of at most 2 MiB.

        Raises:
            SerializationError: it is no regular file, cannot be read, or changes its size meanwhile.
        """
        if type(value) is not File:
            msg = f"A {type(value).__qualname__} is no File; make one of its path: File(path)"
            raise SerializationError(msg)
        with _open(value) as file:
            size = value.size
            found = 0
            while part := _read(value, file):
                found += len(part)
                yield part
            if found != size or value.size != size:
                msg = f"{value!r} changed its size while it was read: from {size} bytes to {found} or more"
                raise SerializationError(msg)

    def deserialize(self, data: bytes) -> File:
        return File.of(BytesIO(data))

    def deserialize_file(self, file: BinaryIO) -> File:
        """Return the content of an open file, which is read when it is asked for."""
        return File.of(file)

    def size_hint(self, value: File) -> int | None:
        if type(value) is not File:
            return None
        try:
            return value.size
        except OSError:
            return None

    def equal(self, one: File, other: File) -> bool:
        """Whether the files have equal content; a file that cannot be read equals none."""
        try:
            return type(one) is type(other) and one == other
        except OSError:
            return False


def _open(value: File) -> BinaryIO:
    try:
        # Before it is opened: to open a pipe waits for who writes to it.
        if value.path is not None and not stat.S_ISREG(os.stat(value.path).st_mode):  # noqa: PTH116 (any path)
            msg = f"{value!r} is not a regular file; only those are stored"
            raise SerializationError(msg)
        return value.open()
    except OSError as error:
        msg = f"{value!r} cannot be read: {error}"
        raise SerializationError(msg) from error


def _read(value: File, file: BinaryIO) -> bytes:
    try:
        return file.read(PART)
    except OSError as error:
        msg = f"{value!r} cannot be read: {error}"
        raise SerializationError(msg) from error


file_serializer: FileSerializer = FileSerializer().register()
