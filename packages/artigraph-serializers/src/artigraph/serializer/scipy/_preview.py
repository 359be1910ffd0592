"""Previews of sparse arrays: what their npz file says before the elements."""

from __future__ import annotations

import io
import math
from typing import Any, BinaryIO
from zipfile import ZipFile

import numpy as np

from artigraph.serializer import preview
from artigraph.serializer._support.archive import open_archive, refuse_archive
from artigraph.serializer._support.array_preview import shape_text
from artigraph.serializer._support.preview import within_limit
from artigraph.serializer.numpy import array_serializer
from artigraph.serializer.scipy._sparse import CLASSES

_SMALL = 2**10
"""More bytes than a member takes that is not about the elements, and than the header of one that is."""


def preview_sparse(file: BinaryIO, *, rows: int, max_bytes: int) -> preview.TextPreview:
    """Return the preview of an npz file."""
    limited = preview.LimitedFile(file, max_bytes)

    def unread() -> preview.TextPreview:
        summary = f"sparse array in {preview.bytes_text(limited.size)}"
        return preview.TextPreview(summary, cut=True, text="", encoding=None, size=limited.size)

    def read() -> preview.TextPreview:
        with open_archive(limited) as archive:
            said = {name: _small(archive, name) for name in ("format", "shape")}
            names = set(archive.namelist())
            stored = _small(archive, "artigraph_format") if "artigraph_format.npy" in names else said["format"]
            cls = f"{stored.item().decode()}_{'array' if '_is_array.npy' in names else 'matrix'}"
            if cls not in CLASSES:
                refuse_archive("its format is unknown")
            with archive.open("data.npy") as member:
                # Of its first bytes, because a member that is sought is read up to there.
                head = io.BytesIO(member.read(_SMALL))
            np.lib.format.read_magic(head)
            stored_shape, _, dtype = np.lib.format.read_array_header_1_0(head)
            shape: tuple[int, ...] = tuple(said["shape"].tolist())
            count = math.prod(stored_shape)
        elements = preview.count_text(count, "stored element")
        lines = [cls, f"shape: {shape_text(shape)}", f"dtype: {dtype}", elements]
        cells = math.prod(shape)
        if cells:
            lines[-1] += f", {count / cells:.3g} of all"
        summary = f"{cls} of {dtype}, {shape_text(shape)}, {elements}, {preview.bytes_text(limited.size)}"
        return preview.TextPreview(
            preview.one_line(summary), cut=True, text="\n".join(lines[: max(rows, 0)]), encoding=None, size=limited.size
        )

    return within_limit(limited, read, unread)


def _small(archive: ZipFile, name: str) -> Any:
    info = archive.getinfo(f"{name}.npy")
    if info.file_size > _SMALL:
        refuse_archive(f"{name!r} is too long")
    return array_serializer.deserialize(archive.read(info))
