"""The serializer of sparse arrays and matrices, with their equality and previews."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from typing import Any, BinaryIO
from zipfile import ZipFile

import numpy as np

from artigraph.serializer import preview
from artigraph.serializer._support.archive import (
    Member,
    MemoryFile,
    archive_parts,
    open_archive,
    refuse_archive,
    view_of,
)
from artigraph.serializer._support.array_preview import shape_text
from artigraph.serializer._support.difference import told
from artigraph.serializer._support.library import PartsSerializer
from artigraph.serializer._support.preview import within_limit
from artigraph.serializer.numpy import array_serializer
from artigraph.serializer.numpy.compare import differing_array, same_array
from artigraph.serializer.preview import TextPreview
from artigraph.serializer.scipy._sparse import CLASSES, put_together, sp, taken_apart

_SUFFIX = ".npy"


class SparseSerializer(PartsSerializer[Any, TextPreview]):
    """Stores the sparse arrays and matrices of SciPy, in all formats, as npz files without pickle.

    A loaded value has the same class, shape and dtypes (also of its indexes), and the same stored elements in the same
    order, with stored zeros and duplicates. `scipy.sparse.load_npz` reads the files. It loads dok and lil as coo.

    Refused: subclasses of SciPy's classes, attributes that you set on an instance, and coordinates of several dtypes in
    an array of other than two dimensions.
    """

    name = "scipy-sparse"
    types: tuple[type[Any], ...] = (sp.sparray, sp.spmatrix)

    def size_hint(self, value: Any) -> int | None:
        """Return about how many bytes the stored elements and their indexes take."""
        if not sp.issparse(value):
            return None
        return int(value.nnz) * (int(value.dtype.itemsize) + 8)

    def _to_parts(self, value: Any) -> Iterator[bytes | memoryview]:
        """Yield an npz file in parts of at most 8 MiB. They are views of the value's arrays if these are contiguous."""
        members = (
            Member(f"{name}{_SUFFIX}", array_serializer.serialize_parts(array), array.nbytes + 2**12)
            for name, array in taken_apart(value).items()
        )
        yield from archive_parts(members)

    def _from_bytes(self, data: bytes | bytearray | memoryview) -> Any:
        """Return the sparse array of an npz file."""
        buffer = memoryview(data).cast("B").toreadonly()  # so that each array is copied into aligned memory
        with open_archive(MemoryFile(buffer)) as archive:
            names = archive.namelist()
            arrays = [array_serializer.deserialize(view_of(archive, name, buffer)) for name in names]
            return put_together({name.removesuffix(_SUFFIX): array for name, array in zip(names, arrays, strict=True)})

    def _preview(self, file: BinaryIO, rows: int, columns: int, max_bytes: int) -> TextPreview:
        """Return class, shape, dtype, and how many elements are stored. Reads none of them."""
        return preview_sparse(file, rows=rows, max_bytes=max_bytes)

    def equal(self, one: Any, other: Any) -> bool:
        """Say whether two values have one class, shape and dtype, and equal stored elements. NaN equals NaN.

        Neither the order of the elements counts nor the dtype of the indexes. Stored zeros do.
        """
        return type(one) is type(other) and type(one) in CLASSES.values() and same_sparse(one, other)

    def describe_change(self, before: Any, after: Any) -> str:
        """Return one line on shapes, dtypes, and how many stored elements differ by how much."""
        return describe_sparse(before, after)


# Equality and differences ---------------------------------------------------------------------------------------------


def same_sparse(one: Any, other: Any) -> bool:
    """Say whether two values of one class have one shape and dtype, and equal stored elements."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    mine, theirs = _canonical(one), _canonical(other)
    return _same_places(mine, theirs) and same_array(mine.data, theirs.data)


def describe_sparse(before: Any, after: Any) -> str:
    """Return one line on how two values differ."""
    parts: list[str] = []
    if before.shape != after.shape:
        parts.append(f"{shape_text(before.shape)} → {shape_text(after.shape)}")
    if before.dtype != after.dtype:
        parts.append(f"{before.dtype} → {after.dtype}")
    if before.nnz != after.nnz:
        parts.append(f"{before.nnz:,} → {after.nnz:,} stored elements")
    if parts:
        return "; ".join(parts)
    mine, theirs = _canonical(before), _canonical(after)
    if not _same_places(mine, theirs):
        return "elements are stored at other places"
    return f"elements differ {told(differing_array(mine.data, theirs.data), mine.nnz)}"


def _canonical(value: Any) -> Any:
    found = value.tocoo(copy=True)
    found.sum_duplicates()
    return found


def _same_places(mine: Any, theirs: Any) -> bool:
    return mine.nnz == theirs.nnz and all(map(np.array_equal, mine.coords, theirs.coords))


# Previews -------------------------------------------------------------------------------------------------------------


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


sparse_serializer: SparseSerializer = SparseSerializer().register()
"""Serializes the sparse arrays and matrices of `scipy.sparse`."""
