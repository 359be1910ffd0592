"""Object columns: Python values of exactly their types, and which of None, NaN, NA and NaT is missing where."""

from __future__ import annotations

from datetime import date
from typing import Any, cast

import numpy as np
import numpy.typing as npt

import pandas as pd
from artigraph.errors import SerializationError
from artigraph.serializer._support.arrow import pa
from artigraph.serializer.pandas._cells import cell_from_bytes, cell_to_bytes

__all__ = ["describe_objects", "restore_objects"]

Array = npt.NDArray[Any]

_MISSING: dict[str, object] = {"None": None, "nan": float("nan"), "NA": pd.NA, "NaT": pd.NaT}
_MISSING_OF: dict[type[Any], str] = {type(None): "None", float: "nan", type(pd.NA): "NA", type(pd.NaT): "NaT"}

_INT64 = 2**63

_ARROW: dict[type[Any], tuple[str, Any]] = {
    str: ("str", pa.large_string()),
    bytes: ("bytes", pa.large_binary()),
    bool: ("bool", pa.bool_()),
    int: ("int", pa.int64()),
    date: ("date", pa.date32()),
}
"""The types of which a whole column goes into Arrow as it is, beside one kind of missing value."""


def describe_objects(array: Array) -> tuple[dict[str, Any], Any]:
    """Return what is to be known of an array of objects, and its elements as an Arrow array.

    Raises:
        SerializationError: one of them is not a value that comes back exactly; the message says which.
    """
    values: list[object] = array.tolist()
    types = set(map(type, values))
    plain = types.intersection(_ARROW)
    missing = types.difference(plain)
    if len(plain) == 1 and len(missing) <= 1 and missing.issubset(_MISSING_OF):
        found = _describe_alike(values, plain.pop(), missing.pop() if missing else None)
        if found is not None:
            return found
    return {"kind": "object", "store": "cells"}, pa.array(_cells(values), pa.large_binary())


def _describe_alike(
    values: list[object], cls: type[Any], missing: type[Any] | None
) -> tuple[dict[str, Any], Any] | None:
    """Return the column if all values are of one class or the one missing value, and Arrow holds them."""
    if missing is float and not _all_plain_nan(values):
        return None
    if cls is int and any(not -_INT64 <= value < _INT64 for value in values if type(value) is int):
        return None
    store, kind = _ARROW[cls]
    try:
        # Other missing values than None are nulls of pandas, which from_pandas looks for.
        column = pa.array(values, kind, from_pandas=missing not in (None, type(None)))
    except (pa.ArrowException, UnicodeEncodeError):  # a lone surrogate in a text
        return None
    return {"kind": "object", "store": store, "missing": None if missing is None else _MISSING_OF[missing]}, column


def _all_plain_nan(values: list[object]) -> bool:
    floats = np.array([value for value in values if type(value) is float])
    return bool((floats.view(np.int64) == np.array(np.nan).view(np.int64)).all())


def _cells(values: list[object]) -> list[bytes]:
    cells: list[bytes] = []
    try:
        cells.extend(map(cell_to_bytes, values))
    except SerializationError as error:
        row = len(cells)
        msg = f"row {row} of its objects: {error}. Convert the column to a dtype of its own, or to such values."
        raise SerializationError(msg) from error
    return cells


def restore_objects(description: dict[str, Any], chunked: Any) -> Array:
    """Return the array of objects."""
    values: list[object] = chunked.to_pylist()
    if description["store"] == "cells":
        values = [cell_from_bytes(cast("bytes", cell)) for cell in values]
    elif description["missing"] not in (None, "None"):
        missing = _MISSING[description["missing"]]
        values = [missing if value is None else value for value in values]
    elif chunked.null_count and description["missing"] is None:
        msg = "a value is missing where none was"
        raise ValueError(msg)
    array: Array = np.empty(len(values), object)
    # One by one: NumPy would take lists of one length for further dimensions.
    for index, value in enumerate(values):
        array[index] = value
    return array
