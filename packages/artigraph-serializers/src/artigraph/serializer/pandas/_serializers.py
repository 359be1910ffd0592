"""The serializers of pandas frames, series, indexes and scalars."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, cast

import pandas as pd
from artigraph.errors import SerializationError
from artigraph.serializer._support import class_name, deserializing, joined, serializing
from artigraph.serializer.base import Serializer
from artigraph.serializer.pandas import _frames
from artigraph.serializer.pandas._cells import SCALAR_TYPES, cell_from_bytes, cell_to_bytes
from artigraph.serializer.pandas._difference import describe_frames, describe_series
from artigraph.serializer.pandas._equal import same_frame, same_index, same_scalar, same_series
from artigraph.serializer.pandas._size import size_of

__all__ = [
    "DataFrameSerializer",
    "IndexSerializer",
    "ScalarSerializer",
    "SeriesSerializer",
    "dataframe_serializer",
    "index_serializer",
    "pandas_serializer",
    "scalar_serializer",
    "series_serializer",
]


class DataFrameSerializer(Serializer[pd.DataFrame]):
    """Frames as parquet files with page checksums, exactly.

    Index and column labels of every kind with their names, dtypes, categories, frequencies and time zones, duplicate
    labels, attrs and flags come back. Objects in object columns are those that models take as plain values, NumPy
    arrays and scalars, and pandas's own scalars. Refused, by name: subclasses of DataFrame, extension types of other
    libraries, Arrow types that parquet changes, zones and frequencies that cannot be made again from their names.
    """

    name = "pandas-dataframe"
    types: tuple[type[Any], ...] = (pd.DataFrame,)

    def serialize(self, value: pd.DataFrame) -> bytes:
        """Return a parquet file."""
        return joined(self.serialize_parts(value))

    def serialize_parts(self, value: pd.DataFrame) -> Iterator[bytes]:
        """Yield a parquet file in parts of at most 8 MiB."""
        _check_class(value, pd.DataFrame, "convert it: pandas.DataFrame(value)")
        with serializing(self.name, value):
            yield from _frames.frame_to_parts(value)

    def deserialize(self, data: bytes) -> pd.DataFrame:
        """Return the frame of a parquet file."""
        with deserializing(self.name):
            frame: pd.DataFrame = _frames.frame_from_bytes(data)
            return frame

    def deserialize_columns(self, file: BinaryIO, columns: Sequence[Any]) -> pd.DataFrame:
        """Return the frame with the columns of these labels alone, without reading the others."""
        with deserializing(self.name):
            frame: pd.DataFrame = _frames.frame_from_columns(file, list(columns))
            return frame

    def size_hint(self, value: pd.DataFrame) -> int | None:
        """Return about how many bytes the frame takes."""
        return size_of(value)

    def equal(self, one: pd.DataFrame, other: pd.DataFrame) -> bool:
        """Whether two frames are equal in labels, dtypes and values; NaN equals NaN."""
        return same_frame(one, other)

    def describe_change(self, before: pd.DataFrame, after: pd.DataFrame) -> str:
        """Return one line on shapes, columns, dtypes, and how many cells differ by how much."""
        return describe_frames(before, after)


class SeriesSerializer(Serializer["pd.Series[Any]"]):
    """Series as parquet files with page checksums; what is said of frames holds for them."""

    name = "pandas-series"
    types: tuple[type[Any], ...] = (pd.Series,)

    def serialize(self, value: pd.Series[Any]) -> bytes:
        """Return a parquet file."""
        return joined(self.serialize_parts(value))

    def serialize_parts(self, value: pd.Series[Any]) -> Iterator[bytes]:
        """Yield a parquet file in parts of at most 8 MiB."""
        _check_class(value, pd.Series, "convert it: pandas.Series(value)")
        with serializing(self.name, value):
            yield from _frames.series_to_parts(value)

    def deserialize(self, data: bytes) -> pd.Series[Any]:
        """Return the series of a parquet file."""
        with deserializing(self.name):
            series: pd.Series[Any] = _frames.series_from_bytes(data)
            return series

    def size_hint(self, value: pd.Series[Any]) -> int | None:
        """Return about how many bytes the series takes."""
        return size_of(value)

    def equal(self, one: pd.Series[Any], other: pd.Series[Any]) -> bool:
        """Whether two series are equal in name, labels, dtype and values; NaN equals NaN."""
        return same_series(one, other)

    def describe_change(self, before: pd.Series[Any], after: pd.Series[Any]) -> str:
        """Return one line on name, length, dtype, and how many cells differ by how much."""
        return describe_series(before, after)


class IndexSerializer(Serializer["pd.Index[Any]"]):
    """Indexes of every kind as parquet files with page checksums."""

    name = "pandas-index"
    types: tuple[type[Any], ...] = (pd.Index,)

    def serialize(self, value: pd.Index[Any]) -> bytes:
        """Return a parquet file."""
        return joined(self.serialize_parts(value))

    def serialize_parts(self, value: pd.Index[Any]) -> Iterator[bytes]:
        """Yield a parquet file in parts of at most 8 MiB."""
        if not isinstance(cast("object", value), pd.Index):
            raise SerializationError(_refusal(value, "name another serializer"))
        with serializing(self.name, value):
            yield from _frames.index_to_parts(value)

    def deserialize(self, data: bytes) -> pd.Index[Any]:
        """Return the index of a parquet file."""
        with deserializing(self.name):
            index: pd.Index[Any] = _frames.index_from_bytes(data)
            return index

    def size_hint(self, value: pd.Index[Any]) -> int | None:
        """Return about how many bytes the index takes."""
        return size_of(value)

    def equal(self, one: pd.Index[Any], other: pd.Index[Any]) -> bool:
        """Whether two indexes are of one kind, with equal names and labels."""
        return same_index(one, other)


class ScalarSerializer(Serializer[Any]):
    """Timestamps, timedeltas, periods, intervals, NaT and NA, with their units and zones."""

    name = "pandas-scalar"
    types: tuple[type[Any], ...] = SCALAR_TYPES

    def serialize(self, value: Any) -> bytes:
        """Return text: what makes the scalar again, as JSON."""
        if type(value) not in self.types:
            raise SerializationError(_refusal(value, "name another serializer"))
        with serializing(self.name, value):
            return cell_to_bytes(value)

    def size_hint(self, value: Any) -> int | None:
        """Return that it is next to nothing."""
        del value
        return 0

    def deserialize(self, data: bytes) -> Any:
        """Return the scalar of such text."""
        with deserializing(self.name):
            value = cell_from_bytes(data)
            if type(value) not in self.types:
                msg = f"a {type(value).__name__} is not a scalar of pandas"
                raise ValueError(msg)
            return value

    def equal(self, one: Any, other: Any) -> bool:
        """Whether two scalars are of one type, unit and zone, and equal; NA equals NA."""
        return same_scalar(one, other)


def _check_class(value: object, cls: type[Any], remedy: str) -> None:
    if type(value) is not cls:
        raise SerializationError(_refusal(value, remedy if isinstance(value, cls) else "name another serializer"))


def _refusal(value: object, remedy: str) -> str:
    return f"A {class_name(value)} would not come back as one; {remedy}."


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
