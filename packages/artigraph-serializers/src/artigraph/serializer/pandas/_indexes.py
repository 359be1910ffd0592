"""Indexes of every kind, along the rows of a table or by themselves as JSON."""

from __future__ import annotations

from typing import Any

import numpy as np

import pandas as pd
from artigraph.errors import SerializationError
from artigraph.serializer._support import class_name
from artigraph.serializer._support.arrow import pa
from artigraph.serializer.pandas._cells import cell_from_text, cell_to_text
from artigraph.serializer.pandas._columns import ColumnReader, ColumnWriter
from artigraph.serializer.pandas._values import Description, describe_values, restore_values

__all__ = ["describe_index", "index_from_json", "index_to_json", "restore_index"]

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
    """Hand the labels of an index to `columns`, and return what else is to be known.

    Raises:
        SerializationError: they, its name or its frequency would not come back exactly.
    """
    if type(index) not in _CLASSES:
        msg = f"an index of type {class_name(index)} is not stored; convert it to a pandas.Index"
        raise SerializationError(msg)
    if type(index) is pd.MultiIndex:
        return _describe_multi(index, columns, name)
    if type(index) is pd.RangeIndex:
        span = [int(index.start), int(index.stop), int(index.step)]
        return {"kind": "range", "range": span, "name": cell_to_text(index.name)}
    values = index.to_numpy() if isinstance(index.dtype, np.dtype) else index.array
    description: Description = {
        "kind": "values",
        "values": describe_values(values, columns, name),
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
    """Return the index that was described."""
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
    values = restore_values(description["values"], columns)
    # The dtype by itself: of objects pandas would make texts or times.
    index = _pd.Index(values, dtype=values.dtype, name=cell_from_text(description["name"]), copy=False)
    return _with_freq(index, description["freq"]) if "freq" in description else index


def index_to_json(index: Any) -> Description:
    """Return an index as JSON."""
    columns = ColumnWriter()
    description = describe_index(index, columns, "index")
    return {"index": description, "arrays": columns.text()} if columns.arrays else {"index": description}


def index_from_json(description: Description) -> Any:
    """Return the index of such JSON."""
    columns = ColumnReader.of_text(description["arrays"]) if "arrays" in description else ColumnReader(())
    index = restore_index(description["index"], columns)
    columns.finish()
    return index
