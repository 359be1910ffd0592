"""Frames, series and indexes as parquet files.

Each column of the file is one Arrow array that a value consists of. The key `artigraph` of the file's metadata holds
JSON that says what to make of them, in the order of the columns; the labels of the frame's columns, the categories of
a categorical and the levels of a MultiIndex, whose lengths are others than that of the file, are in there too.
"""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pandas as pd
from artigraph.errors import DeserializationError, SerializationError
from artigraph.serializer._support.arrow import read_parquet, write_parquet
from artigraph.serializer.pandas._assemble import assemble
from artigraph.serializer.pandas._cells import cell_from_text, cell_to_text
from artigraph.serializer.pandas._columns import ColumnReader, ColumnWriter
from artigraph.serializer.pandas._equal import values_of
from artigraph.serializer.pandas._indexes import describe_index, index_from_json, index_to_json, restore_index
from artigraph.serializer.pandas._values import Description, describe_values, restore_values, values_or_pieces

__all__ = [
    "frame_from_bytes",
    "frame_to_bytes",
    "index_from_bytes",
    "index_to_bytes",
    "series_from_bytes",
    "series_to_bytes",
]

_pd: Any = pd

_VERSION = 1
_KEY = "artigraph"


def frame_to_bytes(frame: Any) -> bytes:
    """Return the file of a frame."""
    columns = ColumnWriter()
    labels = [label if isinstance(label, str) else f"column {place}" for place, label in enumerate(frame.columns)]
    values: list[Description] = []
    for place, label in enumerate(labels):
        values.append(_describe_column(frame.iloc[:, place], columns, label))
    description: Description = {
        "kind": "frame",
        "values": values,
        "columns": _located("its column labels", index_to_json, frame.columns),
        **_describe_common(frame, columns),
    }
    return _write(columns, description)


def frame_from_bytes(data: bytes) -> Any:
    """Return the frame of a file."""
    description, columns = _read(data, "frame")
    values = [values_or_pieces(each, columns) for each in description["values"]]
    index = restore_index(description["index"], columns)
    columns.finish()
    frame = assemble(values, index, index_from_json(description["columns"]))
    return _restore_common(frame, description)


def series_to_bytes(series: Any) -> bytes:
    """Return the file of a series."""
    columns = ColumnWriter()
    label = series.name if isinstance(series.name, str) else "values"
    description: Description = {
        "kind": "series",
        "values": _describe_column(series, columns, label),
        "name": _located("its name", cell_to_text, series.name),
        **_describe_common(series, columns),
    }
    return _write(columns, description)


def series_from_bytes(data: bytes) -> Any:
    """Return the series of a file."""
    description, columns = _read(data, "series")
    values = restore_values(description["values"], columns)
    index = restore_index(description["index"], columns)
    columns.finish()
    name = cell_from_text(description["name"])
    series = _pd.Series(values, index=index, dtype=values.dtype, name=name, copy=False)
    return _restore_common(series, description)


def index_to_bytes(index: Any) -> bytes:
    """Return the file of an index."""
    columns = ColumnWriter()
    return _write(columns, {"kind": "index", "index": describe_index(index, columns, "index")})


def index_from_bytes(data: bytes) -> Any:
    """Return the index of a file."""
    description, columns = _read(data, "index")
    index = restore_index(description["index"], columns)
    columns.finish()
    return index


def _describe_column(series: Any, columns: ColumnWriter, label: str) -> Description:
    try:
        return describe_values(values_of(series), columns, label)
    except SerializationError as error:
        msg = f"The column {series.name!r} of dtype {series.dtype} cannot be stored exactly: {error}"
        raise SerializationError(msg) from error


def _located(what: str, function: Any, value: object) -> Any:
    try:
        return function(value)
    except SerializationError as error:
        msg = f"A pandas object cannot be stored exactly because of {what}: {error}"
        raise SerializationError(msg) from error


def _describe_common(value: Any, columns: ColumnWriter) -> Description:
    describe = partial(describe_index, columns=columns, name="index")
    description: Description = {"index": _located("its index", describe, value.index)}
    if value.attrs:
        description["attrs"] = _located("its attrs", cell_to_text, dict(value.attrs))
    if not value.flags.allows_duplicate_labels:
        description["unique_labels"] = True
    return description


def _restore_common(value: Any, description: Description) -> Any:
    if "attrs" in description:
        value.attrs = cell_from_text(description["attrs"])
    if description.get("unique_labels"):
        value.flags.allows_duplicate_labels = False
    return value


def _write(columns: ColumnWriter, description: Description) -> bytes:
    text = json.dumps({"version": _VERSION, **description})
    return write_parquet(columns.table(), dictionary=columns.dictionary, metadata={_KEY: text})


def _read(data: bytes, kind: str) -> tuple[Description, ColumnReader]:
    table, metadata = read_parquet(data)
    text = metadata.get(_KEY.encode())
    description: Description = {} if text is None else json.loads(text)
    if description.get("version") != _VERSION or description.get("kind") != kind:
        msg = f"These bytes are not a {kind} of pandas that this release can read."
        raise DeserializationError(msg)
    return description, ColumnReader(table.columns)
