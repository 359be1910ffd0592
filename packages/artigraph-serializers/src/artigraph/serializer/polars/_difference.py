"""Describe how two Polars frames differ, in one line of text."""

from __future__ import annotations

from typing import Any, cast

import polars as pl
from artigraph.serializer._support.arrow import pa
from artigraph.serializer._support.arrow_difference import differing_arrow
from artigraph.serializer._support.difference import Column, Differing, Table, describe_tables


def describe_frames(before: pl.DataFrame, after: pl.DataFrame) -> str:
    """Return one line on how two frames differ: shapes, columns, dtypes, and how many cells of which columns."""
    return describe_tables(_table(before), _table(after), _differing)


def _table(frame: pl.DataFrame) -> Table:
    return Table(frame.height, [Column(series.name, series.dtype, series) for series in frame.get_columns()])


def _differing(one: Column, other: Column, rows: int) -> Differing:
    columns = [pa.chunked_array([cast("Any", each.values).head(rows).to_arrow()]) for each in (one, other)]
    return differing_arrow(*columns)
