"""The serializers of NumPy's arrays and scalars."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
from artigraph.errors import SerializationError
from artigraph.serializer._support import class_name, deserializing, joined, serializing
from artigraph.serializer.base import Serializer
from artigraph.serializer.numpy._arrays import (
    Array,
    Buffer,
    array_from_buffer,
    array_over,
    array_to_parts,
    scalar_from_bytes,
    scalar_to_bytes,
)
from artigraph.serializer.numpy._difference import describe_arrays
from artigraph.serializer.numpy._equal import same_array, same_scalar

__all__ = ["ArraySerializer", "ScalarSerializer", "array_serializer", "numpy_serializer", "scalar_serializer"]


class ArraySerializer(Serializer[Array]):
    """Arrays of any shape, memory order and dtype but object, as npy files without pickle.

    An array comes back with its dtype (byte order, alignment, field titles and C type included), its bits, and in
    Fortran order if it was; one that is not contiguous comes back in C order. It is writable and shares its memory with
    nobody: it is a copy, or the writable buffer that it was made of.
    Refused: dtypes that hold Python objects, carry metadata or come from another library, and subclasses of ndarray.
    """

    name = "numpy-array"
    types: tuple[type[Any], ...] = (np.ndarray,)

    def serialize(self, value: Array) -> bytes:
        """Return an npy file."""
        _check_class(value)
        with serializing(self.name, value):
            return joined(array_to_parts(value))

    def serialize_parts(self, value: Array) -> Iterator[bytes | memoryview]:
        """Yield an npy file in parts of at most 8 MiB, views of the array's memory where it is contiguous."""
        _check_class(value)
        with serializing(self.name, value):
            yield from array_to_parts(value)

    def deserialize(self, data: Buffer) -> Array:
        """Return the array of an npy file. A buffer that can be written to becomes its memory; another is copied."""
        with deserializing(self.name):
            return array_from_buffer(data)

    def deserialize_mapped(self, buffer: memoryview) -> Array:
        """Return the array of an npy file over its buffer; it cannot be written to. Not for StringDType."""
        with deserializing(self.name):
            return array_over(buffer)

    def equal(self, one: Array, other: Array) -> bool:
        """Whether two arrays are of one dtype and shape and of equal elements; NaN equals NaN."""
        return same_array(one, other)

    def describe_change(self, before: Array, after: Array) -> str:
        """Return one line on shapes, dtypes, and how many elements differ by how much."""
        return describe_arrays(before, after)


class ScalarSerializer(Serializer[np.generic]):
    """NumPy's scalars, such as `numpy.float64(1)`, as npy files without dimensions, of exactly their type."""

    name = "numpy-scalar"
    # Each by itself: float64 derives from float, str_ from str, and the nearest class that is claimed wins.
    types: tuple[type[Any], ...] = (*sorted(set(np.sctypeDict.values()), key=lambda cls: cls.__name__), np.generic)

    def serialize(self, value: np.generic) -> bytes:
        """Return an npy file without dimensions."""
        if not isinstance(cast("object", value), np.generic):
            raise SerializationError(_refusal(value))
        with serializing(self.name, value):
            return scalar_to_bytes(value)

    def deserialize(self, data: bytes) -> np.generic:
        """Return the scalar of an npy file without dimensions."""
        with deserializing(self.name):
            return scalar_from_bytes(data)

    def equal(self, one: np.generic, other: np.generic) -> bool:
        """Whether two scalars are of one type and equal; NaN equals NaN."""
        return same_scalar(one, other)


def _check_class(value: Array) -> None:
    if type(value) is not np.ndarray:
        raise SerializationError(_refusal(value))


def _refusal(value: object) -> str:
    name = class_name(value)
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
"""Serializes `numpy.generic`: the type of each of NumPy's scalars."""
