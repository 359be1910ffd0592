"""The serializers of pandas frames, series, indexes and scalars."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, TypeVar

import numpy as np

import pandas as pd
from artigraph.errors import SerializationError
from artigraph.serializer._support.ipc import buffer_size
from artigraph.serializer._support.library import (
    LibrarySerializer,
    PartsSerializer,
    check_class,
    class_of,
    deserializing,
)
from artigraph.serializer.pandas import _equal, _frames
from artigraph.serializer.pandas._columns import SCALAR_TYPES, cell_from_bytes, cell_to_bytes
from artigraph.serializer.pandas._preview import preview_scalar, preview_table
from artigraph.serializer.preview import TablePreview, TextPreview

T = TypeVar("T")

_OBJECT = 64
"""The approximate bytes of an object in a column of objects."""


def size_of(value: object) -> int | None:
    """Return the approximate number of bytes of a frame, a series or an index, or None for any other value."""
    if isinstance(value, pd.DataFrame):
        return _frame_size(value)
    if isinstance(value, pd.Series):
        return _values_size(value) + _values_size(value.index)
    return _values_size(value) if isinstance(value, pd.Index) else None


def _frame_size(frame: Any) -> int:
    rows = len(frame)
    size = _values_size(frame.index)
    for place, dtype in enumerate(frame.dtypes):
        # Taking a column out of a frame would take longer than all the rest.
        plain = isinstance(dtype, np.dtype)
        size += rows * _width(dtype) if plain else _values_size(frame.iloc[:, place])
    return size


def _values_size(value: Any) -> int:
    if isinstance(value, pd.MultiIndex):
        return sum(int(codes.nbytes) for codes in value.codes) + sum(map(_values_size, value.levels))
    if isinstance(value, pd.RangeIndex):
        return 0
    dtype: Any = value.dtype
    if isinstance(dtype, np.dtype):
        return len(value) * _width(dtype)
    if isinstance(dtype, pd.CategoricalDtype):  # whose `nbytes` warns if the categories are times in a zone
        return int(value.array.codes.nbytes) + _values_size(dtype.categories)
    # The size of data in Arrow's memory comes from Arrow, because `nbytes` of some of these arrays crashes the process.
    return buffer_size(value.array.__arrow_array__()) if isinstance(dtype, pd.ArrowDtype) else int(value.nbytes)


def _width(dtype: Any) -> int:
    return int(dtype.itemsize) + (_OBJECT if dtype.hasobject else 0)


class _TableSerializer(PartsSerializer[T, TablePreview]):
    """A serializer of frames, series or indexes, all of which are stored as tables."""

    def size_hint(self, value: T) -> int | None:
        """Return the approximate number of bytes of the labels and the values."""
        return size_of(value)


class DataFrameSerializer(_TableSerializer[pd.DataFrame]):
    """Stores frames as parquet files with page checksums, exactly.

    It keeps the labels of index and columns, of every kind, with their names and duplicates. It keeps dtypes,
    categories, frequencies, time zones, attrs and flags. Object columns may hold the values that models take as plain
    values, NumPy arrays and scalars, and pandas's own scalars.

    Refused, with the name of the column:

    - subclasses of DataFrame
    - extension types of other libraries
    - Arrow types that parquet changes
    - zones and frequencies that cannot be made again from their names
    """

    name = "pandas-dataframe"
    types: tuple[type[Any], ...] = (pd.DataFrame,)

    def _to_parts(self, value: pd.DataFrame) -> Iterator[bytes]:
        """Yield a parquet file in parts of at most 8 MiB."""
        check_class(value, pd.DataFrame, "pandas")
        yield from _frames.frame_to_parts(value)

    def _from_bytes(self, data: bytes) -> pd.DataFrame:
        """Return the frame of a parquet file."""
        frame: pd.DataFrame = _frames.frame_from_bytes(data)
        return frame

    def deserialize_columns(self, file: BinaryIO, columns: Sequence[Any]) -> pd.DataFrame:
        """Return the frame with only the columns that have these labels. Reads no other columns."""
        with deserializing(self.name):
            frame: pd.DataFrame = _frames.frame_from_columns(file, list(columns))
            return frame

    def _preview(self, file: BinaryIO, rows: int, columns: int, max_bytes: int) -> TablePreview:
        """Return index and columns with the first rows. Reads the footer and the first pages of each column."""
        return preview_table(file, "frame", rows=rows, columns=columns, max_bytes=max_bytes)

    def equal(self, one: pd.DataFrame, other: pd.DataFrame) -> bool:
        """Say whether two frames have equal labels, dtypes and values. NaN equals NaN."""
        return _equal.same_frame(one, other)

    def describe_change(self, before: pd.DataFrame, after: pd.DataFrame) -> str:
        """Return one line on shapes, columns, dtypes, and how many cells differ by how much."""
        return _equal.describe_frames(before, after)


class SeriesSerializer(_TableSerializer["pd.Series[Any]"]):
    """Stores series as parquet files with page checksums. It keeps and refuses what `DataFrameSerializer` does."""

    name = "pandas-series"
    types: tuple[type[Any], ...] = (pd.Series,)

    def _to_parts(self, value: pd.Series[Any]) -> Iterator[bytes]:
        """Yield a parquet file in parts of at most 8 MiB."""
        check_class(value, pd.Series, "pandas")
        yield from _frames.series_to_parts(value)

    def _from_bytes(self, data: bytes) -> pd.Series[Any]:
        """Return the series of a parquet file."""
        series: pd.Series[Any] = _frames.series_from_bytes(data)
        return series

    def _preview(self, file: BinaryIO, rows: int, columns: int, max_bytes: int) -> TablePreview:
        """Return the index and the first values, as a table."""
        return preview_table(file, "series", rows=rows, columns=columns, max_bytes=max_bytes)

    def equal(self, one: pd.Series[Any], other: pd.Series[Any]) -> bool:
        """Say whether two series have equal name, labels, dtype and values. NaN equals NaN."""
        return _equal.same_series(one, other)

    def describe_change(self, before: pd.Series[Any], after: pd.Series[Any]) -> str:
        """Return one line on name, length, dtype, and how many cells differ by how much."""
        return _equal.describe_series(before, after)


class IndexSerializer(_TableSerializer["pd.Index[Any]"]):
    """Stores indexes of every kind as parquet files with page checksums."""

    name = "pandas-index"
    types: tuple[type[Any], ...] = (pd.Index,)

    def _to_parts(self, value: pd.Index[Any]) -> Iterator[bytes]:
        """Yield a parquet file in parts of at most 8 MiB."""
        if not isinstance(value, pd.Index):
            raise SerializationError(_refusal(value))
        yield from _frames.index_to_parts(value)

    def _from_bytes(self, data: bytes) -> pd.Index[Any]:
        """Return the index of a parquet file."""
        index: pd.Index[Any] = _frames.index_from_bytes(data)
        return index

    def _preview(self, file: BinaryIO, rows: int, columns: int, max_bytes: int) -> TablePreview:
        """Return the first labels, as a table with a column for each level."""
        return preview_table(file, "index", rows=rows, columns=columns, max_bytes=max_bytes)

    def equal(self, one: pd.Index[Any], other: pd.Index[Any]) -> bool:
        """Say whether two indexes have one kind, and equal names and labels."""
        return _equal.same_index(one, other)


class ScalarSerializer(LibrarySerializer[Any, TextPreview]):
    """Stores timestamps, timedeltas, periods, intervals, NaT and NA, with their units and zones."""

    name = "pandas-scalar"
    types: tuple[type[Any], ...] = SCALAR_TYPES

    def _to_bytes(self, value: Any) -> bytes:
        """Return JSON text from which `deserialize` makes the scalar."""
        if type(value) not in self.types:
            raise SerializationError(_refusal(value))
        return cell_to_bytes(value)

    def _preview(self, file: BinaryIO, rows: int, columns: int, max_bytes: int) -> TextPreview:
        """Return the scalar as text."""
        return preview_scalar(file, max_bytes, self.deserialize)

    def size_hint(self, value: Any) -> int | None:
        """Return 0, because a scalar takes almost no bytes."""
        del value
        return 0

    def _from_bytes(self, data: bytes) -> Any:
        """Return the scalar of JSON text that `serialize` returned."""
        value = cell_from_bytes(data)
        if type(value) not in self.types:
            msg = f"a {type(value).__name__} is not a scalar of pandas"
            raise ValueError(msg)
        return value

    def equal(self, one: Any, other: Any) -> bool:
        """Say whether two scalars have one type, unit and zone, and are equal. NA equals NA."""
        return _equal.same_scalar(one, other)


def _refusal(value: object) -> str:
    return f"A {class_of(value)} would not come back as one; name another serializer."


dataframe_serializer: DataFrameSerializer = DataFrameSerializer().register()
"""Serializes `pandas.DataFrame`."""

pandas_serializer: DataFrameSerializer = dataframe_serializer
"""The same object as `dataframe_serializer`."""

series_serializer: SeriesSerializer = SeriesSerializer().register()
"""Serializes `pandas.Series`."""

index_serializer: IndexSerializer = IndexSerializer().register()
"""Serializes `pandas.Index` and its kinds."""

scalar_serializer: ScalarSerializer = ScalarSerializer().register()
"""Serializes pandas's own scalars."""
