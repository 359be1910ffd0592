"""Frames and series as parquet files, for the serializers of other libraries whose values are made of them.

Other distributions use `artigraph.serializer.pandas`: this module may change with any release.
"""

from artigraph.serializer.pandas._columns import ColumnReader, ColumnWriter, cell_from_text, cell_to_text
from artigraph.serializer.pandas._equal import describe_frames, describe_series, same_frame, same_scalar, same_series
from artigraph.serializer.pandas._frames import (
    More,
    frame_to_parts,
    read_frame,
    read_frame_columns,
    series_from_bytes,
    series_to_parts,
)
from artigraph.serializer.pandas._objects import in_steps, texts_of
from artigraph.serializer.pandas._preview import preview_table
from artigraph.serializer.pandas._serializers import size_of
from artigraph.serializer.pandas._values import Description, add_kind, count_arrays

__all__ = [
    "ColumnReader",
    "ColumnWriter",
    "Description",
    "More",
    "add_kind",
    "cell_from_text",
    "cell_to_text",
    "count_arrays",
    "describe_frames",
    "describe_series",
    "frame_to_parts",
    "in_steps",
    "preview_table",
    "read_frame",
    "read_frame_columns",
    "same_frame",
    "same_scalar",
    "same_series",
    "series_from_bytes",
    "series_to_parts",
    "size_of",
    "texts_of",
]
