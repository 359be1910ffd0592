"""Frames as Arrow IPC files.

Polars passes its columns to Arrow and back without a copy. It records in the metadata of the fields what Arrow has no
type for (categories, enums). Polars's own readers are not used, because damaged bytes make them abort the process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import polars as pl
from artigraph.errors import SerializationError
from artigraph.serializer._support.arrow import pa
from artigraph.serializer._support.ipc import read_ipc, read_ipc_columns, write_ipc
from artigraph.serializer._support.library import serializing

_pl: Any = pl

_WIDE: dict[str, Any] = {name: getattr(pl, name) for name in ("Int128", "UInt128") if hasattr(pl, name)}
"""The integers that Arrow does not have. They are stored as strings."""


def frame_to_parts(frame: pl.DataFrame, kind: str) -> Iterator[bytes]:
    """Yield the file of a frame in parts. `kind` says whether it holds a frame or a series.

    Raises:
        SerializationError: a dtype would not load exactly.
    """
    wide = {name: str(dtype) for name, dtype in frame.schema.items() if str(dtype) in _WIDE}
    narrow = frame.with_columns(pl.col(name).cast(pl.String) for name in wide) if wide else frame
    _check_dtypes(narrow)
    about = {"kind": kind, "wide": wide, "height": frame.height}
    nested = [name for name, dtype in frame.schema.items() if dtype.is_nested()]
    if not nested:
        yield from write_ipc(_to_arrow(narrow), about)
        return
    try:
        parts = _write_nested(narrow, frame.select(nested), about)
    except SerializationError:
        # Polars 1 gives invalid Arrow data for arrays and structs that were sliced. A copy is not sliced.
        copied = narrow.with_columns(pl.col(nested).gather(pl.int_range(pl.len())))
        parts = _write_nested(copied, frame.select(nested), about)
    yield from parts


def _write_nested(narrow: pl.DataFrame, nested: pl.DataFrame, about: dict[str, Any]) -> list[bytes]:
    """Return the parts of the file, after checking that nested values load exactly.

    Polars cannot always read its own Arrow data. In 2.1 that holds for arrays of no width beside a null.
    """
    with serializing("polars", nested):
        parts = list(write_ipc(_to_arrow(narrow), about))
        kept = frame_from_bytes(b"".join(parts), about["kind"]).select(nested.columns)
        if kept.schema == nested.schema and kept.equals(nested, null_equal=True):
            return parts
    msg = f"one of the columns {nested.columns} would come back changed; unnest or explode it"
    raise SerializationError(msg)


def frame_from_bytes(data: bytes, kind: str) -> pl.DataFrame:
    """Return the frame of a file."""
    table, about = read_ipc(data)
    check_kind(about, kind)
    if not table.num_columns:  # an Arrow table without columns may lose its number of rows
        return pl.DataFrame(height=about["height"]) if about["height"] else pl.DataFrame()
    return _from_arrow(table, about["wide"])


def frame_from_columns(file: BinaryIO, columns: Sequence[Any]) -> pl.DataFrame:
    """Return a frame of some columns of a file, in their order. Reads no other columns."""
    table, about = read_ipc_columns(file, columns)
    check_kind(about, "frame")
    if not table.num_columns:
        return pl.DataFrame()  # as Polars does if it selects no columns
    return _from_arrow(table, {name: dtype for name, dtype in about["wide"].items() if name in columns})


def dtypes_of(schema: Any, wide: dict[str, str]) -> list[Any]:
    """Return the dtypes of the columns of a stored frame, without reading its rows."""
    if not schema.names:
        return []
    empty = pa.Table.from_arrays([pa.nulls(0, kind) for kind in schema.types], schema=schema)
    return list(_from_arrow(empty, wide).dtypes)


def check_kind(about: dict[str, Any], kind: str) -> None:
    """Check what a file says that it holds: a frame or a series."""
    if about.get("kind") != kind:
        msg = f"this is not a {kind} of polars"
        raise ValueError(msg)


def _to_arrow(frame: pl.DataFrame) -> Any:
    # A clone of the handle, not of the data: some releases borrow what they convert from other threads.
    clone: Any = frame.clone()
    return clone.to_arrow(compat_level=_pl.CompatLevel.newest())


def _from_arrow(table: Any, wide: dict[str, str]) -> pl.DataFrame:
    # By position, because Polars would rename a column with an empty name.
    numbered = table.rename_columns([str(place) for place in range(table.num_columns)])
    frame: pl.DataFrame = _pl.from_arrow(numbered, rechunk=False)
    frame.columns = table.column_names
    return frame.with_columns(pl.col(name).cast(_WIDE[dtype]) for name, dtype in wide.items()) if wide else frame


def _check_dtypes(frame: pl.DataFrame) -> None:
    """Check with frames without rows that each dtype loads exactly."""
    if not _is_kept(frame.schema):
        for name, dtype in frame.schema.items():
            if not _is_kept({name: dtype}):
                msg = f"the column {name!r} of dtype {dtype} would not come back as one; cast it to another dtype"
                raise SerializationError(msg)


def _is_kept(schema: Mapping[str, Any]) -> bool:
    try:
        with serializing("polars", schema):
            table, _ = read_ipc(b"".join(write_ipc(_to_arrow(pl.DataFrame(schema=schema)))))
            return bool(_from_arrow(table, {}).schema == schema)
    except SerializationError:
        return False
