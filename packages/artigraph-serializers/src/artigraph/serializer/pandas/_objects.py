"""Write object columns: Python values with their exact types, and the kind of each missing value.

A missing value is None, NaN, NA or NaT.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

import pandas as pd
from artigraph.errors import SerializationError
from artigraph.serializer._support.arrow import pa
from artigraph.serializer.pandas._columns import cell_from_bytes, cell_to_bytes

Array = npt.NDArray[Any]

_MISSING: dict[str, object] = {"None": None, "nan": float("nan"), "NA": pd.NA, "NaT": pd.NaT}
_MISSING_OF: dict[type[Any], str] = {type(None): "None", float: "nan", type(pd.NA): "NA", type(pd.NaT): "NaT"}

_INT64 = 2**63

_STEP = 2**14
"""Objects that are converted at once. That takes a few milliseconds, in which the GIL is held."""

_ARROW: dict[type[Any], tuple[str, Any]] = {
    str: ("str", pa.large_string()),
    bytes: ("bytes", pa.large_binary()),
    bool: ("bool", pa.bool_()),
    int: ("int", pa.int64()),
    date: ("date", pa.date32()),
}
"""The types of which Arrow can hold a column, beside one kind of missing value."""


def in_steps(length: int, kind: Any, make: Callable[[slice], Any]) -> Any:
    """Return a chunked array that is made step by step. Each step holds the GIL; in between, other threads can run."""
    steps = [make(slice(start, start + _STEP)) for start in range(0, length, _STEP)]
    return pa.chunked_array(steps, kind)


def describe_objects(array: Array) -> tuple[dict[str, Any], Any]:
    """Return the description of an array of objects, and its elements as a chunked Arrow array.

    Raises:
        SerializationError: an element would not load exactly. The message names it.
    """
    types: set[type[Any]] = set()
    for start in range(0, len(array), _STEP):
        types.update(map(type, array[start : start + _STEP]))
    plain = types.intersection(_ARROW)
    missing = types.difference(plain)
    if len(plain) == 1 and len(missing) <= 1 and missing.issubset(_MISSING_OF):
        found = _describe_alike(array, plain.pop(), missing.pop() if missing else None)
        if found is not None:
            return found
    return {"kind": "object", "store": "cells"}, in_steps(
        len(array),
        pa.large_binary(),
        lambda part: pa.array(_cells(array[part].tolist(), part.start), pa.large_binary()),
    )


def _describe_alike(array: Array, cls: type[Any], missing: type[Any] | None) -> tuple[dict[str, Any], Any] | None:
    """Return the column if all values have one class or are the one missing value, and Arrow can hold them."""
    store, kind = _ARROW[cls]

    def make(part: slice) -> Any:
        values: list[object] = array[part].tolist()
        if missing is float and not _all_plain_nan(values):
            raise _UnlikeError
        if cls is int and any(not -_INT64 <= value < _INT64 for value in values if type(value) is int):
            raise _UnlikeError
        # pandas's nulls include all missing values but None. `from_pandas` converts them.
        return pa.array(values, kind, from_pandas=missing not in (None, type(None)))

    try:
        column = in_steps(len(array), kind, make)
    except (pa.ArrowException, UnicodeEncodeError, _UnlikeError):  # a string with a lone surrogate
        return None
    return {"kind": "object", "store": store, "missing": None if missing is None else _MISSING_OF[missing]}, column


class _UnlikeError(Exception):
    """Arrow cannot hold all of these values exactly, although they have one type."""


def _all_plain_nan(values: list[object]) -> bool:
    floats = np.array([value for value in values if type(value) is float])
    return bool((floats.view(np.int64) == np.array(np.nan).view(np.int64)).all())


def _cells(values: list[object], first: int) -> list[bytes]:
    cells: list[bytes] = []
    try:
        cells.extend(map(cell_to_bytes, values))
    except SerializationError as error:
        row = first + len(cells)
        msg = f"row {row} of its objects: {error}. Convert the column to a dtype of its own, or to such values."
        raise SerializationError(msg) from error
    return cells


def restore_objects(description: dict[str, Any], chunked: Any) -> Array:
    """Return the array of objects for a description that `describe_objects` returned."""
    store, missing = description["store"], description.get("missing")
    if store != "cells" and missing is None and chunked.null_count:
        msg = "a value is missing where none was"
        raise ValueError(msg)
    if store in ("str", "bytes") and missing in (None, "None"):
        return texts_of(chunked)
    array: Array = np.empty(len(chunked), object)
    start = 0
    for step in _steps(chunked):
        values: list[Any] = step.to_pylist()
        if store == "cells":
            values = [cell_from_bytes(cell) for cell in values]
        elif missing not in (None, "None"):
            values = [_MISSING[missing] if value is None else value for value in values]
        # Not from the list: NumPy would make lists of one length into further dimensions.
        array[start : start + len(values)] = np.fromiter(values, object, len(values))
        start += len(values)
    return array


def texts_of(chunked: Any) -> Array:
    """Return strings or bytes as an array of objects, with None for missing ones."""
    array: Array = np.empty(len(chunked), object)
    start = 0
    for chunk in _steps(chunked):
        array[start : start + len(chunk)] = chunk.to_numpy(zero_copy_only=False)
        start += len(chunk)
    return array


def _steps(chunked: Any) -> Iterator[Any]:
    for chunk in chunked.chunks:
        for start in range(0, len(chunk), _STEP):
            yield chunk.slice(start, _STEP)
