"""The serializers of datasets and labeled arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, ClassVar

from artigraph.errors import SerializationError
from artigraph.serializer._support import class_of, deserializing, joined, serializing
from artigraph.serializer.base import Serializer
from artigraph.serializer.preview import TablePreview
from artigraph.serializer.xarray import _archive, _compare
from artigraph.serializer.xarray._preview import preview_variables
from artigraph.serializer.xarray._variables import xr

Buffer = bytes | bytearray | memoryview


class _VariablesSerializer(Serializer[Any]):
    """A serializer of values that consist of variables with coordinates."""

    kind: ClassVar[str]
    noun: ClassVar[str]

    def size_hint(self, value: Any) -> int | None:
        """Return the bytes of the elements of all variables."""
        return int(value.nbytes) if isinstance(value, self.types) else None

    def serialize(self, value: Any) -> bytes:
        """Return an archive."""
        return joined(self.serialize_parts(value))

    def serialize_parts(self, value: Any) -> Iterator[bytes | memoryview]:
        """Yield an archive in parts of at most 8 MiB, mostly views of the arrays' memory."""
        if type(value) not in self.types:
            name = self.types[0].__name__
            remedy = f"convert it: xarray.{name}(value)" if isinstance(value, self.types) else "name another serializer"
            msg = f"A {class_of(value)} would not load as one; {remedy}."
            raise SerializationError(msg)
        with serializing(self.name, value):
            yield from _archive.to_parts(value)

    def deserialize(self, data: Buffer) -> Any:
        """Return the value of an archive. A writable buffer becomes the arrays' memory; any other buffer is copied."""
        with deserializing(self.name):
            return _archive.from_buffer(data, self.kind)

    def deserialize_mapped(self, buffer: memoryview) -> Any:
        """Return a value whose arrays are read-only, over the buffer. Indexes and objects are copied."""
        with deserializing(self.name):
            return _archive.from_buffer(buffer.toreadonly(), self.kind, mapped=True)

    def preview(
        self, file: BinaryIO, /, *, rows: int = 50, columns: int = 50, max_bytes: int = 8 * 2**20
    ) -> TablePreview:
        """Return a table with name, role, dimensions, dtype and shape of each variable. Reads no elements."""
        with deserializing(self.name):
            return preview_variables(file, self.kind, self.noun, rows=rows, columns=columns, max_bytes=max_bytes)

    def equal(self, one: Any, other: Any) -> bool:
        """Say whether two values have equal variables, coordinates, indexes, dtypes and attrs. NaN equals NaN.

        Neither the order of variables counts nor an encoding.
        """
        return _compare.same(one, other)

    def describe_change(self, before: Any, after: Any) -> str:
        """Return one line on names, sizes, dtypes, and how many elements of which variables differ by how much."""
        return _compare.describe_difference(before, after)


class DatasetSerializer(_VariablesSerializer):
    """Stores datasets as archives of npy files that are not compressed, with a JSON head.

    A loaded dataset has the same variables and coordinates in the same order, with their dimensions, dtypes and bits.
    It keeps the indexes of pandas, also a MultiIndex, and attrs and encodings. These may hold plain values, and those
    of NumPy and pandas. Arrays of objects may hold what objects in columns of pandas may be. `numpy.load` reads the
    arrays.

    Data of a file that is opened lazily is read when it is stored.

    Refused, with the name of the variable:

    - arrays in chunks of dask: store `value.compute()`
    - arrays of other libraries, such as sparse or pint
    - indexes that are not pandas's: store `value.drop_indexes(...)`
    - attrs and encodings with other objects: convert them, or store `value.drop_encoding()`
    - subclasses of Dataset
    """

    name = "xarray-dataset"
    types: tuple[type[Any], ...] = (xr.Dataset,)
    kind = "dataset"
    noun = "dataset"

    def deserialize_columns(self, file: BinaryIO, columns: Sequence[Any]) -> Any:
        """Return what `dataset[columns]` returns: these variables and their coordinates. Reads no other variables."""
        with deserializing(self.name):
            return _archive.from_file(file, list(columns))


class DataArraySerializer(_VariablesSerializer):
    """Stores labeled arrays as archives of npy files that are not compressed, with a JSON head.

    It keeps name, dimensions and coordinates, and keeps and refuses what `DatasetSerializer` does.
    """

    name = "xarray-dataarray"
    types: tuple[type[Any], ...] = (xr.DataArray,)
    kind = "dataarray"
    noun = "labeled array"


dataset_serializer: DatasetSerializer = DatasetSerializer().register()
"""Serializes `xarray.Dataset`."""

dataarray_serializer: DataArraySerializer = DataArraySerializer().register()
"""Serializes `xarray.DataArray`."""
