"""Build frames from columns, with as few copies and blocks as pandas allows."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

import pandas as pd
from artigraph.serializer.pandas._values import is_pieces, one_array

Array = npt.NDArray[Any]

_pd: Any = pd

_MANY = 100
"""The number of blocks above which pandas warns, at the next column, that a frame is fragmented."""


class Assembly:
    """Takes the columns of a frame in order. It copies NumPy columns at once, so that their memory can be freed."""

    def __init__(self, dtypes: list[Any]) -> None:
        """Prepare for columns of these dtypes. Give None for a column that is an extension array."""
        self._from_blocks = getattr(getattr(pd.api, "internals", None), "create_dataframe_from_blocks", None)
        self._dtypes = dtypes
        self._groups: dict[tuple[str, str], list[int]] = {}
        """The positions of the columns of one dtype, which form one block."""
        for place, dtype in enumerate(dtypes):
            if dtype is not None:
                self._groups.setdefault((dtype.str, dtype.char), []).append(place)
        self._rows_of: dict[int, Array] = {}
        self._blocks: list[tuple[Any, Array]] = []
        self._columns: list[Any] = []
        """The columns one by one, for pandas 2, which cannot make a frame from blocks."""
        self._lengths: set[int] = set()
        self._place = 0

    def add(self, value: Any) -> None:
        """Take the next column: an array, or pieces of NumPy arrays."""
        place, dtype = self._place, self._dtypes[self._place]
        self._place += 1
        length = _length(value)
        self._lengths.add(length)
        if self._from_blocks is None:
            self._columns.append(one_array(*value) if is_pieces(value) else value)
        elif dtype is None:
            self._blocks.append((value, np.array([place], np.intp)))
        else:
            _fill(self._row(place, dtype, length), value)

    def _row(self, place: int, dtype: Any, length: int) -> Array:
        if place not in self._rows_of:
            places = self._groups[dtype.str, dtype.char]
            block: Array = np.empty((len(places), length), dtype)
            self._blocks.append((block, np.array(places, np.intp)))
            self._rows_of.update(zip(places, block, strict=True))
        return self._rows_of.pop(place)

    def frame(self, index: Any, labels: Any) -> Any:
        """Return the frame of the columns that were added."""
        for length in self._lengths:
            if length != len(index):
                msg = f"a column has {length} rows, and the index {len(index)}"
                raise ValueError(msg)
        if self._from_blocks is None:
            return _from_arrays(self._columns, index, labels)
        return self._from_blocks(self._blocks, index=index, columns=labels)


def _length(value: Any) -> int:
    return sum(map(len, value[1])) if is_pieces(value) else len(value)


def _fill(row: Array, value: Any) -> None:
    if len(row) != _length(value):
        msg = f"a column has {_length(value)} rows, and another {len(row)}"
        raise ValueError(msg)
    start = 0
    for piece in value[1] if is_pieces(value) else [value]:
        row[start : start + len(piece)] = piece
        start += len(piece)


def _from_arrays(arrays: list[Any], index: Any, labels: Any) -> Any:
    # Each column becomes a series first: pandas would convert objects in a dict to strings or times.
    columns = {
        place: _pd.Series(array, index=index, dtype=array.dtype, copy=False) for place, array in enumerate(arrays)
    }
    frame = _pd.DataFrame(columns, index=index, copy=False)
    frame.columns = labels
    return frame.copy() if len(arrays) > _MANY else frame
