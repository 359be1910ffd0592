"""Previews of arrays whose leading elements were read: cells, statistics, histogram and thumbnail."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from artigraph.serializer import preview
from artigraph.serializer.preview import ArrayStatistics, Cell, Cells, Histogram

# Cells ----------------------------------------------------------------------------------------------------------------


def element_cell(element: Any, cells: Cells) -> Cell:
    """Return the cell of an element: a number, a truth value or a text where Python has it exactly, otherwise text."""
    kind = element.dtype.kind
    if kind in "biuSU":
        return cells.of(element.item())
    if kind == "f":
        number = float(element)
        if number == element or number != number:  # not a long double that Python's float rounds
            return number
    return cells.text(_text_of(element))


def _text_of(element: Any) -> str:
    """Return an element as NumPy shows it. NumPy fails for times without a unit, which are shown as numbers."""
    try:
        return str(element)
    except ValueError:
        if isinstance(element, np.ndarray):
            return f"[{', '.join(_text_of(each) for each in cast('Any', element).reshape(-1)[:100])}]"
        if element.dtype.names is not None:
            return f"({', '.join(_text_of(element[name]) for name in element.dtype.names)})"
        return str(int(element.view(np.dtype(np.int64).newbyteorder(element.dtype.byteorder))))


# Statistics and pictures of numbers -----------------------------------------------------------------------------------


Array = npt.NDArray[Any]

_BINS = 20
_SIDE = 32
_SAMPLES = 8
"""How many rows, and columns, make up one of the thumbnail's at most."""
_BLOCK = 2**16
"""Elements that are converted to float64 at once."""
_LARGE = 1e300


def is_real(dtype: np.dtype[Any]) -> bool:
    """Say whether elements of a dtype are real numbers or truth values."""
    return dtype.kind in "biuf"


def statistics_of(flat: Array, *, complete: bool) -> ArrayStatistics | None:
    """Return the statistics of real numbers, given in one dimension. Without numbers, return None."""
    if not flat.size:
        return None
    with np.errstate(all="ignore"):
        nan = int(np.count_nonzero(np.isnan(flat))) if flat.dtype.kind == "f" else 0
        if nan == flat.size:
            return ArrayStatistics(flat.size, complete, nan, None, None, None)
        reduce: Any = (np.fmin.reduce, np.fmax.reduce)
        least, most = (_number(each(flat)) for each in reduce)
        return ArrayStatistics(flat.size, complete, nan, least, most, _mean(flat, flat.size - nan))


def _number(value: Any) -> float:
    """Return an int for an integer or truth value, otherwise a float."""
    return int(value) if value.dtype.kind in "biu" else float(value)


def _mean(flat: Array, count: int) -> float:
    total = sum(float(np.nansum(block)) for block in _blocks(flat))
    if math.isinf(total):  # the numbers are infinite, or their sum is not a float
        return sum(float(np.nansum(block / count)) for block in _blocks(flat))
    return total / count


def _blocks(flat: Array) -> Iterator[npt.NDArray[np.float64]]:
    for start in range(0, flat.size, _BLOCK):
        yield flat[start : start + _BLOCK].astype(np.float64)


def histogram_of(flat: Array) -> Histogram | None:
    """Return the histogram of the finite numbers among real numbers. Without any, return None."""
    with np.errstate(all="ignore"):
        blocks = [(float(finite.min()), float(finite.max())) for finite in map(_finite, _blocks(flat)) if finite.size]
        if not blocks:
            return None
        low, high = min(least for least, _ in blocks), max(most for _, most in blocks)
        bins = _BINS if flat.dtype.kind == "f" else min(_BINS, int(high - low) + 1)
        if low == high:
            bins = 1
        # Scaled down where the distance of two numbers may be no float.
        scale = 4.0 if max(-low, high) > _LARGE else 1.0
        start, span = low / scale, high / scale - low / scale
        counts = np.zeros(bins, np.int64)
        for finite in map(_finite, _blocks(flat)):
            place = np.zeros(finite.size) if bins == 1 else (finite / scale - start) / span * bins
            counts += np.bincount(np.clip(place.astype(np.int64), 0, bins - 1), minlength=bins)
        edges = [low, *(low * (1 - step / bins) + high * (step / bins) for step in range(1, bins)), high]
    return Histogram(tuple(edges), tuple(counts.tolist()))


def _finite(block: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return block[np.isfinite(block)]


def thumbnail_of(array: Array) -> tuple[tuple[float | None, ...], ...] | None:
    """Return an array of real numbers in two dimensions scaled down, or None if it has no elements."""
    if not array.size:
        return None
    rows, columns = (_areas(length) for length in array.shape)
    return tuple(tuple(_mean_of_area(array[np.ix_(down, across)]) for across in columns) for down in rows)


def _areas(length: int) -> list[npt.NDArray[np.intp]]:
    """Return the places that make up each row or column of the thumbnail."""
    side = min(length, _SIDE)
    limits = [length * step // side for step in range(side + 1)]
    found: list[npt.NDArray[np.intp]] = []
    for start, end in pairwise(limits):
        many = min(end - start, _SAMPLES)
        found.append(np.array([start + (end - start) * step // many for step in range(many)], np.intp))
    return found


def _mean_of_area(area: Array) -> float | None:
    with np.errstate(all="ignore"):
        finite = _finite(area.astype(np.float64).reshape(-1))
        return float(np.sum(finite / finite.size)) if finite.size else None


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
