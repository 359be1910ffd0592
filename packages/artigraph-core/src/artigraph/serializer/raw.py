"""The serializer of bytes."""

from __future__ import annotations

from typing import Any, BinaryIO

from artigraph.errors import SerializationError
from artigraph.serializer.base import Serializer
from artigraph.serializer.preview import Preview, preview_content

__all__ = ["BytesSerializer", "bytes_serializer"]


class BytesSerializer(Serializer[bytes]):
    """Stores bytes unchanged. Within a list or another plain value they are base64, because JSON has no bytes."""

    name = "bytes"
    types: tuple[type[Any], ...] = (bytes,)

    def size_hint(self, value: bytes) -> int | None:
        return len(value) if isinstance(value, bytes) else None

    def serialize(self, value: bytes) -> bytes:
        if type(value) is not bytes:
            msg = f"A {type(value).__qualname__} would come back as bytes; convert it with bytes(...)"
            raise SerializationError(msg)
        return value

    def deserialize(self, data: bytes) -> bytes:
        return bytes(data)

    def preview(self, file: BinaryIO, /, *, rows: int = 50, columns: int = 50, max_bytes: int = 8 * 2**20) -> Preview:
        """Return the format and size of an image, or the beginning of a text or of other bytes."""
        return preview_content(file, rows=rows, max_bytes=max_bytes)


bytes_serializer: BytesSerializer = BytesSerializer().register()
