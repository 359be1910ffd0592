"""Frames as Arrow IPC files.

Polars hands its columns to Arrow and takes them back without a copy, and says in the metadata of the fields what Arrow
has no type for (categories, enums). Its own readers are not used: they abort the process on bytes that are damaged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import polars as pl
from artigraph.errors import SerializationError
from artigraph.serializer._support import serializing
from artigraph.serializer._support.ipc import read_ipc, write_ipc

__all__ = ["frame_from_bytes", "frame_to_bytes"]

_pl: Any = pl

_WIDE: dict[str, Any] = {name: getattr(pl, name) for name in ("Int128", "UInt128") if hasattr(pl, name)}
"""The integers that Arrow does not have: they are stored as texts."""


def frame_to_bytes(frame: pl.DataFrame, kind: str) -> bytes:
    """Return the file of a frame; `kind` says what it stands for.

    Raises:
        SerializationError: a dtype would not come back.
    """
    wide = {name: str(dtype) for name, dtype in frame.schema.items() if str(dtype) in _WIDE}
    narrow = frame.with_columns(pl.col(name).cast(pl.String) for name in wide) if wide else frame
    _check_dtypes(narrow)
    about = {"kind": kind, "wide": wide, "height": frame.height}
    nested = [name for name, dtype in frame.schema.items() if dtype.is_nested()]
    if not nested:
        return write_ipc(_to_arrow(narrow), about)
    try:
        return _write_nested(narrow, frame.select(nested), about)
    except SerializationError:
        # Polars 1 hands out arrays and structs that were sliced as Arrow data that is not valid; a copy is not sliced.
        copied = narrow.with_columns(pl.col(nested).gather(pl.int_range(pl.len())))
        return _write_nested(copied, frame.select(nested), about)


def _write_nested(narrow: pl.DataFrame, nested: pl.DataFrame, about: dict[str, Any]) -> bytes:
    """Return the file, having seen that nested values come back.

    What Polars hands out is not always what it takes back: not arrays of no width beside a null, in 2.1.
    """
    with serializing("polars", nested):
        data = write_ipc(_to_arrow(narrow), about)
        kept = frame_from_bytes(data, about["kind"]).select(nested.columns)
        if kept.schema == nested.schema and kept.equals(nested, null_equal=True):
            return data
    msg = f"one of the columns {nested.columns} would come back changed; unnest or explode it"
    raise SerializationError(msg)


def frame_from_bytes(data: bytes, kind: str) -> pl.DataFrame:
    """Return the frame of a file."""
    table, about = read_ipc(data)
    if about.get("kind") != kind:
        msg = f"this is not a {kind} of polars"
        raise ValueError(msg)
    if not table.num_columns:  # Arrow tables without columns may lose their rows on the way
        return pl.DataFrame(height=about["height"]) if about["height"] else pl.DataFrame()
    return _from_arrow(table, about["wide"])


def _to_arrow(frame: pl.DataFrame) -> Any:
    # A clone (of the handle, not of the data), for some releases borrow what they convert from other threads.
    return cast("Any", frame.clone()).to_arrow(compat_level=_pl.CompatLevel.newest())


def _from_arrow(table: Any, wide: dict[str, str]) -> pl.DataFrame:
    # By place, for polars would give a name of its own to a column that has an empty one.
    frame = cast(
        "pl.DataFrame", _pl.from_arrow(table.rename_columns([str(place) for place in range(table.num_columns)]))
    )
    frame.columns = table.column_names
    return frame.with_columns(pl.col(name).cast(_WIDE[dtype]) for name, dtype in wide.items()) if wide else frame


def _check_dtypes(frame: pl.DataFrame) -> None:
    """See that each dtype comes back, by frames without rows."""
    if not _is_kept(frame.schema):
        for name, dtype in frame.schema.items():
            if not _is_kept({name: dtype}):
                msg = f"the column {name!r} of dtype {dtype} would not come back as one; cast it to another dtype"
                raise SerializationError(msg)


def _is_kept(schema: Mapping[str, Any]) -> bool:
    try:
        with serializing("polars", schema):
            table, _ = read_ipc(write_ipc(_to_arrow(pl.DataFrame(schema=schema))))
            return bool(_from_arrow(table, {}).schema == schema)
    except SerializationError:
        return False
