"""The serializers of datasets and labeled arrays, with their equality and previews."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, ClassVar

import numpy as np

from artigraph.errors import SerializationError
from artigraph.serializer import preview
from artigraph.serializer._support.archive import open_archive
from artigraph.serializer._support.array_preview import shape_text
from artigraph.serializer._support.difference import Differing, named, told
from artigraph.serializer._support.library import PartsSerializer, class_of, deserializing
from artigraph.serializer._support.preview import table_preview, unread_table, within_limit
from artigraph.serializer.numpy.compare import differing_array, same_array, same_object
from artigraph.serializer.pandas import index_serializer, series_serializer
from artigraph.serializer.preview import TablePreview
from artigraph.serializer.xarray import _archive
from artigraph.serializer.xarray._archive import head_of
from artigraph.serializer.xarray._metadata import name_from_json
from artigraph.serializer.xarray._variables import HEAD, INDEX, OWN, Entry, is_numpy, pd, xr

Buffer = bytes | bytearray | memoryview


class _VariablesSerializer(PartsSerializer[Any, TablePreview]):
    """A serializer of values that consist of variables with coordinates."""

    kind: ClassVar[str]
    noun: ClassVar[str]

    def size_hint(self, value: Any) -> int | None:
        """Return the bytes of the elements of all variables."""
        return int(value.nbytes) if isinstance(value, self.types) else None

    def _to_parts(self, value: Any) -> Iterator[bytes | memoryview]:
        """Yield an archive in parts of at most 8 MiB, mostly views of the arrays' memory."""
        if type(value) not in self.types:
            name = self.types[0].__name__
            remedy = f"convert it: xarray.{name}(value)" if isinstance(value, self.types) else "name another serializer"
            msg = f"A {class_of(value)} would not load as one; {remedy}."
            raise SerializationError(msg)
        yield from _archive.to_parts(value)

    def _from_bytes(self, data: Buffer) -> Any:
        """Return the value of an archive. A writable buffer becomes the arrays' memory; any other buffer is copied."""
        return _archive.from_buffer(data, self.kind)

    def deserialize_mapped(self, buffer: memoryview) -> Any:
        """Return a value whose arrays are read-only, over the buffer. Indexes and objects are copied."""
        with deserializing(self.name):
            return _archive.from_buffer(buffer.toreadonly(), self.kind, mapped=True)

    def _preview(self, file: BinaryIO, rows: int, columns: int, max_bytes: int) -> TablePreview:
        """Return a table with name, role, dimensions, dtype and shape of each variable. Reads no elements."""
        return preview_variables(file, self.kind, self.noun, rows=rows, columns=columns, max_bytes=max_bytes)

    def equal(self, one: Any, other: Any) -> bool:
        """Say whether two values have equal variables, coordinates, indexes, dtypes and attrs. NaN equals NaN.

        Neither the order of variables counts nor an encoding.
        """
        return same(one, other)

    def describe_change(self, before: Any, after: Any) -> str:
        """Return one line on names, sizes, dtypes, and how many elements of which variables differ by how much."""
        return describe_difference(before, after)


class DatasetSerializer(_VariablesSerializer):
    """Stores datasets as archives of npy files that are not compressed, with a JSON head.

    A loaded dataset has the same variables and coordinates in the same order, with their dimensions, dtypes and bits.
    It keeps the indexes of pandas, also a MultiIndex, and attrs and encodings. These may hold plain values, and those
    of NumPy and pandas. Arrays of objects may hold what objects in columns of pandas may be. `numpy.load` reads the
    arrays.

    Data of a file that is opened lazily is read when it is stored.

    Refused, with the name of the variable:

    - arrays in chunks of dask: store `value.compute()`
    - arrays of other libraries, such as sparse or pint
    - indexes that are not pandas's: store `value.drop_indexes(...)`
    - attrs and encodings with other objects: convert them, or store `value.drop_encoding()`
    - subclasses of Dataset
    """

    name = "xarray-dataset"
    types: tuple[type[Any], ...] = (xr.Dataset,)
    kind = "dataset"
    noun = "dataset"

    def deserialize_columns(self, file: BinaryIO, columns: Sequence[Any]) -> Any:
        """Return what `dataset[columns]` returns: these variables and their coordinates. Reads no other variables."""
        with deserializing(self.name):
            return _archive.from_file(file, list(columns))


class DataArraySerializer(_VariablesSerializer):
    """Stores labeled arrays as archives of npy files that are not compressed, with a JSON head.

    It keeps name, dimensions and coordinates, and keeps and refuses what `DatasetSerializer` does.
    """

    name = "xarray-dataarray"
    types: tuple[type[Any], ...] = (xr.DataArray,)
    kind = "dataarray"
    noun = "labeled array"


# Previews -------------------------------------------------------------------------------------------------------------


_PARSED = 24
"""How many times the memory of its text a parsed head takes."""
_LEAST_HEAD = 2**12
"""Bytes of a head that is parsed whatever the limit is."""


def preview_variables(
    file: BinaryIO, kind: str, noun: str, *, rows: int, columns: int, max_bytes: int
) -> preview.TablePreview:
    """Return a table of the variables in an archive. Reads none of their elements."""
    limited = preview.LimitedFile(file, max_bytes)

    def read() -> preview.TablePreview:
        with open_archive(limited) as archive:
            length = archive.getinfo(HEAD).file_size
            if length > max(max_bytes // _PARSED, _LEAST_HEAD):
                limited.exceeded = True
                msg = f"a head of {length} bytes is too much for a preview"
                raise OSError(msg)
            entries = head_of(archive, kind)["variables"]
        shown: list[Entry] = entries[: max(rows, 0)]
        cells = preview.Cells()
        every: list[tuple[str, str, list[preview.Cell]]] = [
            ("variable", "str", [cells.of(_name(each["name"])) for each in shown]),
            ("role", "str", [cells.of(_role(each)) for each in shown]),
            ("dims", "str", [cells.of(", ".join(_name(dim) or "None" for dim in each["dims"])) for each in shown]),
            ("dtype", "str", [cells.of(str(each["dtype"])) for each in shown]),
            ("shape", "str", [cells.of(_shape(each["shape"])) for each in shown]),
        ]
        described = [(preview.TableColumn(name, dtype), found) for name, dtype, found in every[: max(columns, 0)]]
        return table_preview(
            described,
            cells,
            rows=rows,
            size=limited.size,
            total_rows=len(entries),
            total_columns=len(every),
            noun=noun,
        )

    return within_limit(limited, read, lambda: unread_table(limited.size, noun))


def _name(stored: object) -> str | None:
    name: object = name_from_json(stored)
    return name if name is None or isinstance(name, str) else str(name)


def _role(entry: Entry) -> str:
    return "array" if entry["role"] == OWN else f"{entry['role']}{', indexed' if entry['store'] == INDEX else ''}"


def _shape(shape: list[int]) -> str:
    math.prod(shape)  # fails for what is no shape
    return shape_text(tuple(shape))


# Equality and differences ---------------------------------------------------------------------------------------------


def same(one: Any, other: Any) -> bool:
    """Say whether two values have one class and equal variables, coordinates, indexes and attributes."""
    if type(one) is not type(other):
        return False
    if isinstance(one, xr.DataArray):
        if not (same_object(one.name, other.name) and same_variable(one.variable, other.variable)):
            return False
    elif (
        not same_object(dict(one.attrs), dict(other.attrs))
        or set(one.data_vars) != set(other.data_vars)
        or not all(same_variable(one.variables[name], other.variables[name]) for name in one.data_vars)
    ):
        return False
    return _same_coordinates(one, other)


def _same_coordinates(one: Any, other: Any) -> bool:
    if set(one.coords) != set(other.coords) or set(one.xindexes) != set(other.xindexes):
        return False
    if not all(same_variable(one.coords[name].variable, other.coords[name].variable) for name in one.coords):
        return False
    return all(_same_index(one.xindexes[name], other.xindexes[name]) for name in one.xindexes)


def _same_index(one: Any, other: Any) -> bool:
    if type(one) is not type(other) or not isinstance(getattr(one, "index", None), pd.Index):
        return bool(one is other)
    return index_serializer.equal(one.index, other.index)


def same_variable(one: Any, other: Any) -> bool:
    """Say whether two variables have equal dimensions, dtypes, elements and attributes. NaN equals NaN."""
    if one.dims != other.dims or one.shape != other.shape or one.dtype != other.dtype:
        return False
    return same_object(dict(one.attrs), dict(other.attrs)) and same_elements(one, other)


def same_elements(one: Any, other: Any) -> bool:
    """Say whether two variables of one shape and dtype have equal elements. NaN equals NaN."""
    mine, theirs = one.data, other.data
    if is_numpy(mine) and is_numpy(theirs):
        return same_array(mine, theirs)
    if isinstance(mine, pd.api.extensions.ExtensionArray):
        return type(mine) is type(theirs) and series_serializer.equal(pd.Series(mine), pd.Series(theirs))
    return mine is theirs


def describe_difference(before: Any, after: Any) -> str:
    """Return one line on how two values of one class differ."""
    parts: list[str] = []
    if isinstance(before, xr.DataArray):
        if not same_object(before.name, after.name):
            parts.append(f"name: {before.name!r:.60} → {after.name!r:.60}".replace("\n", " "))
        changed = _difference(before.variable, after.variable)
        parts += [changed] if changed else []
        mine, theirs = _coordinates(before), _coordinates(after)
    else:
        mine, theirs = dict(before.variables), dict(after.variables)
    sizes = [
        f"{dim!r} {before.sizes.get(dim, 0):,} → {after.sizes.get(dim, 0):,}"
        for dim in dict.fromkeys([*before.sizes, *after.sizes])
        if before.sizes.get(dim) != after.sizes.get(dim)
    ]
    parts += named("sizes", sizes)
    parts += named("new variables", [repr(name) for name in theirs if name not in mine])
    parts += named("without variables", [repr(name) for name in mine if name not in theirs])
    both = [(name, _difference(mine[name], theirs[name])) for name in mine if name in theirs]
    parts += named("variables differ", [f"{name!r} {text}" for name, text in both if text])
    if not isinstance(before, xr.DataArray) and not same_object(dict(before.attrs), dict(after.attrs)):
        parts.append("attrs differ")
    return "; ".join(parts) or "alike in variables and attrs, not in roles or indexes"


def _coordinates(value: Any) -> dict[Any, Any]:
    return {name: value.coords[name].variable for name in value.coords}


def _difference(one: Any, other: Any) -> str:
    """Return a few words on how two variables differ, or none."""
    parts: list[str] = []
    if one.dims != other.dims:
        parts.append(f"{_dims(one)} → {_dims(other)}")
    if one.dtype != other.dtype:
        parts.append(f"{one.dtype!s:.40} → {other.dtype!s:.40}")
    if one.dims == other.dims and one.shape == other.shape and one.dtype == other.dtype:
        found = _differing(one, other)
        if found.number:
            parts.append(f"elements {told(found, one.size)}")
    if not same_object(dict(one.attrs), dict(other.attrs)):
        parts.append("attrs")
    return ", ".join(parts)


def _dims(variable: Any) -> str:
    return "(" + ", ".join(f"{dim!s:.40}" for dim in variable.dims[:8]) + ")"


def _differing(one: Any, other: Any) -> Differing:
    mine, theirs = one.data, other.data
    if is_numpy(mine) and is_numpy(theirs):
        return differing_array(mine, theirs)
    pairs = zip(np.asarray(mine, object).reshape(-1), np.asarray(theirs, object).reshape(-1), strict=True)
    return Differing(sum(not (a is b or same_object(a, b)) for a, b in pairs))


dataset_serializer: DatasetSerializer = DatasetSerializer().register()
"""Serializes `xarray.Dataset`."""

dataarray_serializer: DataArraySerializer = DataArraySerializer().register()
"""Serializes `xarray.DataArray`."""
