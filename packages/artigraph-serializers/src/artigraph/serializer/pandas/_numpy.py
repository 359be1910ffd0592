"""NumPy arrays of one dimension as Arrow arrays, by their memory, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from artigraph.errors import SerializationError
from artigraph.serializer._support.arrow import pa
from artigraph.serializer._support.dtypes import describe, has_longdouble, restore
from artigraph.serializer.pandas._columns import Sliced

__all__ = ["Array", "describe_array", "one_array", "restore_pieces"]

Array = npt.NDArray[Any]

_NUMBERS = "biufc"
_LONGDOUBLE = int(np.finfo(np.longdouble).nmant)


def describe_array(array: Array) -> tuple[dict[str, Any], Any]:
    """Return what is to be known of an array, and its elements as a column; nothing but nulls is copied.

    Numbers, truth values and times are Arrow's own types; everything else is bytes of a fixed size.
    """
    dtype = array.dtype
    description: dict[str, Any] = {"kind": "numpy", "dtype": describe(dtype)}
    if has_longdouble(dtype):
        description["longdouble"] = _LONGDOUBLE
    if dtype.itemsize == 0:
        msg = f"the dtype {dtype!r} has no size; convert it"
        raise SerializationError(msg)
    if dtype.kind in "biuf" and dtype.isnative and dtype.char not in "gG":
        return description, _arrow_array(array, from_pandas=False)
    if dtype.kind in "Mm" and dtype.isnative:
        unit, count = np.datetime_data(dtype)
        if (count == 1 and unit in ("ms", "us", "ns")) or (dtype.kind == "m" and unit == "s" and count == 1):
            return description, _arrow_array(array, from_pandas=True)
        # Parquet has no seconds: it would multiply them, and the years beyond 292 million would not fit.
        return description, _arrow_array(array.view(np.int64), from_pandas=False)
    return description, Sliced(len(array), lambda part: _arrow_bytes(array[part]))


def _arrow_array(array: Array, *, from_pandas: bool) -> Any:
    if array.flags.c_contiguous:
        return pa.array(array, from_pandas=from_pandas)
    return Sliced(len(array), lambda part: pa.array(array[part], from_pandas=from_pandas))


def _arrow_bytes(array: Array) -> Any:
    memory = pa.py_buffer(np.ascontiguousarray(array).view(np.uint8).data)
    return pa.Array.from_buffers(pa.binary(array.dtype.itemsize), len(array), [None, memory])


def restore_pieces(description: dict[str, Any], chunked: Any) -> tuple[np.dtype[Any], list[Array]]:
    """Return the dtype, and the elements in pieces that may be views of Arrow's memory."""
    dtype = restore(description["dtype"])
    if description.get("longdouble", _LONGDOUBLE) != _LONGDOUBLE:
        msg = "it was written on a platform whose long double is another type"
        raise ValueError(msg)
    return dtype, [_piece(dtype, chunk) for chunk in chunked.chunks]


def _piece(dtype: np.dtype[Any], chunk: Any) -> Array:
    if pa.types.is_fixed_size_binary(chunk.type):
        width: int = chunk.type.byte_width
        if width != dtype.itemsize or chunk.null_count:
            msg = f"{chunk.type} does not hold elements of {dtype}"
            raise ValueError(msg)
        memory = np.frombuffer(chunk.buffers()[1], np.uint8, len(chunk) * width, chunk.offset * width)
        return memory.view(dtype)
    array: Array = chunk.to_numpy(zero_copy_only=False)
    if array.dtype == np.int64 and dtype.kind in "Mm":
        array = array.view(dtype)
    if array.dtype != dtype:
        msg = f"{chunk.type} does not hold elements of {dtype}"
        raise ValueError(msg)
    return array.view(dtype) if array.dtype.char != dtype.char else array


def one_array(dtype: np.dtype[Any], pieces: list[Array]) -> Array:
    """Return the pieces as one array that is writable and owns its memory."""
    array: Array = np.empty(sum(len(piece) for piece in pieces), dtype)
    start = 0
    for piece in pieces:
        array[start : start + len(piece)] = piece
        start += len(piece)
    return array
