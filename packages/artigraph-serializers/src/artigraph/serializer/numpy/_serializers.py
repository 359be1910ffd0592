"""The serializers of NumPy's arrays and scalars."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from artigraph.errors import SerializationError
from artigraph.serializer._support.library import LibrarySerializer, PartsSerializer, class_of, deserializing
from artigraph.serializer.numpy import _arrays
from artigraph.serializer.numpy._arrays import Array
from artigraph.serializer.numpy._npy import Buffer
from artigraph.serializer.numpy._preview import preview_array
from artigraph.serializer.numpy.compare import describe_arrays, same_array, same_scalar
from artigraph.serializer.preview import ArrayPreview


class ArraySerializer(PartsSerializer[Array, ArrayPreview]):
    """Stores arrays of any shape, memory order and dtype except object, as npy files without pickle.

    A loaded array has the same dtype (with byte order, alignment, field titles and C type) and the same bits. It is in
    Fortran order if the stored one was. An array that was not contiguous loads in C order. The loaded array is writable
    and shares its memory with no other object: it is a copy, or it uses the writable buffer that it was made from.

    Refused: dtypes that hold Python objects, carry metadata or come from another library, and subclasses of ndarray.
    """

    name = "numpy-array"
    types: tuple[type[Any], ...] = (np.ndarray,)

    def _to_parts(self, value: Array) -> Iterator[bytes | memoryview]:
        """Yield an npy file in parts of at most 8 MiB. They are views of the array's memory if it is contiguous."""
        _check_class(value)
        yield from _arrays.array_to_parts(value)

    def _from_bytes(self, data: Buffer) -> Array:
        """Return the array of an npy file. A writable buffer becomes its memory; any other buffer is copied."""
        return _arrays.array_from_buffer(data)

    def deserialize_mapped(self, buffer: memoryview) -> Array:
        """Return a read-only array over the buffer of an npy file. StringDType does not support this."""
        with deserializing(self.name):
            return _arrays.array_over(buffer)

    def _preview(self, file: BinaryIO, rows: int, columns: int, max_bytes: int) -> ArrayPreview:
        """Return shape, dtype and first elements. Of numbers also statistics, a histogram and a thumbnail."""
        return preview_array(file, rows=rows, max_bytes=max_bytes)

    def equal(self, one: Array, other: Array) -> bool:
        """Say whether two arrays have one dtype and shape, and equal elements. NaN equals NaN."""
        return same_array(one, other)

    def describe_change(self, before: Array, after: Array) -> str:
        """Return one line on shapes, dtypes, and how many elements differ by how much."""
        return describe_arrays(before, after)


class ScalarSerializer(LibrarySerializer[np.generic, ArrayPreview]):
    """Stores NumPy's scalars, such as `numpy.float64(1)`, with their exact type, as npy files without dimensions."""

    name = "numpy-scalar"
    # Each type by itself: float64 derives from float and str_ from str, and the nearest claimed class wins.
    types: tuple[type[Any], ...] = (*sorted(set(np.sctypeDict.values()), key=lambda cls: cls.__name__), np.generic)

    def _to_bytes(self, value: np.generic) -> bytes:
        """Return an npy file without dimensions."""
        if not isinstance(value, np.generic):
            raise SerializationError(_refusal(value))
        return _arrays.scalar_to_bytes(value)

    def _from_bytes(self, data: bytes) -> np.generic:
        """Return the scalar of an npy file without dimensions."""
        return _arrays.scalar_from_bytes(data)

    def _preview(self, file: BinaryIO, rows: int, columns: int, max_bytes: int) -> ArrayPreview:
        """Return the dtype and the scalar."""
        return preview_array(file, rows=rows, max_bytes=max_bytes, is_scalar=True)

    def equal(self, one: np.generic, other: np.generic) -> bool:
        """Say whether two scalars have one type and are equal. NaN equals NaN."""
        return same_scalar(one, other)


def _check_class(value: Array) -> None:
    if type(value) is not np.ndarray:
        raise SerializationError(_refusal(value))


def _refusal(value: object) -> str:
    name = class_of(value)
    if isinstance(value, np.ma.MaskedArray):
        return f"A {name} would lose its mask as an array; store its .data and its .mask in fields of their own."
    if isinstance(value, np.ndarray):
        return f"A {name} would load as a plain array; store numpy.asarray(value), or a serializer of your own."
    return f"A {name} is no NumPy value; convert it by numpy.asarray, or name another serializer."


array_serializer: ArraySerializer = ArraySerializer().register()
"""Serializes `numpy.ndarray`."""

numpy_serializer: ArraySerializer = array_serializer
"""The same object as `array_serializer`."""

scalar_serializer: ScalarSerializer = ScalarSerializer().register()
"""Serializes `numpy.generic`, the base of all of NumPy's scalar types."""
