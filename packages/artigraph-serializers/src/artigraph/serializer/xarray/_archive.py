"""Write datasets and labeled arrays as archives, and read them.

The archive does not compress. It has a JSON head and an npy file for each array. Each index has a parquet file of
pandas's serializers, and so has each variable of objects or of an extension dtype.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO
from zipfile import ZipFile

import numpy as np

from artigraph.errors import DeserializationError, SerializationError
from artigraph.serializer._support.archive import Member, MemoryFile, archive_parts, member_of, open_archive, view_of
from artigraph.serializer._support.library import class_of
from artigraph.serializer.numpy import array_serializer
from artigraph.serializer.pandas import index_serializer, series_serializer
from artigraph.serializer.xarray._metadata import name_from_json, refuse
from artigraph.serializer.xarray._variables import (
    ARRAY,
    COORDINATE,
    HEAD,
    INDEX,
    OWN,
    Entry,
    Head,
    check_head,
    is_numpy,
    is_numpy_dtype,
    members_of,
    pd,
    put_together,
    taken_apart,
)

_UNKNOWN = 2**33
"""The size of a member whose size is not known before it is written: zip then has wide numbers for it."""
_HEADER = 2**16
_restore_index: Callable[[Any], Any] = index_serializer.deserialize


def to_parts(value: Any) -> Iterator[bytes | memoryview]:
    """Yield the archive of a value in parts, most of them views of its arrays."""
    taken = taken_apart(value)
    head = json.dumps(taken.head).encode()

    def members() -> Iterator[Member]:
        yield Member(HEAD, [head], len(head))
        for entry in taken.head["variables"]:
            if entry["store"] != INDEX:
                yield _member(entry, taken.variables[entry["member"]])
        for name, index in taken.indexes.items():
            yield Member(name, _located(index_serializer.serialize_parts(index), f"The index {name!r}"), _UNKNOWN)

    return archive_parts(members(), aligned=True)


def _member(entry: Entry, variable: Any) -> Member:
    name = name_from_json(entry["name"])
    where = "This array" if name is None else f"The variable {name!r}"
    data = variable.data
    if entry["store"] == ARRAY:
        if type(data) is not np.ndarray:
            msg = f"{where} is a {class_of(data)}, not an array of NumPy. Store value.as_numpy(), or its parts."
            raise SerializationError(msg)
        size = _UNKNOWN if data.dtype.char == "T" else data.nbytes + _HEADER
        return Member(entry["member"], _located(array_serializer.serialize_parts(data), where), size)
    values = data.reshape(-1) if is_numpy(data) else data
    # xarray shows some arrays of pandas, such as texts, as objects, though their dtype is pandas's.
    series = pd.Series(values, dtype=variable.dtype)
    return Member(entry["member"], _located(series_serializer.serialize_parts(series), where), _UNKNOWN)


def _located(parts: Iterator[Any], where: str) -> Iterator[Any]:
    try:
        yield from parts
    except SerializationError as error:
        msg = f"{where} cannot be stored exactly: {error}"
        raise SerializationError(msg) from error


def from_buffer(data: Any, kind: str, *, mapped: bool = False) -> Any:
    """Return the value of an archive in memory.

    Args:
        data: the archive. Arrays use its memory if it is writable, or if they are mapped.
        kind: "dataset" or "dataarray".
        mapped: whether arrays are read-only views of the memory.
    """
    buffer = memoryview(data).cast("B")
    restore: Callable[[memoryview], Any] = _mapped if mapped else array_serializer.deserialize
    with open_archive(MemoryFile(buffer)) as archive:
        head = head_of(archive, kind)
        if sorted(members_of(head)) != sorted(archive.namelist()):
            refuse("it has other members than its head says")

        def data_of(entry: Entry) -> Any:
            member = view_of(archive, entry["member"], buffer)
            return restore(member) if entry["store"] == ARRAY else _values_of(entry, member)

        return put_together(head, data_of, lambda entry: _restore_index(view_of(archive, entry["member"], buffer)))


def _mapped(member: memoryview) -> Any:
    """Return a read-only array over a member, or a copy if its elements have another form in memory."""
    try:
        return array_serializer.deserialize_mapped(member)
    except DeserializationError:  # an array of StringDType; if it is damaged, it is one again
        array = array_serializer.deserialize(bytes(member))
        array.flags.writeable = False
        return array


def from_file(file: BinaryIO, names: list[Any]) -> Any:
    """Return a dataset with some variables of an archive, and the coordinates that they need. Reads nothing else."""
    with open_archive(file) as archive:
        head = _chosen(head_of(archive, "dataset"), names)

        def data_of(entry: Entry) -> Any:
            member = memoryview(member_of(archive, entry["member"]))
            return array_serializer.deserialize(member) if entry["store"] == ARRAY else _values_of(entry, member)

        return put_together(head, data_of, lambda entry: _restore_index(member_of(archive, entry["member"])))


def head_of(archive: ZipFile, kind: str) -> Head:
    """Return the head of an archive."""
    head = check_head(json.loads(bytes(member_of(archive, HEAD))))
    members = list(members_of(head))
    if head["kind"] != kind or len(set(members)) != len(members):
        refuse(f"it is no {kind}, or uses a member twice")
    return head


def _values_of(entry: Entry, data: Any) -> Any:
    """Return an array of objects, or an array of pandas."""
    series = series_serializer.deserialize(data)
    if is_numpy_dtype(series.dtype):
        if series.dtype != object:
            refuse("its objects have another dtype")
        return series.to_numpy().reshape(entry["shape"])
    return series.array


def _chosen(head: Head, names: list[Any]) -> Head:
    """Return the head of `dataset[names]`."""
    entries = {name_from_json(entry["name"]): entry for entry in head["variables"] if entry["role"] != OWN}
    missing = [name for name in names if name not in entries]
    if missing:
        refuse(f"no variable has the name {missing[0]!r:.100}")
    chosen = {name: entries[name] for name in names}
    dims = [dim for entry in chosen.values() for dim in entry["dims"]]
    for name, entry in entries.items():
        if entry["role"] == COORDINATE and all(dim in dims for dim in entry["dims"]):
            chosen.setdefault(name, entry)
    indexes = [entry for entry in head["indexes"] if all(name_from_json(name) in chosen for name in entry["coords"])]
    return check_head({**head, "variables": list(chosen.values()), "indexes": indexes})
