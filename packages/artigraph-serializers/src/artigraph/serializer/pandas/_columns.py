"""Pass the columns of one Arrow table one by one, while values are written or read."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

import numpy as np

import pandas as pd
from artigraph.errors import SerializationError
from artigraph.serializer._support.arrow import ipc_text, pa, read_ipc_text
from artigraph.serializer.codec import decode, encode
from artigraph.serializer.numpy import array_serializer, scalar_serializer
from artigraph.serializer.pandas._zones import describe_zone, restore_zone


class Sliced:
    """A column that makes its Arrow array slice by slice, because its elements have to be copied."""

    def __init__(self, length: int, make: Callable[[slice], Any]) -> None:
        self._length = length
        self._make = make
        self.type: Any = make(slice(0, 0)).type

    def __len__(self) -> int:
        return self._length

    def slice(self, start: int, length: int) -> Any:
        """Return some elements as an Arrow array."""
        return self._make(slice(start, start + length))


class ColumnWriter:
    """Collects the Arrow arrays of values, in the order in which `ColumnReader` returns them."""

    def __init__(self) -> None:
        self.arrays: list[Any] = []
        self.names: list[str] = []
        self.dictionary: list[str] = []
        """The names of the columns that a dictionary may make shorter."""
        self._taken: set[str] = set()

    def add(self, array: Any, name: str) -> None:
        """Add an Arrow array or a `Sliced`. The name is for other readers of the file. It is made unique."""
        unique = name
        numbers = count(len(self.names))
        while unique in self._taken:  # a column's own label may look like a numbered name
            unique = f"{name}.{next(numbers)}"
        self._taken.add(unique)
        self.names.append(unique)
        self.arrays.append(array)
        if not (pa.types.is_floating(array.type) or pa.types.is_temporal(array.type)):
            self.dictionary.append(unique)

    def schema(self) -> Any:
        """Return the schema of a table of all arrays."""
        return pa.schema([pa.field(name, array.type) for name, array in zip(self.names, self.arrays, strict=True)])

    def text(self) -> str:
        """Return all arrays as text."""
        arrays = [each.slice(0, len(each)) for each in self.arrays]
        return ipc_text([a.combine_chunks() if isinstance(a, pa.ChunkedArray) else a for a in arrays])


class ColumnReader:
    """Returns chunked Arrow arrays in the order in which they were written. It keeps none that it returned."""

    def __init__(self, arrays: Iterable[Any]) -> None:
        self._arrays = iter(arrays)

    @classmethod
    def of_text(cls, text: str) -> ColumnReader:
        """Return a reader for arrays in a text that `ColumnWriter.text` returned."""
        return cls(read_ipc_text(text))

    def next(self) -> Any:
        """Return the next array."""
        found = next(self._arrays, None)
        if found is None:
            msg = "a column is missing"
            raise ValueError(msg)
        return found

    def finish(self) -> None:
        """Check that no array is left."""
        if next(self._arrays, None) is not None:
            msg = "there is a column too many"
            raise ValueError(msg)


_pd: Any = pd

SCALAR_TYPES: tuple[type[Any], ...] = (
    pd.Timestamp,
    pd.Timedelta,
    pd.Period,
    pd.Interval,
    type(pd.NaT),
    type(pd.NA),
)
"""The types of pandas's own scalars."""

# The first byte, which says what the rest is.
_PLAIN, _ARRAY, _NUMPY, _PANDAS = b"j", b"a", b"n", b"p"


def cell_to_bytes(value: object) -> bytes:
    """Return the bytes of a plain Python value, a NumPy array or scalar, or a scalar of pandas.

    Raises:
        SerializationError: the value, or a part of it, has another type.
    """
    if type(value) in SCALAR_TYPES:
        return _PANDAS + json.dumps(_describe_scalar(value)).encode()
    known: Any = value
    if isinstance(value, np.generic):
        return _NUMPY + scalar_serializer.serialize(known)
    if isinstance(value, np.ndarray):
        return _ARRAY + array_serializer.serialize(known)
    return _PLAIN + encode(value)


def cell_from_bytes(data: bytes) -> object:
    """Return the value of bytes that `cell_to_bytes` returned. Raises an error for other bytes."""
    kind, rest = data[:1], data[1:]
    if kind == _PLAIN:
        return decode(rest)
    if kind == _PANDAS:
        return _restore_scalar(json.loads(rest))
    if kind == _NUMPY:
        return scalar_serializer.deserialize(rest)
    if kind == _ARRAY:
        return array_serializer.deserialize(rest)
    msg = f"{kind!r} is not a kind of cell"
    raise ValueError(msg)


def cell_to_text(value: object) -> str:
    """Return the bytes of a value as text, for JSON."""
    data = cell_to_bytes(value)
    kind, rest = data[:1], data[1:]
    text = rest.decode() if kind in (_PLAIN, _PANDAS) else base64.b64encode(rest).decode()
    return kind.decode() + text


def cell_from_text(text: str) -> object:
    """Return the value of a text that `cell_to_text` returned."""
    kind, rest = text[:1].encode(), text[1:]
    return cell_from_bytes(kind + (rest.encode() if kind in (_PLAIN, _PANDAS) else base64.b64decode(rest)))


def _describe_scalar(value: Any) -> dict[str, Any]:
    if value is pd.NaT or value is pd.NA:
        return {"missing": "NaT" if value is pd.NaT else "NA"}
    if type(value) is pd.Interval:
        return {
            "left": cell_to_text(value.left),
            "right": cell_to_text(value.right),
            "closed": value.closed,
        }
    if type(value) is pd.Period:
        description: dict[str, Any] = {"ordinal": value.ordinal, "freq": _pd.PeriodDtype(value.freq).name}
    elif type(value) is pd.Timedelta:
        description = {"delta": int(value.to_timedelta64().astype(np.int64)), "unit": value.unit}
    else:
        zone = value.tzinfo
        description = {
            "time": int(value.to_datetime64().astype(np.int64)),
            "unit": value.unit,
            "zone": None if zone is None else describe_zone(zone),
        }
    again: Any = _restore_scalar(description)
    if type(again) is not type(value) or again != value or _details(again) != _details(value):
        msg = f"{value!r} would come back as {again!r}; replace it by a value that does not carry what differs"
        raise SerializationError(msg)
    return description


def _details(value: Any) -> list[object]:
    """Return the details that `==` ignores."""
    return [str(getattr(value, name, None)) for name in ("unit", "tzinfo", "fold", "freq")]


def _restore_scalar(description: dict[str, Any]) -> object:
    if "missing" in description:
        return pd.NaT if description["missing"] == "NaT" else pd.NA
    if "closed" in description:
        left, right = cell_from_text(description["left"]), cell_from_text(description["right"])
        return _pd.Interval(left, right, description["closed"])
    if "ordinal" in description:
        freq = _pd.PeriodDtype.construct_from_string(description["freq"]).freq
        return _pd.Period(ordinal=description["ordinal"], freq=freq)
    if "delta" in description:
        return _pd.Timedelta(np.timedelta64(description["delta"], description["unit"]))
    moment = _pd.Timestamp(np.datetime64(description["time"], description["unit"]))
    zone = description["zone"]
    return moment if zone is None else moment.tz_localize("UTC").tz_convert(restore_zone(zone))
