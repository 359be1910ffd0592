"""Write NumPy's dtypes as JSON, from which exactly the same dtypes are made."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from artigraph.errors import SerializationError

FLAT_CHARS = frozenset("?bBhHiIlLqQefdgFDGSUVMmc")
"""The type characters of NumPy's own types that hold their elements in the array's memory."""


def describe(dtype: np.dtype[Any]) -> object:
    """Return a description of a dtype that is as exact as `==`, and also keeps alignment, C type and record class.

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
    by_name: Any = dtype.fields
    fields: list[tuple[Any, ...]] = [by_name[name] for name in names]
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
    """Return the dtype of a description. An invalid description raises the errors of NumPy."""
    if isinstance(description, str):
        text, _, char = description.partition(":")
        dtype = np.dtype(text)
        if char:
            # The C type if it has the same width on this platform, otherwise the type of this width.
            ctype = np.dtype(text[0].strip("|") + char)
            dtype = ctype if ctype.str == text else dtype
        if dtype.char not in FLAT_CHARS:
            msg = f"{description!r} is not the name of a dtype"
            raise ValueError(msg)
        return dtype
    if "base" in description:
        return np.dtype((restore(description["base"]), tuple(description["shape"])))
    spec: Any = {
        "names": description["names"],
        "titles": description["titles"],
        "formats": [restore(each) for each in description["formats"]],
        "offsets": description["offsets"],
        "itemsize": description["itemsize"],
    }
    dtype = np.dtype(spec, align=bool(description["aligned"]))
    return np.dtype((np.record, dtype)) if description["record"] else dtype


def has_longdouble(dtype: np.dtype[Any]) -> bool:
    """Say whether values of the dtype have another meaning on a platform with another `long double`."""
    if dtype.subdtype is not None:
        return has_longdouble(dtype.subdtype[0])
    if dtype.names is not None:
        return any(has_longdouble(dtype[name]) for name in dtype.names)
    return dtype.char in "gG" and np.finfo(np.longdouble).nmant != np.finfo(np.float64).nmant


_X87_MANTISSA = 63
_X87_BYTES = 10


def memory_of(array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Return the bytes of an array's elements in C order, with padding set to zero. A view where possible.

    Padding may be uninitialized memory or old data of something else. So it must not be stored. Also, equal arrays must
    have equal bytes.
    """
    if array.nbytes == 0:
        return np.empty(0, np.uint8)
    meaningful = _meaningful_bytes(array.dtype)
    if meaningful.all():
        return np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    # Copied as raw bytes: a copy by fields or numbers may leave out the padding between them.
    elements = np.array(array.view(f"V{array.itemsize}"), order="C").reshape(-1)
    copy = elements.view(np.uint8).reshape(-1, array.itemsize)
    copy[:, ~meaningful] = 0
    return copy.reshape(-1)


def _meaningful_bytes(dtype: np.dtype[Any]) -> npt.NDArray[np.bool_]:
    """Return a flag for each byte of an element: whether it belongs to the value or is padding.

    Padding lies between, before and after the fields of a structured dtype. An x87 `long double` has padding, too: it
    fills up 80 bits, after the number in little-endian order and before it in big-endian order.
    """
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return np.tile(_meaningful_bytes(base), math.prod(shape))
    if dtype.names is not None:
        found = np.zeros(dtype.itemsize, np.bool_)
        fields: Any = dtype.fields
        for name in dtype.names:
            kind, offset = fields[name][:2]
            found[offset : offset + kind.itemsize] |= _meaningful_bytes(kind)
        return found
    found = np.ones(dtype.itemsize, np.bool_)
    if dtype.char in "gG" and np.finfo(np.longdouble).nmant == _X87_MANTISSA:
        numbers = found.reshape(-1, np.dtype(np.longdouble).itemsize)
        numbers[:, slice(None, -_X87_BYTES) if dtype.str[0] == ">" else slice(_X87_BYTES, None)] = False
    return found
