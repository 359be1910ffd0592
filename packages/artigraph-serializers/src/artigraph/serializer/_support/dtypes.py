"""Dtypes as JSON, such that they come back exactly."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from artigraph.errors import SerializationError

__all__ = ["FLAT_CHARS", "describe", "has_longdouble", "restore"]

FLAT_CHARS = frozenset("?bBhHiIlLqQefdgFDGSUVMmc")
"""The type characters of NumPy's own types whose elements are bytes in place."""


def describe(dtype: np.dtype[Any]) -> object:
    """Return a description that tells apart all that `==` tells apart, and alignment, C type and record class too.

    Raises:
        SerializationError: the dtype holds Python objects, carries metadata or comes from another library.
    """
    if dtype.metadata:
        msg = f"the dtype {dtype!r} carries metadata, which would be lost; drop it: array.astype({dtype.str!r})"
        raise SerializationError(msg)
    if dtype.hasobject:
        msg = (
            f"the dtype {dtype!r} holds Python objects; convert the array to a dtype of its own "
            "(array.astype(float), array.astype(str)), or store a list"
        )
        raise SerializationError(msg)
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return {"base": describe(base), "shape": list(shape)}
    if dtype.names is not None:
        return _describe_fields(dtype, dtype.names)
    if dtype.char not in FLAT_CHARS or type(dtype).__module__ != "numpy.dtypes":
        msg = f"the dtype {dtype!r} is not one of NumPy's own; store array.view(numpy.uint8) and its dtype's name"
        raise SerializationError(msg)
    usual = np.dtype(dtype.str)
    if dtype.type is not usual.type and dtype.char == usual.char:
        msg = f"the dtype {dtype!r} makes scalars of {dtype.type!r}, which would be lost; convert it by array.astype"
        raise SerializationError(msg)
    return dtype.str if dtype.char == usual.char else f"{dtype.str}:{dtype.char}"


def _describe_fields(dtype: np.dtype[Any], names: tuple[str, ...]) -> object:
    fields: list[tuple[Any, ...]] = [cast("Any", dtype.fields)[name] for name in names]
    titles = [title for _, _, *title in fields]
    for text in (*names, *(each for title in titles for each in title)):
        if type(text) is not str or not _is_unicode(text):
            msg = f"the dtype {dtype!r} has the field name or title {text!r}, which is not plain text; rename it"
            raise SerializationError(msg)
    if dtype.type not in (np.void, np.record):
        msg = f"the dtype {dtype!r} makes scalars of {dtype.type!r}, which would be lost; convert it by array.astype"
        raise SerializationError(msg)
    return {
        "names": list(names),
        "titles": [title[0] if title else None for title in titles],
        "formats": [describe(field[0]) for field in fields],
        "offsets": [field[1] for field in fields],
        "itemsize": dtype.itemsize,
        "aligned": dtype.isalignedstruct,
        "record": dtype.type is np.record,
    }


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def restore(description: Any) -> np.dtype[Any]:
    """Return the dtype of a description. What is not one raises whatever NumPy raises."""
    if isinstance(description, str):
        text, _, char = description.partition(":")
        dtype = np.dtype(text)
        if char:
            # The C type, where it is as wide on this platform; else the type that has this width.
            ctype = np.dtype(text[0].strip("|") + char)
            dtype = ctype if ctype.str == text else dtype
        if dtype.char not in FLAT_CHARS:
            msg = f"{description!r} is not the name of a dtype"
            raise ValueError(msg)
        return dtype
    if "base" in description:
        return np.dtype((restore(description["base"]), tuple(description["shape"])))
    spec = {
        "names": description["names"],
        "titles": description["titles"],
        "formats": [restore(each) for each in description["formats"]],
        "offsets": description["offsets"],
        "itemsize": description["itemsize"],
    }
    dtype = np.dtype(cast("Any", spec), align=bool(description["aligned"]))
    return np.dtype((np.record, dtype)) if description["record"] else dtype


def has_longdouble(dtype: np.dtype[Any]) -> bool:
    """Whether values of the dtype mean something else on a platform with another `long double`."""
    if dtype.subdtype is not None:
        return has_longdouble(dtype.subdtype[0])
    if dtype.names is not None:
        return any(has_longdouble(dtype[name]) for name in dtype.names)
    return dtype.char in "gG" and np.finfo(np.longdouble).nmant != np.finfo(np.float64).nmant
