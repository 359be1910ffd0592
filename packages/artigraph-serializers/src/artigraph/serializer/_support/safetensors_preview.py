"""Previews of safetensors files: the header, and the leading elements of a single tensor."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, BinaryIO

from artigraph.serializer import preview
from artigraph.serializer._support import safetensors as st
from artigraph.serializer._support.array_preview import leading_elements, shape_text, unread_array
from artigraph.serializer._support.preview import table_preview, unread_table, within_limit

_PARSED = 12
"""How many times the memory of its text a parsed header takes."""
_LEAST_HEADER = 2**10
"""Bytes of a header that is parsed whatever the limit is."""

DtypeText = Callable[[st.Entry, dict[str, Any]], str]
"""Returns the dtype of a tensor as its library shows it, from its entry and the note of the file."""


def preview_tensor(
    file: BinaryIO,
    *,
    rows: int,
    max_bytes: int,
    noun: str,
    dtype_of: DtypeText,
    elements_of: Callable[[memoryview, st.Entry, dict[str, Any]], Any],
) -> preview.ArrayPreview:
    """Return the preview of a file with one tensor.

    Args:
        file: the file.
        rows: the most elements to show.
        max_bytes: the most bytes to read.
        noun: what the value is.
        dtype_of: returns the dtype as text.
        elements_of: makes a flat array of NumPy of some leading elements, which the entry describes.
    """
    limited = preview.LimitedFile(file, max_bytes)

    def read() -> preview.ArrayPreview:
        head = _read_head(limited, max_bytes)
        (entry,) = head.entries.values()
        width = st.SIZES[entry.dtype]
        count = min(math.prod(entry.shape), limited.left // width)
        memory = memoryview(limited.read_at(entry.start, count * width))
        leading = st.Entry(entry.name, entry.dtype, (count,), entry.start, entry.start + count * width)
        flat = elements_of(memory, leading, head.note)
        dtype = dtype_of(entry, head.note)
        return leading_elements(flat, shape=entry.shape, dtype=dtype, size=limited.size, rows=rows)

    return within_limit(limited, read, lambda: unread_array(limited.size, noun))


def preview_tensors(
    file: BinaryIO, *, rows: int, columns: int, max_bytes: int, noun: str, dtype_of: DtypeText
) -> preview.TablePreview:
    """Return a table of the tensors in a file."""
    limited = preview.LimitedFile(file, max_bytes)

    def read() -> preview.TablePreview:
        head = _read_head(limited, max_bytes)
        order = head.note.get("order", list(head.entries))
        shown = [head.entries[name] for name in order[: max(rows, 0)]]
        cells = preview.Cells()
        every: list[tuple[str, str, list[preview.Cell]]] = [
            (noun, "str", [cells.of(each.name) for each in shown]),
            ("dtype", "str", [cells.of(dtype_of(each, head.note)) for each in shown]),
            ("shape", "str", [cells.of(shape_text(each.shape)) for each in shown]),
            ("bytes", "int", [each.stop - each.start for each in shown]),
        ]
        described = [(preview.TableColumn(name, dtype), found) for name, dtype, found in every[: max(columns, 0)]]
        return table_preview(
            described,
            cells,
            rows=rows,
            size=limited.size,
            total_rows=len(head.entries),
            total_columns=len(every),
            noun=f"{noun}s",
        )

    return within_limit(limited, read, lambda: unread_table(limited.size, f"{noun}s"))


def _read_head(limited: preview.LimitedFile, max_bytes: int) -> st.Head:
    """Return the head, or fail as a read beyond the limit does if parsing it takes too much memory."""
    length = st.header_length(limited.read_at(0, st.LENGTH), limited.size)
    if length > max(max_bytes // _PARSED, _LEAST_HEADER):
        limited.exceeded = True
        msg = f"a header of {length} bytes is too much for a preview"
        raise OSError(msg)
    return st.parse_header(limited.read_at(st.LENGTH, length), limited.size)
