"""Frames from columns, with as few copies and blocks as pandas allows."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import numpy.typing as npt

import pandas as pd
from artigraph.serializer.pandas._numpy import one_array

__all__ = ["assemble"]

Array = npt.NDArray[Any]
Pieces = tuple[np.dtype[Any], list[Array]]

_pd: Any = pd

_MANY = 100
"""Above so many blocks pandas warns, at the next column, that a frame is fragmented."""


def assemble(values: list[Any], index: Any, labels: Any) -> Any:
    """Return the frame of these columns: arrays, or pieces of NumPy arrays, which are copied once, here."""
    from_blocks = getattr(getattr(pd.api, "internals", None), "create_dataframe_from_blocks", None)
    if from_blocks is None:  # pandas 2
        return _from_series(values, index, labels)
    return from_blocks(_blocks(values, len(index)), index=index, columns=labels)


def _blocks(values: list[Any], rows: int) -> list[tuple[Any, Array]]:
    """Return the columns as blocks: those of one NumPy dtype together, each other one by itself."""
    blocks: list[tuple[Any, Array]] = []
    groups: dict[tuple[str, str], list[int]] = {}
    for place, value in enumerate(values):
        if isinstance(value, tuple):
            dtype = cast("Pieces", value)[0]
            groups.setdefault((dtype.str, dtype.char), []).append(place)
        elif isinstance(value, np.ndarray):
            groups.setdefault(("object", ""), []).append(place)
        else:
            _check_rows(len(value), rows)
            blocks.append((value, np.array([place], np.intp)))
    for places in groups.values():
        dtype = _dtype_of(values[places[0]])
        block: Array = np.empty((len(places), rows), dtype)
        for row, place in zip(block, places, strict=True):
            _fill(row, values[place], rows)
            values[place] = None  # so that its memory can go
        blocks.append((block, np.array(places, np.intp)))
    return blocks


def _dtype_of(value: Any) -> np.dtype[Any]:
    return cast("Pieces", value)[0] if isinstance(value, tuple) else np.dtype(object)


def _fill(row: Array, value: Any, rows: int) -> None:
    pieces: list[Array] = cast("Pieces", value)[1] if isinstance(value, tuple) else [value]
    _check_rows(sum(map(len, pieces)), rows)
    start = 0
    for piece in pieces:
        row[start : start + len(piece)] = piece
        start += len(piece)


def _check_rows(found: int, rows: int) -> None:
    if found != rows:
        msg = f"a column has {found} rows, and the index {rows}"
        raise ValueError(msg)


def _from_series(values: list[Any], index: Any, labels: Any) -> Any:
    columns: dict[int, Any] = {}
    for place, value in enumerate(values):
        array = one_array(*cast("Pieces", value)) if isinstance(value, tuple) else value
        _check_rows(len(array), len(index))
        # A series by itself: of objects in a dict pandas would make texts or times.
        columns[place] = _pd.Series(array, index=index, dtype=array.dtype, copy=False)
    frame = _pd.DataFrame(columns, index=index, copy=False)
    frame.columns = labels
    return frame.copy() if len(values) > _MANY else frame
