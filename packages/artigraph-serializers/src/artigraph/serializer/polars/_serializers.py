"""The serializers of Polars frames and series, with their previews."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, BinaryIO, cast

import polars as pl
from artigraph.errors import SerializationError
from artigraph.serializer._support.arrow import pa
from artigraph.serializer._support.arrow_cells import arrow_cells, column_of
from artigraph.serializer._support.arrow_compare import differing_arrow
from artigraph.serializer._support.difference import Column, Differing, Table, describe_tables
from artigraph.serializer._support.ipc import note_of
from artigraph.serializer._support.ipc_preview import TableHead, read_ipc_head
from artigraph.serializer._support.library import PartsSerializer, check_class, deserializing
from artigraph.serializer._support.preview import table_preview, unread_table, within_limit
from artigraph.serializer.polars._frames import (
    check_kind,
    dtypes_of,
    frame_from_bytes,
    frame_from_columns,
    frame_to_parts,
)
from artigraph.serializer.preview import Cells, LimitedFile, TablePreview


class DataFrameSerializer(PartsSerializer[pl.DataFrame, TablePreview]):
    """Stores frames as Arrow IPC files, compressed by LZ4, with every dtype except Object.

    Refused, with the column's name: dtypes that hold Python objects or that do not survive Arrow, such as 128-bit
    integers within lists. A LazyFrame is refused, too: it is a query, and `collect()` returns its value. What Polars
    remembers about a column (that it is sorted, how it is chunked) is not part of its value.
    """

    name = "polars-dataframe"
    types: tuple[type[Any], ...] = (pl.DataFrame,)

    def _to_parts(self, value: pl.DataFrame) -> Iterator[bytes]:
        """Yield an Arrow IPC file in parts of at most 8 MiB."""
        _check_class(value, pl.DataFrame)
        yield from frame_to_parts(value, "frame")

    def _from_bytes(self, data: bytes) -> pl.DataFrame:
        """Return the frame of an Arrow IPC file."""
        return frame_from_bytes(data, "frame")

    def deserialize_columns(self, file: BinaryIO, columns: Sequence[Any]) -> pl.DataFrame:
        """Return the frame with only the columns that have these names. Reads no other columns."""
        with deserializing(self.name):
            return frame_from_columns(file, columns)

    def _preview(self, file: BinaryIO, rows: int, columns: int, max_bytes: int) -> TablePreview:
        """Return columns, dtypes and the first rows. Reads columns of the first batch, if they fit."""
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


class SeriesSerializer(PartsSerializer[pl.Series, TablePreview]):
    """Stores series as Arrow IPC files of one column. It keeps and refuses what `DataFrameSerializer` does."""

    name = "polars-series"
    types: tuple[type[Any], ...] = (pl.Series,)

    def _to_parts(self, value: pl.Series) -> Iterator[bytes]:
        """Yield an Arrow IPC file in parts of at most 8 MiB."""
        _check_class(value, pl.Series)
        yield from frame_to_parts(value.to_frame(), "series")

    def _from_bytes(self, data: bytes) -> pl.Series:
        """Return the series of an Arrow IPC file."""
        return frame_from_bytes(data, "series").to_series()

    def _preview(self, file: BinaryIO, rows: int, columns: int, max_bytes: int) -> TablePreview:
        """Return dtype and the first values, as a table of one column."""
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


def _check_class(value: object, cls: type[Any]) -> None:
    if isinstance(value, pl.LazyFrame):
        msg = "A polars.LazyFrame is a query, not a value; store what it gives: frame.collect()."
        raise SerializationError(msg)
    check_class(value, cls, "polars")


# Previews -------------------------------------------------------------------------------------------------------------


def preview_frame(file: BinaryIO, kind: str, *, rows: int, columns: int, max_bytes: int) -> TablePreview:
    """Return the preview of a file that holds a frame or a series. Broken bytes may raise Arrow's errors, too."""
    limited = LimitedFile(file, max_bytes)
    make = partial(_preview_of, limited, kind, max(rows, 0), max(columns, 0))
    return within_limit(limited, make, lambda: unread_table(limited.size, kind))


def _preview_of(limited: LimitedFile, kind: str, rows: int, columns: int) -> TablePreview:
    head: TableHead = read_ipc_head(limited, rows, columns)
    about = note_of(head.schema)
    check_kind(about, kind)
    cells = Cells()
    # Polars names its dtypes by itself, and reads them from the metadata of the fields.
    dtypes: list[Any] = dtypes_of(head.schema, about["wide"])
    described = [
        (
            column_of(name, dtypes[place]),
            None if (found := head.column(place)) is None else arrow_cells(found, cells),
        )
        for place, name in enumerate(head.schema.names[:columns])
    ]
    height: object = about["height"]
    if not isinstance(height, int) or (head.total_rows is not None and head.schema.names and head.total_rows != height):
        msg = "it has another number of rows than it says"
        raise ValueError(msg)
    return table_preview(
        described,
        cells,
        rows=rows,
        size=limited.size,
        total_rows=height,
        total_columns=len(head.schema.names),
        noun=kind,
    )


dataframe_serializer: DataFrameSerializer = DataFrameSerializer().register()
"""Serializes `polars.DataFrame`."""

polars_serializer: DataFrameSerializer = dataframe_serializer
"""The same object as `dataframe_serializer`."""

series_serializer: SeriesSerializer = SeriesSerializer().register()
"""Serializes `polars.Series`."""
