"""Previews of npy files: the header, and the leading elements."""

from __future__ import annotations

import codecs
import math
import re
from dataclasses import replace
from typing import Any, BinaryIO, NamedTuple, cast

import numpy as np
import numpy.typing as npt
from artigraph.serializer._support.array_preview import (
    element_cell,
    histogram_of,
    is_real,
    shape_text,
    statistics_of,
    thumbnail_of,
    unread_array,
)
from artigraph.serializer._support.preview import within_limit
from artigraph.serializer.numpy import _npy
from artigraph.serializer.numpy._arrays import check_elements
from artigraph.serializer.preview import ArrayPreview, Cell, Cells, LimitedFile, bytes_text, count_text, one_line

Array = npt.NDArray[Any]

_PARSED = 512
"""How many times the memory of its text parsing a header takes."""
_LEAST_HEADER = 2**10
"""Bytes of a header that is parsed whatever the limit is."""
_TRAILER_EXPANSION = 32
_LONGEST_DTYPE = 200
_LONGEST_STRING = 1024
"""Bytes of a string that are read."""
_TAIL = re.compile(r"'fortran_order': (?:True|False), 'shape': \(((?:\d{1,20}, ?)*(?:\d{1,20})?)\)(?:, )?\}\s*\Z")
"""The end of a header."""


class _Head(NamedTuple):
    """What is stored before and behind the elements."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    fortran: bool
    start: int
    """Where the elements begin."""
    end: int
    """Where the elements end."""
    stop: int
    """Where the strings end, if the elements are their lengths."""
    trailer: dict[str, Any]


def preview_array(file: BinaryIO, *, rows: int, max_bytes: int, is_scalar: bool = False) -> ArrayPreview:
    """Return the preview of an npy file. Broken bytes may raise NumPy's errors, too."""
    limited = LimitedFile(file, max_bytes)

    def unread() -> ArrayPreview:
        return unread_array(limited.size, "scalar" if is_scalar else "array")

    def read() -> ArrayPreview:
        head = _read_head(limited, max_bytes)
        if isinstance(head, ArrayPreview):
            return head
        if is_scalar and head.shape:
            _npy.refuse("it is an array, not a scalar")
        return _preview_of(head, limited, max(rows, 0))

    return within_limit(limited, read, unread)


def _read_head(limited: LimitedFile, max_bytes: int) -> _Head | ArrayPreview:
    """Return the head, or a preview if parsing the head takes too much memory."""
    data = limited.read_at(0, 12)
    length = _npy.header_length(memoryview(data))
    data += limited.read(length - len(data))
    size = limited.size
    if length > max(max_bytes // _PARSED, _LEAST_HEADER):
        found = _TAIL.search(data[-2048:].decode("utf-8", "replace"))
        if found is None:
            _npy.refuse("its header does not say what an npy header says")
        return _shape_alone(tuple(int(each) for each in found[1].split(",") if each.strip()), size)
    header, start = _npy.read_header(memoryview(data))
    said, shape = _npy.said_dtype(header)
    end = start + math.prod(shape) * said.itemsize
    if end > size:
        _npy.refuse(f"{end - size} bytes of its elements are missing")
    trailer: dict[str, Any] = {}
    stop = size
    if end < size:
        length = _npy.trailer_length(memoryview(limited.read_at(max(size - _npy.TRAILER_END, 0), _npy.TRAILER_END)))
        stop = size - length
        if stop < end:
            _npy.refuse("its trailer does not follow its elements")
        if length * _TRAILER_EXPANSION > max_bytes:
            return _shape_alone(shape, size)
        trailer, _ = _npy.read_trailer(memoryview(limited.read_at(stop, length)))
    dtype = _npy.stored_dtype(said, trailer)
    if stop > end and "string" not in trailer:
        _npy.refuse("its trailer does not follow its elements")
    return _Head(dtype, shape, bool(header["fortran_order"]), start, end, stop, trailer)


def _shape_alone(shape: tuple[int, ...], size: int) -> ArrayPreview:
    summary = f"records with very many fields, {shape_text(shape)}, {bytes_text(size)}"
    return ArrayPreview(summary, cut=True, shape=shape, dtype=None, elements_read=0, items=())


def _preview_of(head: _Head, limited: LimitedFile, rows: int) -> ArrayPreview:
    cells = Cells()
    count = math.prod(head.shape)
    if "string" in head.trailer:
        strings = tuple(_strings(head, limited, rows, cells))
        return _array_preview(head, limited.size, len(strings), strings, cells, "StringDType()")
    dtype = head.dtype
    if not dtype.itemsize or not count:
        # NumPy makes elements without a size only as fields of others.
        flat: Array = np.zeros(min(count, rows), np.dtype([("field", dtype)]))["field"]
        return _array_preview(head, limited.size, count, _items(flat, flat.size, cells), cells)
    read = min(count, limited.left // dtype.itemsize)
    data = limited.read_at(head.start, read * dtype.itemsize)
    flat = np.frombuffer(data, np.uint8).view(dtype)
    check_elements(flat)
    part = _leading(flat, head)
    ordered: Array = flat if part is None else part
    known = rows
    if head.fortran and len(head.shape) > 1 and read < count:
        # Of a part, the first elements in C order are the first ones along the last dimension.
        known = min(rows, 1 if part is None else part.shape[-1])
    items = _items(ordered, known, cells)
    if not is_real(dtype):
        return _array_preview(head, limited.size, read, items, cells)
    return replace(
        _array_preview(head, limited.size, read, items, cells),
        statistics=statistics_of(flat, complete=read == count),
        histogram=histogram_of(flat),
        thumbnail=thumbnail_of(part) if part is not None and part.ndim == 2 else None,  # noqa: PLR2004
    )


def _array_preview(
    head: _Head, size: int, read: int, items: tuple[Cell, ...], cells: Cells, dtype: str | None = None
) -> ArrayPreview:
    count = math.prod(head.shape)
    name = one_line(_dtype_text(head.dtype) if dtype is None else dtype, _LONGEST_DTYPE)
    summary = f"{name}, {shape_text(head.shape)}, {bytes_text(size)}"
    if read < count:
        summary += f", of which {count_text(read, 'element')} {'was' if read == 1 else 'were'} read"
    cut = cells.cut or read < count or len(items) < count
    return ArrayPreview(one_line(summary), cut, head.shape, name, read, items)


def _dtype_text(dtype: np.dtype[Any]) -> str:
    """Return a dtype as NumPy shows it."""
    return dtype.name if dtype.names is None and dtype.isnative and dtype.kind not in "USV" else str(dtype)


def _leading(flat: Array, head: _Head) -> Array | None:
    """Return the elements in the array's dimensions, as far as they make up whole rows, or None if they do not.

    In Fortran order, columns take the place of rows.
    """
    if not head.shape:
        return flat.reshape(())
    shape = head.shape[::-1] if head.fortran else head.shape
    width = math.prod(shape[1:])
    many = flat.size // width
    if not many:
        return None
    part = flat[: many * width].reshape(many, *shape[1:])
    return part.T if head.fortran else part


def _items(array: Array, many: int, cells: Cells) -> tuple[Cell, ...]:
    flat: Any = array.flat
    first: Array = flat[: max(many, 0)]
    return tuple(element_cell(element, cells) for element in cast("Any", first))


def _strings(head: _Head, limited: LimitedFile, rows: int, cells: Cells) -> list[Cell]:
    """Return the first strings. Their lengths are the elements, and they follow one another behind these."""
    count = math.prod(head.shape)
    if head.fortran and len(head.shape) > 1 and count * 8 <= limited.left // 2:
        order: Array = np.arange(count).reshape(head.shape[::-1]).T
        places: list[int] = cast("Any", order.flat)[:rows].tolist()
    else:
        places = list(range(min(count, 1 if head.fortran and len(head.shape) > 1 else rows, limited.left // 16)))
    read = max(places, default=-1) + 1
    lengths: Array = np.frombuffer(limited.read_at(head.start, read * 8), "<i8").clip(-1)
    lengths_read: list[int] = lengths.tolist()
    starts = [0]
    for length in lengths_read:
        starts.append(starts[-1] + max(length, 0))
    if starts[-1] > head.stop - head.end or (read == count and starts[-1] != head.stop - head.end):
        _npy.refuse("its strings are not as long as it says")
    missing = head.trailer["string"]["missing"]
    if missing not in ("none", "None", "nan"):
        _npy.refuse("its missing value is unknown")
    found: list[Cell] = []
    for place in places:
        length = lengths_read[place]
        if length < 0:
            found.append(None)
            continue
        wanted = min(length, _LONGEST_STRING)
        if wanted > limited.left:
            break
        data = limited.read_at(head.end + starts[place], wanted)
        text = codecs.getincrementaldecoder("utf-8")().decode(data, final=wanted == length)
        cells.cut = cells.cut or wanted < length
        found.append(cells.text(text))
    return found
