"""Take sparse arrays and matrices apart into dense arrays, and put them together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import numpy as np

from artigraph.errors import DeserializationError, SerializationError
from artigraph.serializer._support.library import attributes_of, class_of

sp: Any = import_module("scipy.sparse")

FORMATS = ("bsr", "coo", "csc", "csr", "dia", "dok", "lil")
CLASSES: dict[str, Any] = {
    f"{each}_{kind}": getattr(sp, f"{each}_{kind}") for each in FORMATS for kind in ("array", "matrix")
}
"""The classes by name."""
_AS_COO = ("dok", "lil")
"""Formats of Python objects, which are stored as coo."""
_COMPRESSED = ("bsr", "csc", "csr")

Arrays = dict[str, Any]


def taken_apart(value: Any) -> Arrays:
    """Return the arrays of a sparse array: those that `scipy.sparse.save_npz` writes, and the class.

    Raises:
        SerializationError: it is of another class, its parts do not belong together, or it has something that would be
            lost.
    """
    if CLASSES.get(type(value).__name__) is not type(value):
        hint = "scipy.sparse.csr_array(value)" if sp.issparse(value) else "name another serializer"
        msg = f"A {class_of(value)} would not load as one; {hint}."
        raise SerializationError(msg)
    stored = _coo_of(value) if value.format in _AS_COO else value
    arrays: Arrays = {
        "format": np.array(stored.format.encode()),
        "shape": np.array(stored.shape, dtype=np.int64),
        "data": stored.data,
    }
    if isinstance(value, sp.sparray):
        arrays["_is_array"] = np.array(True)  # noqa: FBT003
    if stored.format != value.format:
        arrays["artigraph_format"] = np.array(value.format.encode())
    arrays |= _PARTS.get(stored.format, _compressed_parts)(stored)
    # The parts of a value may be replaced by its owner, so that they do not fit.
    cls = CLASSES[type(value).__name__]
    more = attributes_of(value) - attributes_of(put_together(arrays))
    lost = [name for name in more if name[0] != "_" and not hasattr(cls, name)]
    if lost:
        msg = f"The attribute {min(lost)!r:.100} of this instance would be lost; store it in a field of its own."
        raise SerializationError(msg)
    return arrays


def _compressed_parts(value: Any) -> Arrays:
    return {"indices": value.indices, "indptr": value.indptr}


def _coo_parts(value: Any) -> Arrays:
    if value.ndim == 2:  # noqa: PLR2004
        return {"row": value.coords[0], "col": value.coords[1]}
    dtypes = {along.dtype for along in value.coords}
    if len(dtypes) > 1:
        msg = (
            f"Its coordinates have the dtypes {', '.join(sorted(map(str, dtypes)))}, and would load with one of them; "
            "set value.coords = tuple(along.astype(numpy.int64) for along in value.coords)."
        )
        raise SerializationError(msg)
    return {"coords": np.array(value.coords, dtype=dtypes.pop()).reshape(value.ndim, -1)}


def _dia_parts(value: Any) -> Arrays:
    return {"offsets": value.offsets}


_PARTS: Mapping[str, Callable[[Any], Arrays]] = {"coo": _coo_parts, "dia": _dia_parts}


def _coo_of(value: Any) -> Any:
    """Return a value of Python objects as coo, in its own order and with its stored zeros."""
    cls = CLASSES["coo_array" if isinstance(value, sp.sparray) else "coo_matrix"]
    if value.format == "dok":
        found = cls(value.shape, dtype=value.dtype)
        keys: list[Any] = list(value.keys())
        coords = np.array(keys, dtype=np.int64).reshape(-1, len(value.shape)).T
        found.coords = tuple(coords)
        found.data = np.array(list(value.values()), dtype=value.dtype)
        return found
    found = cls(value.shape, dtype=value.dtype)
    rows = np.repeat(np.arange(value.shape[0], dtype=np.int64), [len(row) for row in value.rows])
    found.coords = (rows, np.array([place for row in value.rows for place in row], dtype=np.int64))
    found.data = np.array([each for row in value.data for each in row], dtype=value.dtype)
    return found


def put_together(arrays: Mapping[str, Any]) -> Any:
    """Return the sparse array of its parts. It uses their memory.

    Raises:
        DeserializationError: the parts do not belong together. Indexes out of range would crash SciPy later.
    """
    stored = arrays["format"].item().decode()
    name = arrays["artigraph_format"].item().decode() if "artigraph_format" in arrays else stored
    kind = "array" if "_is_array" in arrays else "matrix"
    cls, coo = CLASSES[f"{name}_{kind}"], CLASSES[f"coo_{kind}"]
    shape: tuple[int, ...] = tuple(arrays["shape"].tolist())
    data = arrays["data"]
    if name in _AS_COO:
        _check(stored == "coo", "its format is unknown")
        return _objects_of(cls, _coo_from(coo, shape, data, arrays))
    _check(stored == name, "its format is unknown")
    if name == "coo":
        return _coo_from(cls, shape, data, arrays)
    if name == "dia":
        offsets = arrays["offsets"]
        _check(data.ndim == 2 and offsets.shape == data.shape[:1], "its diagonals are not those of its offsets")  # noqa: PLR2004
        _check(len(np.unique(offsets)) == len(offsets), "an offset is there twice")
        found = cls(shape, dtype=data.dtype)
        found.data, found.offsets = data, offsets
        return found
    return _compressed_from(cls, shape, data, arrays)


def _compressed_from(cls: Any, shape: tuple[int, ...], data: Any, arrays: Mapping[str, Any]) -> Any:
    indices, indptr = arrays["indices"], arrays["indptr"]
    _check(indices.dtype.kind == indptr.dtype.kind == "i", "its indexes are not whole numbers")
    options: dict[str, Any] = {}
    if cls.__name__.startswith("bsr"):
        _check(data.ndim == 3, "its blocks are not two-dimensional")  # noqa: PLR2004
        options["blocksize"] = data.shape[1:]
    found = cls(shape, dtype=data.dtype, **options)
    found.data, found.indices, found.indptr = data, indices, indptr
    found.check_format(full_check=True)
    # The constructor, and the check, may have narrowed the indexes.
    found.data, found.indices, found.indptr = data, indices, indptr
    return found


def _coo_from(cls: Any, shape: tuple[int, ...], data: Any, arrays: Mapping[str, Any]) -> Any:
    coords = tuple(arrays["coords"]) if "coords" in arrays else (arrays["row"], arrays["col"])
    _check(len(coords) == len(shape) and data.ndim == 1, "its coordinates are not those of its shape")
    for along, length in zip(coords, shape, strict=True):
        _check(along.dtype.kind == "i" and along.shape == data.shape, "its coordinates are not those of its values")
        _check(not along.size or 0 <= along.min() <= along.max() < length, "a coordinate is out of range")
    found = cls(shape, dtype=data.dtype)
    found.coords, found.data = coords, data
    found.has_canonical_format = False  # an empty array is canonical, and these values may be neither sorted nor unique
    return found


def _objects_of(cls: Any, coo: Any) -> Any:
    """Return a value of Python objects."""
    found = cls(coo.shape, dtype=coo.dtype)
    if cls.__name__.startswith("dok"):
        places = zip(*(along.tolist() for along in coo.coords), strict=True)
        for place, value in zip(places, coo.data, strict=True):
            key: Any = place if len(coo.shape) > 1 else next(iter(place))
            found.setdefault(key, value)
        return found
    for row, column, value in zip(*(along.tolist() for along in coo.coords), coo.data.tolist(), strict=True):
        found.rows[row].append(column)
        found.data[row].append(value)
    return found


def _check(holds: object, otherwise: str) -> None:
    if not holds:
        msg = f"These parts are not a sparse array: {otherwise}."
        raise DeserializationError(msg)
