"""The serializer of sparse arrays and matrices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

from artigraph.serializer._support import deserializing, joined, serializing
from artigraph.serializer._support.archive import Member, MemoryFile, archive_parts, open_archive, view_of
from artigraph.serializer.base import Serializer
from artigraph.serializer.numpy import array_serializer
from artigraph.serializer.preview import TextPreview
from artigraph.serializer.scipy import _compare
from artigraph.serializer.scipy._preview import preview_sparse
from artigraph.serializer.scipy._sparse import CLASSES, put_together, sp, taken_apart

_SUFFIX = ".npy"


class SparseSerializer(Serializer[Any]):
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

    def serialize(self, value: Any) -> bytes:
        """Return an npz file."""
        return joined(self.serialize_parts(value))

    def serialize_parts(self, value: Any) -> Iterator[bytes | memoryview]:
        """Yield an npz file in parts of at most 8 MiB. They are views of the value's arrays if these are contiguous."""
        with serializing(self.name, value):
            members = (
                Member(f"{name}{_SUFFIX}", array_serializer.serialize_parts(array), array.nbytes + 2**12)
                for name, array in taken_apart(value).items()
            )
            yield from archive_parts(members)

    def deserialize(self, data: bytes | bytearray | memoryview) -> Any:
        """Return the sparse array of an npz file."""
        buffer = memoryview(data).cast("B").toreadonly()  # so that each array is copied into aligned memory
        with deserializing(self.name), open_archive(MemoryFile(buffer)) as archive:
            names = archive.namelist()
            arrays = [array_serializer.deserialize(view_of(archive, name, buffer)) for name in names]
            return put_together({name.removesuffix(_SUFFIX): array for name, array in zip(names, arrays, strict=True)})

    def preview(
        self, file: BinaryIO, /, *, rows: int = 50, columns: int = 50, max_bytes: int = 8 * 2**20
    ) -> TextPreview:
        """Return class, shape, dtype, and how many elements are stored. Reads none of them."""
        with deserializing(self.name):
            return preview_sparse(file, rows=rows, max_bytes=max_bytes)

    def equal(self, one: Any, other: Any) -> bool:
        """Say whether two values have one class, shape and dtype, and equal stored elements. NaN equals NaN.

        Neither the order of the elements counts nor the dtype of the indexes. Stored zeros do.
        """
        return type(one) is type(other) and type(one) in CLASSES.values() and _compare.same_sparse(one, other)

    def describe_change(self, before: Any, after: Any) -> str:
        """Return one line on shapes, dtypes, and how many stored elements differ by how much."""
        return _compare.describe_sparse(before, after)


sparse_serializer: SparseSerializer = SparseSerializer().register()
"""Serializes the sparse arrays and matrices of `scipy.sparse`."""
