"""Previews of arrays in C order whose leading elements were read."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy.typing as npt

from artigraph.serializer import preview
from artigraph.serializer._support.elements import element_cell
from artigraph.serializer._support.numbers import histogram_of, is_real, statistics_of, thumbnail_of


def leading_elements(
    flat: npt.NDArray[Any], *, shape: tuple[int, ...], dtype: str, size: int, rows: int
) -> preview.ArrayPreview:
    """Return the preview of an array.

    Args:
        flat: the elements that were read, as NumPy has them.
        shape: the shape of the whole array.
        dtype: the dtype as the array's library shows it.
        size: the stored bytes.
        rows: the most elements to show.
    """
    count, read = math.prod(shape), flat.size
    cells = preview.Cells()
    items = tuple(element_cell(element, cells) for element in cast("Any", flat[: max(rows, 0)]))
    real = is_real(flat.dtype)
    width = math.prod(shape[1:])
    whole = flat[: read // width * width].reshape(-1, width) if len(shape) == 2 and width else None  # noqa: PLR2004
    summary = f"{dtype}, {shape_text(shape)}, {preview.bytes_text(size)}"
    if read < count:
        summary += f", of which {preview.count_text(read, 'element')} {'was' if read == 1 else 'were'} read"
    return preview.ArrayPreview(
        summary=preview.one_line(summary),
        cut=cells.cut or read < count or len(items) < count,
        shape=shape,
        dtype=dtype,
        elements_read=read,
        items=items,
        statistics=statistics_of(flat, complete=read == count) if real else None,
        histogram=histogram_of(flat) if real else None,
        thumbnail=thumbnail_of(whole) if real and whole is not None else None,
    )


def unread_array(size: int, noun: str) -> preview.ArrayPreview:
    """Return the preview of an array of which not even the shape can be read."""
    summary = f"{noun} in {preview.bytes_text(size)}"
    return preview.ArrayPreview(summary, cut=True, shape=None, dtype=None, elements_read=0, items=())


def shape_text(shape: tuple[int, ...]) -> str:
    """Return a shape as a summary shows it."""
    if not shape:
        return "scalar"
    return " x ".join(f"{each:,}" for each in shape) if len(shape) != 1 else preview.count_text(sum(shape), "element")
