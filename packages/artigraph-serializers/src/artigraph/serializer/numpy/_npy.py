"""Arrays as npy files, with a trailer for what npy cannot express.

    npy header      as numpy.save writes it, without pickle
    elements        C or Fortran order
    strings         UTF-8, for StringDType only: the elements are then their lengths in bytes
    trailer         JSON, its length (4 bytes, little-endian) and b"ARTI"; only where the npy header is not enough

`numpy.load` reads every such file (as raw bytes if it lacks the dtype), so other programs can use the data.
"""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from threading import Lock
from typing import Any, NoReturn

import numpy as np
from artigraph.errors import DeserializationError
from artigraph.serializer._support.dtypes import describe, has_longdouble, restore

Buffer = bytes | bytearray | memoryview

PART = 8 * 2**20
"""The most bytes of a part of a file."""

_MAGIC = b"\x93NUMPY"
_UTF8_VERSION = 3
"""The version of npy with a header in UTF-8. Other versions have it in Latin-1."""
_SMALLEST = 12
_TRAILER_MAGIC = b"ARTI"
TRAILER_END = 8
"""The bytes of a trailer's length and magic."""
_TRAILER_VERSION = 1
_LARGEST_HEADER = 2**18
"""In bytes. Python's parser takes 500 times the memory of a literal's text, and a second for each 100,000 bytes."""
_LARGEST_DESCR = _LARGEST_HEADER - 2**12
"""The most characters of a dtype in a header. A longer one, with some ten thousand fields, is in the trailer only."""
_parsing = Lock()
"""Python 3.11 counts the parsing depth of all threads together, so parsing fails if another thread parses meanwhile."""
_LONGDOUBLE = int(np.finfo(np.longdouble).nmant)
"""The bits of the mantissa. Platforms store different formats under the one name `<f16`."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of an npy file."""

    dtype: np.dtype[Any]
    """The dtype of the array. If the elements are strings, the dtype of their lengths."""
    shape: tuple[int, ...]
    fortran: bool
    """Whether the elements are in Fortran order."""
    elements: memoryview
    strings: memoryview
    """All strings in UTF-8, one after the other."""
    trailer: dict[str, Any]


def join(
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    elements: Iterable[bytes | memoryview],
    *,
    fortran: bool = False,
    strings: bytes = b"",
    trailer: dict[str, Any] | None = None,
) -> Iterator[bytes | memoryview]:
    """Yield the npy file of these parts, in pieces of at most `PART` bytes. Pieces of the elements are views.

    Raises:
        SerializationError: the dtype cannot be described.
    """
    description = describe(dtype)
    descr, exact = _npy_descr(dtype, description)
    extra = dict(trailer or {})
    if not exact:
        extra["dtype"] = description
    if has_longdouble(dtype):
        extra["longdouble"] = _LONGDOUBLE
    yield _header(descr, shape, fortran)
    for each in elements:
        yield from _cut(each)
    yield from _cut(strings)
    if extra:
        text = json.dumps({"artigraph": _TRAILER_VERSION, **extra}).encode()
        yield text + len(text).to_bytes(4, "little") + _TRAILER_MAGIC


def _cut(memory: bytes | memoryview) -> Iterator[memoryview]:
    view = memoryview(memory).toreadonly()
    for start in range(0, len(view), PART):
        yield view[start : start + PART]


def _npy_descr(dtype: np.dtype[Any], description: object) -> tuple[object, bool]:
    """Return the dtype for the npy header, and whether the header describes it completely."""
    if dtype.names is None:
        return dtype.str, description == dtype.str
    raw = f"|V{dtype.itemsize}"
    try:
        descr: Any = np.lib.format.dtype_to_descr(dtype)
        said: np.dtype[Any] = np.lib.format.descr_to_dtype(descr)
    except ValueError:  # fields that overlap or are out of order
        return raw, False
    if len(repr(descr)) > _LARGEST_DESCR:
        return raw, False
    if describe(said) == description:
        return descr, True
    return (descr, False) if said == dtype and said.itemsize == dtype.itemsize else (raw, False)


def _header(descr: object, shape: tuple[int, ...], fortran: bool) -> bytes:  # noqa: FBT001
    text = repr({"descr": descr, "fortran_order": fortran, "shape": tuple(int(size) for size in shape)})
    version, body = (1, text.encode("latin1")) if text.isascii() else (_UTF8_VERSION, text.encode())
    if version == 1 and len(body) + 1 + 64 >= 2**16:
        version = 2
    width = 2 if version == 1 else 4
    start = len(_MAGIC) + 2 + width
    padding = -(start + len(body) + 1) % 64
    body += b" " * padding + b"\n"
    return _MAGIC + bytes((version, 0)) + len(body).to_bytes(width, "little") + body


def split(buffer: Buffer) -> Parts:
    """Split a file into its parts, without copying its elements.

    Raises:
        DeserializationError: it is not such a file. Broken bytes may raise NumPy's errors, too.
    """
    data = memoryview(buffer).cast("B")
    header, start = read_header(data)
    said, shape = said_dtype(header)
    end = start + math.prod(shape) * said.itemsize
    if end > len(data):
        refuse(f"{end - len(data)} bytes of its elements are missing")
    trailer, stop = dict[str, Any](), len(data)
    if end < len(data):
        trailer, stop = read_trailer(data)
    dtype = stored_dtype(said, trailer)
    if stop < end or (stop > end and "string" not in trailer):
        refuse("its trailer does not follow its elements")
    return Parts(dtype, shape, bool(header["fortran_order"]), data[start:end], data[end:stop], trailer)


def said_dtype(header: dict[str, Any]) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Return the dtype and the shape that a header says."""
    dtype: np.dtype[Any] = np.lib.format.descr_to_dtype(header["descr"])
    shape: Any = header["shape"]
    if type(header["shape"]) is not tuple or not all(type(size) is int and size >= 0 for size in shape):
        refuse("its shape is not one")
    return dtype, shape


def stored_dtype(said: np.dtype[Any], trailer: dict[str, Any]) -> np.dtype[Any]:
    """Return the dtype of the stored elements: the header's, or the one that the trailer describes."""
    dtype = restore(trailer["dtype"]) if "dtype" in trailer else said
    if trailer.get("longdouble", _LONGDOUBLE) != _LONGDOUBLE:
        refuse("it was written on a platform whose long double is another type; load it on one like that")
    if dtype.itemsize != said.itemsize or dtype.hasobject or dtype.subdtype is not None:
        refuse(f"{dtype!r} is not a dtype of stored elements")
    return dtype


def header_length(data: memoryview) -> int:
    """Return where a header ends, of which the first bytes are given."""
    if bytes(data[:6]) != _MAGIC or len(data) < _SMALLEST or data[6] not in (1, 2, 3):
        refuse("it does not begin as an npy file does")
    width = 2 if data[6] == 1 else 4
    size = int.from_bytes(data[8 : 8 + width], "little")
    if size > _LARGEST_HEADER:
        refuse("its header is longer than any that is written")
    return 8 + width + size


def read_header(data: memoryview) -> tuple[dict[str, Any], int]:
    """Return the header at the beginning of a file, and where it ends."""
    end = header_length(data)
    if end > len(data):
        refuse("its header is cut off")
    start = 10 if data[6] == 1 else 12
    text = bytes(data[start:end]).decode("utf-8" if data[6] == _UTF8_VERSION else "latin1")
    with _parsing:
        found: object = ast.literal_eval(text)
    header: Any = found
    if not isinstance(found, dict) or set(header) != {"descr", "fortran_order", "shape"}:
        refuse("its header does not say what an npy header says")
    return header, end


def trailer_length(data: memoryview) -> int:
    """Return the length of a trailer, of which at least the last bytes are given."""
    if bytes(data[-4:]) != _TRAILER_MAGIC:
        refuse("something follows its elements")
    return TRAILER_END + int.from_bytes(data[-8:-4], "little")


def read_trailer(data: memoryview) -> tuple[dict[str, Any], int]:
    """Return the trailer at the end of a file, and where it begins."""
    start = len(data) - trailer_length(data)
    found: object = json.loads(bytes(data[max(start, 0) : -TRAILER_END]))
    trailer: Any = found
    if not isinstance(found, dict) or trailer.get("artigraph") != _TRAILER_VERSION:
        refuse("its trailer is of a newer release, or not one")
    return trailer, start


def refuse(what: str) -> NoReturn:
    """Raise the error for bytes that are not a stored array."""
    msg = f"These bytes are not a stored array: {what}."
    raise DeserializationError(msg)
