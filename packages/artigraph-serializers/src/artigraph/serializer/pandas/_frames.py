"""Frames, series and indexes as parquet files.

Each column of the file is one Arrow array; a value consists of one or more of them. The key `artigraph` of the file's
metadata holds JSON that says how to make the values from the columns, in their order. The JSON also holds everything
whose length differs from that of the file: the labels of the frame's columns, the categories of a categorical and the
levels of a MultiIndex.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, BinaryIO

import numpy as np

import pandas as pd
from artigraph.errors import DeserializationError, SerializationError
from artigraph.serializer._support import arrow
from artigraph.serializer._support.arrow import pa
from artigraph.serializer._support.library import class_of
from artigraph.serializer.pandas import _values
from artigraph.serializer.pandas._assemble import Assembly
from artigraph.serializer.pandas._columns import ColumnReader, ColumnWriter, cell_from_text, cell_to_text
from artigraph.serializer.pandas._values import Description

_pd: Any = pd

_CLASSES = (
    pd.Index,
    pd.RangeIndex,
    pd.MultiIndex,
    pd.DatetimeIndex,
    pd.TimedeltaIndex,
    pd.PeriodIndex,
    pd.IntervalIndex,
    pd.CategoricalIndex,
)


def describe_index(index: Any, columns: ColumnWriter, name: str) -> Description:
    """Add the labels of an index to `columns`, and return the rest of its description.

    Raises:
        SerializationError: the labels, the name or the frequency would not load exactly.
    """
    if type(index) not in _CLASSES:
        msg = f"an index of type {class_of(index)} is not stored; convert it to a pandas.Index"
        raise SerializationError(msg)
    if type(index) is pd.MultiIndex:
        return _describe_multi(index, columns, name)
    if type(index) is pd.RangeIndex:
        span = [int(index.start), int(index.stop), int(index.step)]
        return {"kind": "range", "range": span, "name": cell_to_text(index.name)}
    values = index.to_numpy() if isinstance(index.dtype, np.dtype) else index.array
    description: Description = {
        "kind": "values",
        "values": _values.describe_values(values, columns, name),
        "name": cell_to_text(index.name),
    }
    freq = getattr(index, "freq", None)
    if freq is not None and type(index) in (pd.DatetimeIndex, pd.TimedeltaIndex):
        description["freq"] = freq.freqstr
        _check_freq(index, freq)
    return description


def _check_freq(index: Any, freq: Any) -> None:
    try:
        kept = _with_freq(index, freq.freqstr).freq == freq
    except (TypeError, ValueError):
        kept = False
    if not kept:
        msg = (
            f"the index has the frequency {freq!r}, which cannot be made again from {freq.freqstr!r}; drop it "
            "(index.freq = None)"
        )
        raise SerializationError(msg)


def _with_freq(index: Any, freq: str) -> Any:
    return type(index)(index.array, freq=freq, name=index.name)


def _describe_multi(index: Any, columns: ColumnWriter, name: str) -> Description:
    for level, codes in enumerate(index.codes):
        columns.add(pa.array(np.asarray(codes)), f"{name}.{level}")
    return {
        "kind": "multi",
        "levels": [index_to_json(level) for level in index.levels],
        "names": [cell_to_text(each) for each in index.names],
        "sortorder": index.sortorder,
    }


def restore_index(description: Description, columns: ColumnReader) -> Any:
    """Return the index for a description that `describe_index` returned."""
    kind = description["kind"]
    if kind == "range":
        return _pd.RangeIndex(*description["range"], name=cell_from_text(description["name"]))
    if kind == "multi":
        return _pd.MultiIndex(
            levels=[index_from_json(level) for level in description["levels"]],
            codes=[np.asarray(columns.next().to_numpy()) for _ in description["levels"]],
            sortorder=description["sortorder"],
            names=[cell_from_text(each) for each in description["names"]],
        )
    values = _values.restore_values(description["values"], columns)
    # With an explicit dtype: pandas would convert objects to strings or times.
    index = _pd.Index(values, dtype=values.dtype, name=cell_from_text(description["name"]), copy=False)
    return _with_freq(index, description["freq"]) if "freq" in description else index


def index_to_json(index: Any) -> Description:
    """Return an index as JSON."""
    columns = ColumnWriter()
    description = describe_index(index, columns, "index")
    return {"index": description, "arrays": columns.text()} if columns.arrays else {"index": description}


def index_from_json(description: Description) -> Any:
    """Return the index of JSON that `index_to_json` returned."""
    columns = ColumnReader.of_text(description["arrays"]) if "arrays" in description else ColumnReader(())
    index = restore_index(description["index"], columns)
    columns.finish()
    return index


_VERSION = 1
_KEY = "artigraph"


@dataclass(frozen=True, slots=True)
class More:
    """What a frame or a series of another library tells beside its columns."""

    description: Description
    """What is added to the description. Its `kind` is another than that of pandas's own values."""
    metadata: Callable[[Any, list[str]], dict[str, str]]
    """Returns metadata of the file for other readers, from the description of the values and the names of columns."""


def frame_to_parts(frame: Any, more: More | None = None) -> Iterator[bytes]:
    """Return the parts of the file of a frame. A frame of another library tells more of it."""
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
    return _write(columns, description, more)


def frame_from_bytes(data: bytes) -> Any:
    """Return the frame of a file."""
    return read_frame(data, "frame")[0]


def read_frame(data: bytes, kind: str) -> tuple[Any, Description]:
    """Return the frame of a file that holds this kind of frame, and its description."""
    description, columns = _read(data, kind)
    described = description["values"]
    assembly = Assembly([_values.dtype_of(each) for each in described])
    for each in described:
        assembly.add(_values.values_or_pieces(each, columns))
    index = restore_index(description["index"], columns)
    columns.finish()
    frame = assembly.frame(index, index_from_json(description["columns"]))
    return _restore_common(frame, description), description


def frame_from_columns(file: BinaryIO, chosen: list[Any]) -> Any:
    """Return a frame of some columns of a file, as `frame[chosen]` would. Reads no other columns."""
    return read_frame_columns(file, chosen, "frame")[0]


def read_frame_columns(file: BinaryIO, chosen: list[Any], kind: str) -> tuple[Any, Description]:
    """Return a frame of some columns of a file, and the file's description. Reads no other columns.

    Raises:
        DeserializationError: the file has no column with one of the labels.
    """
    source = arrow.open_parquet(file)
    description = description_of(source.metadata.metadata or {}, kind)
    places, labels = _places_of(index_from_json(description["columns"]), chosen)
    names: Iterator[str] = iter(source.schema_arrow.names)
    names_of = [list(islice(names, _values.count_arrays(each))) for each in description["values"]]
    names_of_index = list(names)
    table = arrow.read_parquet_columns(
        source, {*names_of_index, *(name for place in places for name in names_of[place])}
    )
    described = [description["values"][place] for place in places]
    assembly = Assembly([_values.dtype_of(each) for each in described])
    for place, each in zip(places, described, strict=True):
        assembly.add(_values.values_or_pieces(each, ColumnReader(table.column(name) for name in names_of[place])))
    index = restore_index(description["index"], ColumnReader(table.column(name) for name in names_of_index))
    return _restore_common(assembly.frame(index, labels), description), description


def _places_of(labels: Any, chosen: list[Any]) -> tuple[list[int], Any]:
    """Return the positions of the columns with these labels, and the labels of the result, as pandas selects them."""
    if any(isinstance(label, (bool, np.bool_)) for label in chosen):
        msg = "pandas takes truth values for a choice of rows; columns are not read by them."
        raise DeserializationError(msg)
    places = _pd.DataFrame(np.arange(len(labels), dtype=np.int64).reshape(1, -1), columns=labels)
    try:
        found = places[chosen]
    except KeyError as error:
        msg = f"The frame has not all of the columns {chosen!r}: {error}"
        raise DeserializationError(msg) from error
    return found.to_numpy().reshape(-1).tolist(), found.columns


def series_to_parts(series: Any, more: More | None = None) -> Iterator[bytes]:
    """Return the parts of the file of a series. A series of another library tells more of it."""
    columns = ColumnWriter()
    label = series.name if isinstance(series.name, str) else "values"
    description: Description = {
        "kind": "series",
        "values": _describe_column(series, columns, label),
        "name": _located("its name", cell_to_text, series.name),
        **_describe_common(series, columns),
    }
    return _write(columns, description, more)


def series_from_bytes(data: bytes, kind: str = "series") -> Any:
    """Return the series of a file that holds this kind of series."""
    description, columns = _read(data, kind)
    values = _values.restore_values(description["values"], columns)
    index = restore_index(description["index"], columns)
    columns.finish()
    name = cell_from_text(description["name"])
    series = _pd.Series(values, index=index, dtype=values.dtype, name=name, copy=False)
    return _restore_common(series, description)


def index_to_parts(index: Any) -> Iterator[bytes]:
    """Return the parts of the file of an index."""
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
        return _values.describe_values(_values.values_of(series), columns, label)
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


def _write(columns: ColumnWriter, description: Description, more: More | None = None) -> Iterator[bytes]:
    metadata: dict[str, str] = {}
    if more is not None:
        description = {**description, **more.description}
        metadata = more.metadata(description["values"], columns.names)
    metadata[_KEY] = json.dumps({"version": _VERSION, **description})
    return arrow.write_parquet(columns.arrays, columns.schema(), dictionary=columns.dictionary, metadata=metadata)


def _read(data: bytes, kind: str) -> tuple[Description, ColumnReader]:
    file = arrow.open_parquet(pa.BufferReader(data))
    return description_of(file.metadata.metadata or {}, kind), ColumnReader(arrow.read_parquet_in_turn(file))


def description_of(metadata: Mapping[bytes, bytes], kind: str) -> Description:
    """Return the description of the object of a kind that a file with this metadata holds.

    Raises:
        DeserializationError: it holds no such object, or a newer release wrote it.
    """
    text = metadata.get(_KEY.encode())
    description: Description = {} if text is None else json.loads(text)
    if description.get("version") != _VERSION or description.get("kind") != kind:
        msg = f"These bytes are not a {kind} of pandas that this release can read."
        raise DeserializationError(msg)
    return description
