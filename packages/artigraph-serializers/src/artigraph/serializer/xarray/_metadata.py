"""Names, attributes and encodings as JSON, with the exact types of plain values and of NumPy's and pandas's."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from artigraph.errors import DeserializationError, SerializationError
from artigraph.serializer._support.dtypes import describe, restore
from artigraph.serializer._support.library import class_of
from artigraph.serializer.base import Serializer
from artigraph.serializer.codec import MAX_DEPTH, decode, encode
from artigraph.serializer.numpy import array_serializer, scalar_serializer
from artigraph.serializer.pandas import scalar_serializer as pandas_scalar_serializer

_ITEMS: dict[str, Callable[[list[Any]], Any]] = {"list": list, "tuple": tuple}
_SERIALIZERS: dict[str, Serializer[Any]] = {
    "pandas": pandas_scalar_serializer,
    "scalar": scalar_serializer,
    "array": array_serializer,
}


def to_json(value: object, depth: int = 0) -> Any:
    """Return a value as JSON: a text if it is plain, otherwise an object that says what it is.

    Raises:
        SerializationError: it, or a part of it, is of another type.
    """
    for kind, serializer in _SERIALIZERS.items():
        if type(value) in serializer.types or (kind == "scalar" and isinstance(value, np.generic)):
            return {kind: base64.b64encode(serializer.serialize(value)).decode()}
    known: Any = value
    if isinstance(value, np.dtype):
        return {"dtype": describe(known)}
    try:
        return encode(value).decode()
    except SerializationError:
        if type(value) not in (dict, list, tuple) or depth > MAX_DEPTH:
            raise
    if isinstance(value, dict):
        return {"dict": [[to_json(key, depth + 1), to_json(each, depth + 1)] for key, each in known.items()]}
    return {type(known).__name__: [to_json(each, depth + 1) for each in known]}


def from_json(stored: Any) -> Any:
    """Return the value of JSON that `to_json` returned. Raises an error for other JSON."""
    if isinstance(stored, str):
        return decode(stored.encode())
    ((kind, content),) = stored.items()
    if kind == "dtype":
        return restore(content)
    if kind == "dict":
        return {from_json(key): from_json(each) for key, each in content}
    if kind in _ITEMS:
        return _ITEMS[kind]([from_json(each) for each in content])
    return _SERIALIZERS[kind].deserialize(base64.b64decode(content, validate=True))


def name_to_json(name: object) -> Any:
    """Return a name as JSON: a text is itself."""
    return name if type(name) is str else {"name": to_json(name)}


def name_from_json(stored: Any) -> Any:
    """Return the name of JSON that `name_to_json` returned. Raises an error for other JSON."""
    name = stored if isinstance(stored, str) else from_json(stored["name"])
    hash(name)
    return name


def mapping_to_json(mapping: Mapping[Any, Any], where: str, remedy: str) -> list[Any]:
    """Return attributes or an encoding as JSON.

    Args:
        mapping: the attributes.
        where: whose they are, as an error names it.
        remedy: what an error says to do.

    Raises:
        SerializationError: names the attribute that would not load exactly.
    """
    found: list[Any] = []
    for key, value in mapping.items():
        try:
            found.append([name_to_json(key), to_json(value)])
        except SerializationError as error:
            msg = f"{where} have {key!r:.100}, a {class_of(value)} that would not load exactly: {error} {remedy}"
            raise SerializationError(msg) from error
    return found


def mapping_from_json(stored: Any) -> dict[Any, Any]:
    """Return the attributes of JSON that `mapping_to_json` returned. Raises an error for other JSON."""
    found = {name_from_json(key): from_json(value) for key, value in stored}
    if len(found) != len(stored):
        refuse("an attribute is there twice")
    return found


def refuse(what: str) -> Any:
    """Raise the error for bytes that are no stored dataset."""
    msg = f"These bytes are not a stored value of xarray: {what}."
    raise DeserializationError(msg)
