"""Take datasets and labeled arrays apart into a head, arrays and indexes, and put them together."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from artigraph.errors import SerializationError
from artigraph.serializer._support.dtypes import describe, restore
from artigraph.serializer._support.library import class_of
from artigraph.serializer.xarray._metadata import (
    mapping_from_json,
    mapping_to_json,
    name_from_json,
    name_to_json,
    refuse,
)

xr: Any = import_module("xarray")
_indexes: Any = import_module("xarray.indexes")
pd: Any = import_module("pandas")

HEAD = "artigraph.json"
"""The member that says how to make the value from the others."""
VERSION = 1
ARRAY, VALUES, INDEX = "array", "values", "index"
"""How a variable is stored: as an npy file, as a series of pandas, or with its index."""
DATA, COORDINATE, OWN = "data", "coordinate", "own"
"""What a variable is: of the data of a dataset, a coordinate, or the array itself."""
_SIMPLE_NAME = re.compile(r"\w[\w .-]{0,99}", re.ASCII)
_KINDS = {"string": "U", "bytes": "S"}
"""The kinds of dtypes of fixed width, by the content of the index from which such a coordinate is made."""

Head = dict[str, Any]
Entry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TakenApart:
    """A dataset or a labeled array in parts."""

    head: Head
    variables: dict[str, Any]
    """The variables that are stored as arrays or as values, by the name of the member."""
    indexes: dict[str, Any]
    """The indexes of pandas, by the name of the member."""


def is_numpy(array: object) -> bool:
    """Say whether an array is one of NumPy, or of a class derived from it."""
    return isinstance(array, np.ndarray)


def is_numpy_dtype(dtype: object) -> bool:
    """Say whether a dtype is one of NumPy, not of pandas."""
    return isinstance(dtype, np.dtype)


# Taking apart ---------------------------------------------------------------------------------------------------------


def taken_apart(value: Any) -> TakenApart:
    """Return the parts of a dataset or a labeled array. Computes no elements.

    Raises:
        SerializationError: it would not load exactly. Says what to do.
    """
    is_array = isinstance(value, xr.DataArray)
    coords = {name: value.coords[name].variable for name in value.coords}
    listed = [(OWN, value.name, value.variable)] if is_array else []
    listed += [
        (COORDINATE if name in coords else DATA, name, each)
        for name, each in (coords if is_array else value.variables).items()
    ]
    names = _MemberNames()
    taken = TakenApart({"artigraph": VERSION, "kind": "dataarray" if is_array else "dataset"}, {}, {})
    for role, name, variable in listed:
        entry = _describe_variable(role, name, variable, indexed=role == COORDINATE and name in value.xindexes)
        if entry["store"] != INDEX:
            entry["member"] = names.make(name, ".npy" if entry["store"] == ARRAY else ".parquet")
            taken.variables[entry["member"]] = variable
        taken.head.setdefault("variables", []).append(entry)
    taken.head.setdefault("variables", [])
    taken.head["indexes"] = [
        _describe_index(index, list(of), names, taken) for index, of in value.xindexes.group_by_index()
    ]
    if not is_array:
        taken.head["attrs"] = _attrs(value.attrs, "The attrs of the dataset")
        taken.head["encoding"] = _encoding(value.encoding, "The encoding of the dataset")
    _check_again(value, taken)
    return taken


class _MemberNames:
    """Makes names for members: that of the variable if it is a simple text, otherwise a number."""

    def __init__(self) -> None:
        self._taken = {HEAD}

    def make(self, name: object, suffix: str) -> str:
        simple = isinstance(name, str) and _SIMPLE_NAME.fullmatch(name)
        found = f"{name}{suffix}" if simple else f"variable {len(self._taken)}{suffix}"
        while found in self._taken:
            found = f"{found.removesuffix(suffix)}.{len(self._taken)}{suffix}"
        self._taken.add(found)
        return found


def _describe_variable(role: str, name: object, variable: Any, *, indexed: bool) -> Entry:
    where = "this array" if role == OWN and name is None else repr(name)
    dtype: Any = variable.dtype
    if variable.chunks is not None:
        msg = f"{where} is computed by dask, in chunks. Store the result: value.compute(), or value.load()."
        raise SerializationError(msg)
    store = INDEX if indexed else ARRAY if is_numpy_dtype(dtype) and dtype.kind != "O" else VALUES
    return {
        "name": name_to_json(name),
        "role": role,
        "store": store,
        "dims": [name_to_json(dim) for dim in variable.dims],
        "shape": [int(length) for length in variable.shape],
        "dtype": str(dtype),
        "attrs": _attrs(variable.attrs, f"The attrs of {where}"),
        "encoding": _encoding(variable.encoding, f"The encoding of {where}"),
    }


def _attrs(attrs: Mapping[Any, Any], where: str) -> list[Any]:
    return mapping_to_json(attrs, where, "Convert it in value.attrs, or remove it there.")


def _encoding(encoding: Mapping[Any, Any], where: str) -> list[Any]:
    return mapping_to_json(
        encoding, where, "An encoding only says how a file was written: store value.drop_encoding()."
    )


def _describe_index(index: Any, coords: list[Any], names: _MemberNames, taken: TakenApart) -> Entry:
    first = coords[0]
    if type(index) not in (_indexes.PandasIndex, _indexes.PandasMultiIndex):
        msg = (
            f"The index of {first!r} is a {class_of(index)}, which would not load exactly. Store "
            f"value.drop_indexes({coords!r}), which keeps the coordinates, and set the index again after the load."
        )
        raise SerializationError(msg)
    is_multi = type(index) is _indexes.PandasMultiIndex
    dtypes: list[Any] = list(index.level_coords_dtype.values()) if is_multi else [index.coord_dtype]
    parts = index.index.levels if is_multi else [index.index]
    for dtype, part in zip(dtypes, parts, strict=True):
        if not _is_of(dtype, part):
            msg = f"The coordinate {first!r} is of {dtype}, and its index of {part.dtype}; make it anew: assign_coords."
            raise SerializationError(msg)
    member = names.make(f"index of {first}" if isinstance(first, str) else first, ".parquet")
    taken.indexes[member] = index.index
    return {
        "coords": [name_to_json(each) for each in coords],
        "dim": name_to_json(index.dim),
        "multi": is_multi,
        "dtypes": [_dtype_to_json(each) for each in dtypes],
        "member": member,
    }


def _dtype_to_json(dtype: Any) -> Any:
    """Return the dtype of an indexed coordinate as JSON: None if it is the one of its index, which pandas describes."""
    if not is_numpy_dtype(dtype):
        return None
    return "object" if dtype.kind == "O" else describe(dtype)


def _dtype_from_json(stored: Any, index: Any) -> Any:
    dtype: Any = index.dtype if stored is None else np.dtype(object) if stored == "object" else restore(stored)
    if not _is_of(dtype, index):
        refuse("the dtype of a coordinate is not that of its index")
    return dtype


def _is_of(dtype: Any, index: Any) -> bool:
    """Say whether labels of an index can be elements of a coordinate of this dtype."""
    if not is_numpy_dtype(dtype):
        return bool(dtype == index.dtype)
    if dtype.kind == "O":
        return True
    if dtype.kind in "UST":
        return index.inferred_type in (
            "empty",
            *(kind for kind in _KINDS if _KINDS[kind] in dtype.kind or dtype.kind == "T"),
        )
    return is_numpy_dtype(index.dtype) and bool(np.can_cast(index.dtype, dtype, "same_kind"))


# Putting together -----------------------------------------------------------------------------------------------------


def check_head(head: Head) -> Head:
    """Return a head whose parts belong together.

    Raises:
        DeserializationError: they do not, or a newer release wrote it.
    """
    if head["artigraph"] != VERSION or head["kind"] not in ("dataset", "dataarray"):
        refuse("a newer release wrote it, or another program")
    indexed = [name_from_json(name) for index in head["indexes"] for name in index["coords"]]
    stored = [name_from_json(entry["name"]) for entry in head["variables"] if entry["store"] == INDEX]
    if len(set(indexed)) != len(indexed) or set(indexed) != set(stored):
        refuse("its indexes are not those of its coordinates")
    named = [name_from_json(entry["name"]) for entry in head["variables"] if entry["role"] != OWN]
    own = sum(entry["role"] == OWN for entry in head["variables"])
    if len(set(named)) != len(named) or own != (head["kind"] == "dataarray"):
        refuse("it has a variable twice, or not at all")
    return head


def members_of(head: Head) -> Iterator[str]:
    """Yield the names of the members that a head uses."""
    yield HEAD
    for entry in [*head["variables"], *head["indexes"]]:
        if "member" in entry:
            yield entry["member"]


def put_together(head: Head, data_of: Callable[[Entry], Any], index_of: Callable[[Entry], Any]) -> Any:
    """Return the dataset or the labeled array of a head.

    Args:
        head: a checked head.
        data_of: returns the array of a variable that is not stored with its index.
        index_of: returns the index of pandas.
    """
    metadata: dict[Any, tuple[Any, Any]] = {}
    variables: dict[Any, Any] = {}
    roles: dict[Any, str] = {}
    own: Any = None
    for entry in head["variables"]:
        name = name_from_json(entry["name"])
        attrs, encoding = mapping_from_json(entry["attrs"]), mapping_from_json(entry["encoding"])
        if entry["role"] == OWN:
            own = (name, _variable(entry, data_of(entry), attrs, encoding))
            continue
        roles[name] = entry["role"]
        metadata[name] = attrs, encoding
        variables[name] = None if entry["store"] == INDEX else _variable(entry, data_of(entry), attrs, encoding)
    indexes: dict[Any, Any] = {}
    for entry in head["indexes"]:
        index, made = _indexed(entry, index_of(entry), metadata)
        indexes |= dict.fromkeys(made, index)
        variables |= made
    for entry in head["variables"]:
        if entry["role"] != OWN and list(variables[name_from_json(entry["name"])].shape) != entry["shape"]:
            refuse("a variable has another shape than its index")
    # All are coordinates at first: the constructor of a dataset makes one of data with the name of a dimension.
    coordinates = xr.Coordinates(variables, indexes)
    if own is not None:
        found = xr.DataArray(own[1], coords=coordinates, name=own[0])
        found.encoding = own[1].encoding
        return found
    found = coordinates.to_dataset()[list(variables)]
    found = found.reset_coords([name for name in variables if roles[name] == DATA])
    found.attrs = mapping_from_json(head["attrs"])
    found.encoding = mapping_from_json(head["encoding"])
    return found


def _variable(entry: Entry, data: Any, attrs: Any, encoding: Any) -> Any:
    dims = tuple(name_from_json(dim) for dim in entry["dims"])
    if list(data.shape) != entry["shape"] or len(dims) != len(data.shape):
        refuse("an array has another shape than its variable")
    # Without a conversion, which would make times of objects. Arrays of pandas have to be wrapped, though.
    return xr.Variable(dims, data, attrs, encoding, fastpath=is_numpy(data))


def _indexed(entry: Entry, labels: Any, metadata: dict[Any, tuple[Any, Any]]) -> tuple[Any, dict[Any, Any]]:
    """Return an index of xarray, and the variables of its coordinates."""
    dim = name_from_json(entry["dim"])
    names = [name_from_json(name) for name in entry["coords"]]
    if isinstance(labels, pd.MultiIndex) != entry["multi"]:
        refuse("an index is of another kind")
    parts = labels.levels if entry["multi"] else [labels]
    dtypes = [_dtype_from_json(stored, part) for stored, part in zip(entry["dtypes"], parts, strict=True)]
    if entry["multi"]:
        index = _indexes.PandasMultiIndex(labels, dim, dict(zip(labels.names, dtypes, strict=True)))
    else:
        index = _indexes.PandasIndex(labels, dim, dtypes[0])
    described = {name: xr.Variable((), 0, *metadata[name]) for name in names}
    made: dict[Any, Any] = index.create_variables(described)
    if set(made) != set(names):
        refuse("an index has other coordinates")
    return index, made


# Checking -------------------------------------------------------------------------------------------------------------


def _check_again(value: Any, taken: TakenApart) -> None:
    """Refuse a value that its parts do not make again. The elements do not matter here, so arrays of no memory do."""

    def data_of(entry: Entry) -> Any:
        variable = taken.variables[entry["member"]]
        if not is_numpy_dtype(variable.dtype):
            return variable.data
        nothing: Any = np.zeros((), variable.dtype)
        return np.broadcast_to(nothing, variable.shape)

    again = put_together(check_head(taken.head), data_of, lambda entry: taken.indexes[entry["member"]])
    if outline(again) != outline(value):
        msg = f"This {class_of(value)} would not come back with the same coordinates and indexes; make it anew."
        raise SerializationError(msg)


def outline(value: Any) -> Any:
    """Return what a value is made of, without elements and dtypes."""
    is_array = isinstance(value, xr.DataArray)
    coords = [(name, each.variable.dims, each.variable.shape) for name, each in value.coords.items()]
    data = [] if is_array else [(name, each.dims, each.shape) for name, each in value.variables.items()]
    indexes: list[Any] = [(type(index), list(of)) for index, of in value.xindexes.group_by_index()]
    own = (value.name, value.dims, value.shape) if is_array else None
    return type(value), own, coords, data, indexes
