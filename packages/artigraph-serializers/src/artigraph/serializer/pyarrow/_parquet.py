"""Arrow tables as parquet files, of exactly the schema that they had."""

from __future__ import annotations

import json
from typing import Any

from artigraph.errors import DeserializationError, SerializationError
from artigraph.serializer._support.arrow import (
    kept_type,
    pa,
    read_parquet,
    read_parquet_schema,
    schema_of_text,
    schema_text,
    write_parquet,
)
from artigraph.serializer._support.compare import same_chunked
from artigraph.serializer._support.ipc import check_extensions, check_key, extension_names

__all__ = ["table_from_parquet", "table_to_parquet"]

_KEY = "artigraph"
_VERSION = 1


def table_to_parquet(table: Any) -> bytes:
    """Return a parquet file.

    Raises:
        SerializationError: parquet would change a type, a field or a value; the message names the column.
    """
    if not table.num_columns and table.num_rows:
        msg = f"parquet does not keep the {table.num_rows} rows of a table without columns; use feather_serializer"
        raise SerializationError(msg)
    check_key(table.schema)
    _check_nulls(table)
    dictionary = [field.name for field in table.schema if not pa.types.is_floating(field.type)]
    note = _note_of_schema(table.schema)
    data = write_parquet(table, dictionary=dictionary, metadata={_KEY: note} if note else {})
    if not all(_is_kept(field.type) for field in table.schema):
        _check_values(table, table_from_parquet(data))
    return data


def table_from_parquet(data: bytes) -> Any:
    """Return the table of a parquet file.

    Raises:
        DeserializationError: it was written by a newer release. Broken bytes raise what Arrow raises, too.
    """
    table, metadata = read_parquet(data)
    note = metadata.get(_KEY.encode())
    if note is None:
        return table
    about: dict[str, Any] = json.loads(note)
    if about.get("version") != _VERSION:
        msg = "These bytes were written by a newer release of Artigraph."
        raise DeserializationError(msg)
    check_extensions(table.schema, about)
    if "schema" in about:
        return table.cast(schema_of_text(about["schema"]))
    # What stands beside a table in its file comes as metadata of its schema, too.
    own: dict[bytes, bytes] = dict(table.schema.metadata or {})
    own.pop(_KEY.encode(), None)
    return table.replace_schema_metadata(own or None)


def _note_of_schema(schema: Any) -> str | None:
    """Return what must stand beside the table so that its schema comes back, if anything must.

    Raises:
        SerializationError: parquet would change it.
    """
    about: dict[str, Any] = {}
    for field in schema:
        if not _is_kept(field.type) or pa.types.is_timestamp(field.type):
            _check_type(field)
    if extensions := extension_names(schema):
        about["extensions"] = extensions
    kept = read_parquet_schema(write_parquet(schema.empty_table(), dictionary=False, metadata={}))
    if not kept.equals(schema, check_metadata=True):
        # Types that are equal but for the names of the fields in a map.
        about["schema"] = schema_text(schema)
    return json.dumps({"version": _VERSION, **about}) if about else None


def _check_type(field: Any) -> None:
    try:
        kept = kept_type(field.type)
    except SerializationError as error:
        msg = f"the column {field.name!r}: {error}, or use feather_serializer, which keeps every type"
        raise SerializationError(msg) from error
    if kept != field.type:
        msg = (
            f"parquet would make {kept} of the column {field.name!r} of type {field.type}; cast it, or use "
            "feather_serializer, which keeps every type"
        )
        raise SerializationError(msg)


def _check_nulls(table: Any) -> None:
    for field, column in zip(table.schema, table.columns, strict=True):
        if not field.nullable and column.null_count:
            msg = f"the column {field.name!r} has nulls, but its field says that it has none; make the field nullable"
            raise SerializationError(msg)


def _check_values(table: Any, kept: Any) -> None:
    for name, mine, theirs in zip(table.column_names, table.columns, kept.columns, strict=True):
        if not same_chunked(mine, theirs):
            msg = f"parquet changes values in the column {name!r} of type {mine.type}; use feather_serializer"
            raise SerializationError(msg)


def _is_kept(kind: Any) -> bool:
    """Whether parquet keeps every value of a type whose name it keeps; what is in doubt is read back and compared."""
    return any(getattr(pa.types, f"is_{name}")(kind) for name in _KEPT)


_KEPT = (
    "integer",
    "floating",
    "boolean",
    "timestamp",
    "duration",
    "date32",
    "string",
    "large_string",
    "binary",
    "large_binary",
    "fixed_size_binary",
)
