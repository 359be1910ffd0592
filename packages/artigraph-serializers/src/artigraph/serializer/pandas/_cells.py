"""Cells of the values of pandas."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

import pandas as pd
from artigraph.serializer._support.arrow import pa
from artigraph.serializer._support.arrow_cells import arrow_cells
from artigraph.serializer._support.elements import element_cell
from artigraph.serializer.pandas._columns import ColumnReader, cell_from_bytes
from artigraph.serializer.pandas._frames import index_from_json
from artigraph.serializer.pandas._values import Description, restore_values
from artigraph.serializer.preview import Cell, Cells

_LONGEST_CELL = 2**16
"""Bytes of a cell of an object column that are decoded."""


def label_text(label: object) -> str:
    """Return a label as text: a text as it is, and None as no text."""
    if label is None:
        return ""
    return label if isinstance(label, str) else _text(label, Cells())


def dtype_text(description: Description, types: list[Any]) -> str:
    """Return the dtype of values as pandas names it."""
    if description["kind"] == "level":
        return str(index_from_json(description["categories"]).dtype)
    if description["kind"] == "object":
        return "object"
    empty = [pa.chunked_array([], kind) for kind in types]
    return str(restore_values(description, ColumnReader(empty)).dtype)


def cells_of_values(description: Description, arrays: list[Any], cells: Cells) -> list[Cell]:
    """Return the cells of the first values, given as the Arrow arrays in which they are stored."""
    kind = description["kind"]
    if kind in ("string", "arrow"):
        return arrow_cells(arrays[0], cells)
    if kind == "object" and description["store"] == "cells":
        return [_cell_of_bytes(value.as_py(), cells) for value in arrays[0]]
    if kind == "level":
        return _cells_of_level(description, arrays[0], cells)
    values: Any = restore_values(description, ColumnReader(arrays))
    if kind == "sparse":
        values = np.asarray(values)
    # Elements of extension arrays are missing as the array says. Those of arrays of NumPy are looked at one by one.
    missing: list[bool] = values.isna().tolist() if hasattr(values, "isna") else [False] * len(values)
    return [None if gone else cell_of(value, cells) for value, gone in zip(values, missing, strict=True)]


def _cells_of_level(description: Description, codes: Any, cells: Cells) -> list[Cell]:
    labels = index_from_json(description["categories"])
    found: list[Cell] = []
    for code in codes.to_pylist():
        if not -1 <= code < len(labels):
            msg = "a row has a label that the index does not have"
            raise ValueError(msg)
        found.append(None if code < 0 else cell_of(labels[code], cells))
    return found


def _cell_of_bytes(data: bytes, cells: Cells) -> Cell:
    if len(data) > _LONGEST_CELL:
        cells.cut = True
        return cells.of(data[1:_LONGEST_CELL].decode("utf-8", "replace"))
    return cell_of(cell_from_bytes(data), cells)


def cell_of(value: object, cells: Cells) -> Cell:
    """Return the cell of an element. A missing value is None, unless it is NaN."""
    if value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, np.generic):
        generic: Any = cast("Any", value)
        if generic.dtype.kind in "mM" and np.isnat(generic):
            return None
        return element_cell(generic, cells)
    if value is None or isinstance(value, (str, int, float)):
        return cells.of(value)
    return cells.text(_text(value, cells))


def _text(value: object, cells: Cells) -> str:
    if isinstance(value, np.ndarray):
        return " ".join(str(cast("Any", value)).split())
    return cells.show(value)
