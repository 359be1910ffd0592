"""Write arrays and scalars as the parts of an npy file, and read them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from artigraph.errors import DeserializationError, SerializationError
from artigraph.serializer._support.dtypes import describe, memory_of
from artigraph.serializer.numpy._npy import PART, Buffer, Parts, join, split

Array = npt.NDArray[Any]

_LARGEST_CODE_POINT = 0x10FFFF


def array_to_parts(array: Array) -> Iterator[bytes | memoryview]:
    """Yield the npy file of an array in parts, some of them views of its memory. Refuses dtypes that npy lacks."""
    fortran = array.flags.f_contiguous and not array.flags.c_contiguous
    ordered = array.T if fortran else array
    if array.dtype.char == "T":
        return _strings_to_parts(ordered, array.shape, fortran=fortran)
    describe(array.dtype)  # refuses dtypes that the code below could not handle
    return join(array.dtype, array.shape, map(_elements, _blocks(ordered)), fortran=fortran)


def array_from_buffer(data: Buffer) -> Array:
    """Return a writable array: a view of the buffer if that is writable, otherwise a copy."""
    parts = split(data)
    if "string" in parts.trailer:
        return _strings_from_parts(parts)
    if not memoryview(data).readonly and parts.elements:
        view = _view_of(parts)
        if view.flags.aligned:
            check_elements(view)
            return view
    return _array_of(parts)


def array_over(buffer: memoryview) -> Array:
    """Return a read-only array over a buffer, which the array keeps alive.

    Raises:
        DeserializationError: the array is of StringDType, whose strings cannot be viewed in place.
    """
    parts = split(buffer.toreadonly())
    if "string" in parts.trailer:
        msg = "An array of StringDType cannot be used in place, as a memory map: load it as it is."
        raise DeserializationError(msg)
    if not parts.elements:
        array = _array_of(parts)
        array.flags.writeable = False
        return array
    array = _view_of(parts)
    check_elements(array)
    return array


def _view_of(parts: Parts) -> Array:
    flat: Array = np.frombuffer(parts.elements, np.uint8).view(parts.dtype)
    return flat.reshape(parts.shape[::-1]).T if parts.fortran else flat.reshape(parts.shape)


def _blocks(array: Array) -> Iterator[Array]:
    """Yield sub-arrays that in sequence make up the array in C order. Few have more than `PART` bytes.

    So an array that is not contiguous is copied in pieces of this size, never in one piece.
    """
    if array.nbytes <= PART or not array.ndim:
        yield array
        return
    rows = PART * len(array) // array.nbytes
    if not rows:
        for index in range(len(array)):
            yield from _blocks(array[index, ...])
        return
    for start in range(0, len(array), rows):
        yield array[start : start + rows]


def _elements(array: Array) -> bytes | memoryview:
    return memory_of(array).data if array.nbytes else b""


def _array_of(parts: Parts) -> Array:
    if parts.dtype.itemsize == 0:
        # NumPy makes such an array only as a field of another one. By itself "S0" becomes "S1".
        return np.zeros(parts.shape, np.dtype([("field", parts.dtype)]), "F" if parts.fortran else "C")["field"]
    array: Array = np.empty(parts.shape, parts.dtype, "F" if parts.fortran else "C")
    if array.dtype.str != parts.dtype.str:  # NumPy makes times without a unit in its own byte order only
        array = array.view(parts.dtype)
    if array.nbytes:
        memory = (array.T if parts.fortran else array).reshape(-1).view(np.uint8)
        memory[:] = np.frombuffer(parts.elements, np.uint8)
    check_elements(array)
    return array


def check_elements(array: Array) -> None:
    """Refuse elements that no value of the dtype has, because NumPy would misbehave on them later."""
    if array.dtype.names is not None:
        for name in array.dtype.names:
            check_elements(array[name])
    elif array.dtype.kind == "b":
        valid = not array.size or bool(array.view(np.uint8).max() <= 1)
        if not valid:
            msg = "These bytes are not a stored array: an element is neither True nor False."
            raise DeserializationError(msg)
    elif array.dtype.kind == "U" and array.nbytes:
        ordered = array.T if array.flags.f_contiguous else np.ascontiguousarray(array)
        points = ordered.reshape(-1).view(np.dtype(np.uint32).newbyteorder(array.dtype.byteorder))
        if int(points.max()) > _LARGEST_CODE_POINT:
            msg = "These bytes are not a stored array: a string has a code point that Unicode does not have."
            raise DeserializationError(msg)


def _strings_to_parts(ordered: Array, shape: tuple[int, ...], *, fortran: bool) -> Iterator[bytes | memoryview]:
    dtype: Any = ordered.dtype
    missing = _missing_name(dtype)
    values: list[object] = ordered.reshape(-1).tolist()
    try:
        texts = [value.encode() if isinstance(value, str) else None for value in values]
    except UnicodeEncodeError as error:
        msg = f"a string has a lone surrogate, which UTF-8 does not have: {error}"
        raise SerializationError(msg) from error
    lengths = np.array([-1 if text is None else len(text) for text in texts], np.dtype("<i8"))
    trailer = {"string": {"missing": missing, "coerce": bool(dtype.coerce)}}
    strings = b"".join(text for text in texts if text is not None)
    return join(lengths.dtype, shape, (_elements(lengths),), fortran=fortran, strings=strings, trailer=trailer)


def _strings_from_parts(parts: Parts) -> Array:
    said = parts.trailer["string"]
    missing = _MISSING[said["missing"]]
    options: dict[str, Any] = {} if said["missing"] == "none" else {"na_object": missing}
    dtype: Any = np.dtypes.StringDType(coerce=bool(said["coerce"]), **options)
    values: list[object] = []
    start = 0
    lengths: list[int] = np.frombuffer(parts.elements, "<i8").tolist()
    for length in lengths:
        if length < 0:
            values.append(missing)
        else:
            values.append(bytes(parts.strings[start : start + length]).decode())
            start += length
    if start != len(parts.strings) or (said["missing"] == "none" and None in values):
        msg = "These bytes are not a stored array: its strings are not as long as it says."
        raise DeserializationError(msg)
    array: Array = np.empty(parts.shape, dtype, "F" if parts.fortran else "C")
    if values:
        (array.T if parts.fortran else array).reshape(-1)[...] = np.array(values, dtype)
    return array


_MISSING: dict[str, object] = {"none": None, "None": None, "nan": np.nan}


def _missing_name(dtype: Any) -> str:
    if not hasattr(dtype, "na_object"):
        return "none"
    missing: object = dtype.na_object
    if missing is None:
        return "None"
    if type(missing) is float and missing != missing:  # NaN
        return "nan"
    msg = f"a StringDType whose missing value is {missing!r} is not stored; use None, nan or none"
    raise SerializationError(msg)


def scalar_to_bytes(value: np.generic) -> bytes:
    """Return the npy file of a scalar: an array without dimensions."""
    if type(value) is np.str_:
        # An array would drop trailing NULs, and make an empty string one character long.
        text = value.encode("utf-32-le", "surrogatepass")
        return b"".join(join(np.dtype(f"<U{len(value)}"), (), (text,)))
    if type(value) is np.bytes_:
        return b"".join(join(np.dtype(f"|S{len(value)}"), (), (bytes(value),)))
    array: Any = np.asarray(value)
    if type(array[()]) is not type(value):
        msg = f"{type(value)!r} is not one of NumPy's own scalar types; convert it to one"
        raise SerializationError(msg)
    return b"".join(join(array.dtype, (), (_elements(array),)))


def scalar_from_bytes(data: bytes) -> np.generic:
    """Return the scalar of an npy file."""
    parts = split(data)
    if parts.shape:
        msg = "These bytes are a stored array, not a scalar."
        raise DeserializationError(msg)
    if parts.dtype.char == "U":
        return np.str_(bytes(parts.elements).decode("utf-32-le", "surrogatepass"))
    if parts.dtype.char == "S":
        return np.bytes_(bytes(parts.elements))
    return cast("np.generic", _array_of(parts)[()])
