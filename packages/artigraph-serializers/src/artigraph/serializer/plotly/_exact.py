"""The properties of a figure as the JSON that plotly.js reads, and notes on what this JSON does not tell.

A note is `[path, kind, content]`. It says which value is at a path of the JSON. Notes are in the order in which they
are applied, so a note on a list comes after the notes on its items.

    typed       an array of NumPy, whose elements are in the JSON as a typed array; the content is its dtype
    npy         an array of NumPy; the content is an npy file in base64
    objects     an array of Python objects, whose items are in the JSON; the content is its shape
    scalar      a scalar of NumPy; the content is an npy file in base64
    pandas      a scalar of pandas; the content is the JSON of the serializer "pandas-scalar"
    plain       any other plain value; the content is the JSON of the codec of plain values
"""

from __future__ import annotations

import math
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import date, time
from decimal import Decimal
from importlib import import_module
from typing import Any, NoReturn

import numpy as np

from artigraph.errors import DeserializationError, SerializationError
from artigraph.serializer._support.json_text import MOST_BITS, is_list, is_object, read_json, write_json
from artigraph.serializer._support.library import class_of
from artigraph.serializer.codec.refusals import advice_for
from artigraph.serializer.json import json_serializer
from artigraph.serializer.numpy import array_serializer, scalar_serializer

Path = tuple[str | int, ...]
Note = list[Any]
_np: Any = np

_TYPED = {"i1": "|i1", "u1": "|u1", "i2": "<i2", "u2": "<u2", "i4": "<i4", "u4": "<u4", "f4": "<f4", "f8": "<f8"}
"""The dtypes of plotly.js's typed arrays, by their names there."""
_TYPED_NAMES = {dtype: name for name, dtype in _TYPED.items()}
_NARROWER = {"<i8": ("|i1", "<i2", "<i4"), "<u8": ("|u1", "<u2", "<u4")}
"""The dtypes in which plotly.js gets integers of 64 bits, if they fit."""
_ONLY_LISTS = ("geojson", "layer", "layers", "range")
"""Properties in which plotly.js takes no typed arrays."""
_MOST_DEPTH = 100
_FEW = 8
"""One of how many items of a list may have a note of its own. Otherwise the whole list has one."""


def where(path: Path) -> str:
    """Return a path as errors show it: `data[0].marker.color`."""
    parts = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in path]
    return "".join(parts).removeprefix(".")


# Writing --------------------------------------------------------------------------------------------------------------


class Writer:
    """Turns properties into JSON values, and collects the notes on them."""

    def __init__(self) -> None:
        self.notes: list[Note] = []

    def write(self, value: Any, path: Path) -> Any:
        """Return the JSON value of a property.

        Raises:
            SerializationError: the value, or a value in it, is of a type that is not kept. The error names its place.
        """
        if len(path) > _MOST_DEPTH:
            msg = (
                f"{where(path):.200}… is nested deeper than {_MOST_DEPTH} levels, or contains itself; store it flatter."
            )
            raise SerializationError(msg)
        if is_json(value):
            return value
        if is_list(value):
            return self._write_list(value, path)
        if is_object(value):
            return self._write_dict(value, path)
        if is_array(value):
            return self._write_array(value, path)
        return self._write_other(value, path)

    def _note(self, path: Path, kind: str, content: Any) -> None:
        self.notes.append([list(path), kind, content])

    def _write_list(self, items: list[Any], path: Path) -> list[Any]:
        others = sum(
            1 for item in items if not is_json(item) and not (is_list(item) or is_object(item) or is_array(item))
        )
        if others * _FEW > len(items):
            try:
                text = json_serializer.serialize(items)
            except SerializationError:  # an item is of NumPy or pandas, or in error
                pass
            else:
                self._note(path, "plain", read_json(text))
                return [shown(item) for item in items]
        return [self.write(item, (*path, place)) for place, item in enumerate(items)]

    def _write_dict(self, members: dict[Any, Any], path: Path) -> dict[str, Any]:
        for key in members:
            if type(key) is not str:
                msg = f"{where(path)} has the key {key!r:.100}, and JSON has only texts as keys; use str(key)."
                raise SerializationError(msg)
        return {key: self.write(item, (*path, key)) for key, item in members.items()}

    def _write_array(self, array: Any, path: Path) -> Any:
        dtype = array.dtype
        if dtype.kind == "O":
            flat = array.ndim == 1
            items = self.write(array.tolist(), path) if flat else self._nested(array.tolist(), path, array.ndim)
            self._note(path, "objects", list(array.shape))
            return items
        if array.size and dtype.isnative and not set(_ONLY_LISTS).intersection(path[-1:]):
            narrow = _as_typed(array)
            if narrow is not None:
                self._note(path, "typed", dtype.str)
                spec = {"dtype": _TYPED_NAMES[narrow.dtype.str], "bdata": b64encode(narrow.tobytes()).decode()}
                return {**spec, "shape": ", ".join(map(str, array.shape))} if array.ndim > 1 else spec
        try:
            data = array_serializer.serialize(array)
        except SerializationError as error:
            msg = f"{where(path)} is an array that is not kept: {error}"
            raise SerializationError(msg) from error
        self._note(path, "npy", b64encode(data).decode())
        return shown(array)

    def _nested(self, items: Any, path: Path, depth: int) -> Any:
        """Return the items of an array of Python objects. A list below the array's own dimensions is an item."""
        if not depth:
            return self.write(items, path)
        return [self._nested(item, (*path, place), depth - 1) for place, item in enumerate(items)]

    def _write_other(self, value: Any, path: Path) -> Any:
        cls = class_of(value)
        library = cls.partition(".")[0]
        try:
            if is_scalar(value):
                self._note(path, "scalar", b64encode(scalar_serializer.serialize(value)).decode())
            elif library == "pandas":
                self._note(path, "pandas", _pandas_scalars().serialize(value).decode())
            else:
                self._note(path, "plain", read_json(json_serializer.serialize(value)))
        except SerializationError as error:
            advice = _advice_for(value)
            msg = f"{where(path)} is a {cls}, which is not kept in a figure. {advice}"
            raise SerializationError(msg) from error
        return shown(value)


def _advice_for(value: object) -> str:
    return advice_for(type(value)) or "Convert it to a list, a number, a text or an array of NumPy."


def is_json(value: Any) -> bool:
    """Say whether JSON has a value as it is, and without items."""
    if value is None or type(value) in (bool, str):
        return True
    if type(value) is int:
        return value.bit_length() <= MOST_BITS
    return type(value) is float and math.isfinite(value)


def is_array(value: Any) -> bool:
    """Say whether a value is an array of NumPy. A type checker learns nothing from it, and keeps `Any`."""
    return type(value) is np.ndarray


def is_scalar(value: Any) -> bool:
    """Say whether a value is a scalar of NumPy."""
    return isinstance(value, np.generic)


def shown(value: Any) -> Any:
    """Return a JSON value that shows a value of another type, as Plotly writes it: times in ISO format, NaN as null."""
    if is_array(value) or is_scalar(value):
        texts: Any = _np.datetime_as_string(value) if value.dtype.kind == "M" else value
        return shown(texts.tolist())
    if _is_collection(value):
        return [shown(item) for item in value]
    if is_json(value):
        return value
    if _is_missing(value) or isinstance(value, (float, int)):
        return None
    if isinstance(value, Decimal):
        return shown(float(value))
    return value.isoformat() if isinstance(value, (date, time)) else str(value)


def _is_collection(value: Any) -> bool:
    return isinstance(value, (list, tuple, set, frozenset))


def _is_missing(value: Any) -> bool:
    """Say whether a value is one of those that do not equal themselves: NaN, NaT and NA."""
    try:
        return bool(value != value)
    except (TypeError, ArithmeticError):
        return True


def _as_typed(array: Any) -> Any:
    """Return an array of a dtype that plotly.js has, with the same numbers. If no dtype has them all, return None."""
    dtype = array.dtype.str
    if dtype in _TYPED_NAMES:
        return array
    least, most = (int(array.min()), int(array.max())) if dtype in _NARROWER else (0, 0)
    for narrower in _NARROWER.get(dtype, ()):
        limits = np.iinfo(narrower)
        if limits.min <= least and most <= limits.max:
            return array.astype(narrower)
    return None


def _pandas_scalars() -> Any:
    return import_module("artigraph.serializer.pandas").scalar_serializer


# Reading --------------------------------------------------------------------------------------------------------------


def apply_notes(document: dict[str, Any], notes: list[Note]) -> None:
    """Replace the values in a JSON document that have a note by the values that were stored.

    Raises:
        DeserializationError: a note is not one that `Writer` makes. Broken notes may raise other errors, too.
    """
    for path, kind, content in notes:
        holder: Any = document
        for step in path[:-1]:
            holder = holder[_checked(holder, step)]
        last = _checked(holder, path[-1])
        holder[last] = _READERS[kind](holder[last], content)


def _checked(holder: Any, step: Any) -> Any:
    """Return a step of a path, if it leads to an item of a list or of a dict."""
    if (is_object(holder) and type(step) is str) or (is_list(holder) and type(step) is int and step >= 0):
        return step
    return refuse(f"a note leads to {step!r:.60}, which is not there")


def _read_typed(spec: Any, dtype: Any) -> Any:
    stored = np.dtype(_TYPED[spec["dtype"]])
    if dtype != stored.str and stored.str not in _NARROWER[dtype]:
        refuse("the dtype of an array does not fit its elements")
    flat = np.frombuffer(b64decode(spec["bdata"], validate=True), stored)
    shape = tuple(int(length) for length in spec.get("shape", str(flat.size)).split(","))
    if min(shape) < 0 or math.prod(shape) != flat.size:
        refuse("the shape of an array does not fit its elements")
    return flat.reshape(shape).astype(dtype)


def _read_npy(_: Any, text: str) -> Any:
    return array_serializer.deserialize(bytearray(b64decode(text, validate=True)))


def _read_objects(items: Any, shape: list[int]) -> Any:
    flat: list[Any] = [items]
    for length in shape:
        if not all(is_list(each) and len(each) == length for each in flat):
            refuse("the shape of an array does not fit its items")
        flat = [item for each in flat for item in each]
    array: Any = _np.empty(len(flat), object)
    for place, item in enumerate(flat):
        array[place] = item
    return array.reshape(shape)


def _read_scalar(_: Any, text: str) -> Any:
    return scalar_serializer.deserialize(b64decode(text, validate=True))


def _read_pandas(_: Any, text: str) -> Any:
    return _pandas_scalars().deserialize(text.encode())


def _read_plain(_: Any, content: Any) -> Any:
    return json_serializer.deserialize(write_json(content))


_READERS: dict[str, Callable[[Any, Any], Any]] = {
    "typed": _read_typed,
    "npy": _read_npy,
    "objects": _read_objects,
    "scalar": _read_scalar,
    "pandas": _read_pandas,
    "plain": _read_plain,
}


def refuse(what: str) -> NoReturn:
    """Raise the error for bytes that are not a stored figure."""
    msg = f"These bytes are not a stored figure: {what}."
    raise DeserializationError(msg)
