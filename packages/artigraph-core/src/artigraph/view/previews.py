"""Previews of stored values, also where the serializer that wrote one is not installed."""

from __future__ import annotations

from typing import BinaryIO

from artigraph.errors import MissingDependencyError, UnknownSerializerError
from artigraph.serializer import SupportsPreview, get_serializer_by_name
from artigraph.serializer.preview import Preview, preview_content

__all__ = ["preview_stored"]


def preview_stored(
    file: BinaryIO, serializer: str | None, *, rows: int = 20, columns: int = 20, max_bytes: int = 8 * 2**20
) -> Preview:
    """Return what stored bytes look like, and close the file.

        file = await open_stored(artifact_id, "samples")
        preview = await asyncio.to_thread(preview_stored, file, "pandas-dataframe")

    The serializer makes the preview. If it is not installed or has no previews, the format of the bytes decides.

    Args:
        file: the bytes, as `open_stored` opens them.
        serializer: the name of the serializer that wrote them.
        rows: the most rows of a table, or lines of a text.
        columns: the most columns of a table.
        max_bytes: the most bytes that are read.

    Raises:
        DeserializationError: the bytes are not what the serializer writes.
        StorageError, CorruptObjectError: the object cannot be read, or does not match its checksum.
    """
    with file:
        try:
            known = None if serializer is None else get_serializer_by_name(serializer)
        except (UnknownSerializerError, MissingDependencyError):
            known = None
        if isinstance(known, SupportsPreview):
            return known.preview(file, rows=rows, columns=columns, max_bytes=max_bytes)
        return preview_content(file, rows=rows, max_bytes=max_bytes)
