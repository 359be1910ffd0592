"""Previews of stored values as text: a table, or lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from artigraph.cli._output import Column, Output
from artigraph.printable import printable
from artigraph.serializer.preview import ArrayPreview, BytesPreview, ImagePreview, Preview, TablePreview, TextPreview

_DIGITS = 16 * 3
"""The hexadecimal digits and spaces of a line."""


def print_preview(output: Output, document: dict[str, Any], preview: Preview, ref: str) -> None:
    """Print the preview of a value, or its document. Beside the preview, it says what the value is, and what is cut."""
    output.note(printable(preview.summary))
    if isinstance(preview, TablePreview):
        names = _names(preview)
        rows = [dict(zip(names, row, strict=True)) for row in preview.rows]
        output.table(document, rows, [Column(name) for name in names], "No rows.")
    else:
        output.text(document, _lines(preview))
    if preview.cut:
        output.remark(f"This is a part of the value. `artigraph get {ref} -o FILE` writes all of its bytes")


def _names(preview: TablePreview) -> list[str]:
    """Return the names of the columns. Equal ones get a number, because the cells of a row go by name."""
    found: dict[str, None] = {}
    for column in preview.columns:
        name, number = printable(column.name), 1
        while name in found:
            number += 1
            name = f"{printable(column.name)} ({number})"
        found[name] = None
    return list(found)


def _lines(preview: Preview) -> Iterator[str]:
    match preview:
        case TextPreview():
            yield from map(printable, preview.text.split("\n"))
        case BytesPreview():
            yield from (preview.hex[start : start + _DIGITS].rstrip() for start in range(0, len(preview.hex), _DIGITS))
        case ArrayPreview():
            yield from _of_array(preview)
        case ImagePreview():
            yield f"{preview.format}, {preview.width} x {preview.height} pixels"
        case _:
            yield printable(preview.summary)


def _of_array(preview: ArrayPreview) -> Iterator[str]:
    yield printable(f"shape: {'unknown' if preview.shape is None else preview.shape}")
    yield printable(f"dtype: {preview.dtype or 'unknown'}")
    found = preview.statistics
    if found is not None:
        names = ("minimum", "maximum", "mean", "nan")
        yield from (f"{name}: {getattr(found, name)}" for name in names)
    if preview.items:
        yield printable(f"first elements: {', '.join(map(str, preview.items))}")
