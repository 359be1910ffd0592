"""The serializers of Polars frames and series."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, cast

import polars as pl
from artigraph.errors import SerializationError
from artigraph.serializer._support import PartsSerializer, class_of, deserializing, serializing
from artigraph.serializer._support.arrow import pa
from artigraph.serializer._support.arrow_compare import differing_arrow
from artigraph.serializer._support.difference import Column, Differing, Table, describe_tables
from artigraph.serializer.polars._frames import frame_from_bytes, frame_from_columns, frame_to_parts
from artigraph.serializer.polars._preview import preview_frame
from artigraph.serializer.preview import TablePreview


class DataFrameSerializer(PartsSerializer[pl.DataFrame]):
    """Stores frames as Arrow IPC files, compressed by LZ4, with every dtype except Object.

    Refused, with the column's name: dtypes that hold Python objects or that do not survive Arrow, such as 128-bit
    integers within lists. A LazyFrame is refused, too: it is a query, and `collect()` returns its value. What Polars
    remembers about a column (that it is sorted, how it is chunked) is not part of its value.
    """

    name = "polars-dataframe"
    types: tuple[type[Any], ...] = (pl.DataFrame,)

    def serialize_parts(self, value: pl.DataFrame) -> Iterator[bytes]:
        """Yield an Arrow IPC file in parts of at most 8 MiB."""
        if type(value) is not pl.DataFrame:
            raise SerializationError(_refusal(value, pl.DataFrame))
        with serializing(self.name, value):
            yield from frame_to_parts(value, "frame")

    def deserialize(self, data: bytes) -> pl.DataFrame:
        """Return the frame of an Arrow IPC file."""
        with deserializing(self.name):
            return frame_from_bytes(data, "frame")

    def deserialize_columns(self, file: BinaryIO, columns: Sequence[Any]) -> pl.DataFrame:
        """Return the frame with only the columns that have these names. Reads no other columns."""
        with deserializing(self.name):
            return frame_from_columns(file, columns)

    def preview(
        self, file: BinaryIO, /, *, rows: int = 50, columns: int = 50, max_bytes: int = 8 * 2**20
    ) -> TablePreview:
        """Return columns, dtypes and the first rows. Reads columns of the first batch, if they fit."""
        with deserializing(self.name):
            return preview_frame(file, "frame", rows=rows, columns=columns, max_bytes=max_bytes)

    def size_hint(self, value: pl.DataFrame) -> int | None:
        """Return the approximate number of bytes of the frame."""
        return int(value.estimated_size()) if type(value) is pl.DataFrame else None

    def equal(self, one: pl.DataFrame, other: pl.DataFrame) -> bool:
        """Say whether two frames have equal schema and values. NaN equals NaN and null equals null."""
        return type(one) is type(other) and one.schema == other.schema and one.equals(other, null_equal=True)

    def describe_change(self, before: pl.DataFrame, after: pl.DataFrame) -> str:
        """Return one line on shapes, columns, dtypes, and how many cells differ by how much."""
        return _describe(before, after)


class SeriesSerializer(PartsSerializer[pl.Series]):
    """Stores series as Arrow IPC files of one column. It keeps and refuses what `DataFrameSerializer` does."""

    name = "polars-series"
    types: tuple[type[Any], ...] = (pl.Series,)

    def serialize_parts(self, value: pl.Series) -> Iterator[bytes]:
        """Yield an Arrow IPC file in parts of at most 8 MiB."""
        if type(value) is not pl.Series:
            raise SerializationError(_refusal(value, pl.Series))
        with serializing(self.name, value):
            yield from frame_to_parts(value.to_frame(), "series")

    def deserialize(self, data: bytes) -> pl.Series:
        """Return the series of an Arrow IPC file."""
        with deserializing(self.name):
            return frame_from_bytes(data, "series").to_series()

    def preview(
        self, file: BinaryIO, /, *, rows: int = 50, columns: int = 50, max_bytes: int = 8 * 2**20
    ) -> TablePreview:
        """Return dtype and the first values, as a table of one column."""
        with deserializing(self.name):
            return preview_frame(file, "series", rows=rows, columns=columns, max_bytes=max_bytes)

    def size_hint(self, value: pl.Series) -> int | None:
        """Return the approximate number of bytes of the series."""
        return int(value.estimated_size()) if type(value) is pl.Series else None

    def equal(self, one: pl.Series, other: pl.Series) -> bool:
        """Say whether two series have equal name, dtype and values. NaN equals NaN and null equals null."""
        same = type(one) is type(other) and one.dtype == other.dtype
        return same and one.equals(other, check_dtypes=True, check_names=True, null_equal=True)

    def describe_change(self, before: pl.Series, after: pl.Series) -> str:
        """Return one line on name, length, dtype, and how many values differ by how much."""
        return _describe(before.to_frame(), after.to_frame())


def _describe(before: pl.DataFrame, after: pl.DataFrame) -> str:
    """Return one line on how two frames differ: shapes, columns, dtypes, and how many cells of which columns."""
    return describe_tables(_table(before), _table(after), _differing)


def _table(frame: pl.DataFrame) -> Table:
    return Table(frame.height, [Column(series.name, series.dtype, series) for series in frame.get_columns()])


def _differing(one: Column, other: Column, rows: int) -> Differing:
    columns = [pa.chunked_array([cast("Any", each.values).head(rows).to_arrow()]) for each in (one, other)]
    return differing_arrow(*columns)


def _refusal(value: object, cls: type[Any]) -> str:
    if isinstance(value, pl.LazyFrame):
        return "A polars.LazyFrame is a query, not a value; store what it gives: frame.collect()."
    remedy = f"convert it: polars.{cls.__name__}(value)" if isinstance(value, cls) else "name another serializer"
    return f"A {class_of(value)} would not come back as one; {remedy}."


dataframe_serializer: DataFrameSerializer = DataFrameSerializer().register()
"""Serializes `polars.DataFrame`."""

polars_serializer: DataFrameSerializer = dataframe_serializer
"""The same object as `dataframe_serializer`."""

series_serializer: SeriesSerializer = SeriesSerializer().register()
"""Serializes `polars.Series`."""
