"""Write Arrow tables as parquet files that keep their exact schema, and read them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from artigraph.errors import DeserializationError, SerializationError
from artigraph.serializer._support import arrow
from artigraph.serializer._support.arrow import pa
from artigraph.serializer._support.arrow_compare import same_chunked
from artigraph.serializer._support.ipc import check_extensions, check_key, extension_names, unique_place

_KEY = "artigraph"
_VERSION = 1


def table_to_parquet(table: Any) -> Iterator[bytes]:
    """Yield a parquet file in parts.

    Raises:
        SerializationError: parquet would change a type, a field or a value. The message names the column.
    """
    if not table.num_columns and table.num_rows:
        msg = f"parquet does not keep the {table.num_rows} rows of a table without columns; use feather_serializer"
        raise SerializationError(msg)
    check_key(table.schema)
    _check_nulls(table)
    dictionary = [field.name for field in table.schema if not pa.types.is_floating(field.type)]
    note = _note_of_schema(table.schema)
    parts = arrow.write_parquet(
        table.columns, table.schema, dictionary=dictionary, metadata={_KEY: note} if note else {}
    )
    if not all(_is_kept(field.type) for field in table.schema):
        written = list(parts)
        _check_values(table, table_from_parquet(b"".join(written)))
        parts = iter(written)
    yield from parts


def table_from_parquet(data: bytes) -> Any:
    """Return the table of a parquet file.

    Raises:
        DeserializationError: a newer release wrote the file. Broken bytes may raise Arrow's errors, too.
    """
    table, metadata = arrow.read_parquet(data)
    about = note_of(metadata)
    check_extensions(table.schema, about)
    return _with_schema(table, about)


def columns_from_parquet(source: BinaryIO, columns: Sequence[Any]) -> Any:
    """Return a table of the columns with these names, in their order. Reads no other columns."""
    file = arrow.open_parquet(source)
    schema = file.schema_arrow
    about = note_of(file.metadata.metadata or {})
    check_extensions(schema, about)
    # At least one column is read, because it has the number of rows.
    places = [unique_place(schema, name) for name in columns] or list(range(len(schema.names)))[:1]
    names = [schema.names[place] for place in places]
    table = arrow.read_parquet_columns(file, names)
    table = table.select([table.column_names.index(name) for name in names])
    if "schema" in about:
        stored = arrow.schema_of_text(about["schema"])
        about["schema"] = arrow.schema_text(
            pa.schema([stored.field(place) for place in places], metadata=stored.metadata)
        )
    return _with_schema(table, about).select(list(columns))


def note_of(metadata: Mapping[bytes, bytes]) -> dict[str, Any]:
    """Return what is stored beside the table.

    Raises:
        DeserializationError: a newer release wrote the file.
    """
    note = metadata.get(_KEY.encode())
    about: dict[str, Any] = {} if note is None else json.loads(note)
    if note is not None and about.get("version") != _VERSION:
        msg = "These bytes were written by a newer release of Artigraph."
        raise DeserializationError(msg)
    return about


def _with_schema(table: Any, about: dict[str, Any]) -> Any:
    if "schema" in about:
        return table.cast(arrow.schema_of_text(about["schema"]))
    # Arrow returns the metadata of the file as metadata of the schema, too.
    own: dict[bytes, bytes] = dict(table.schema.metadata or {})
    own.pop(_KEY.encode(), None)
    return table.replace_schema_metadata(own or None)


def _note_of_schema(schema: Any) -> str | None:
    """Return the note that must be stored beside the table to keep its schema, or None if none is needed.

    Raises:
        SerializationError: parquet would change the schema.
    """
    about: dict[str, Any] = {}
    for field in schema:
        if not _is_kept(field.type) or pa.types.is_timestamp(field.type):
            _check_type(field)
    if extensions := extension_names(schema):
        about["extensions"] = extensions
    kept = arrow.parquet_schema(schema)
    if not kept.equals(schema, check_metadata=True):
        # Equal types may differ in the names of the fields in a map.
        about["schema"] = arrow.schema_text(schema)
    return json.dumps({"version": _VERSION, **about}) if about else None


def _check_type(field: Any) -> None:
    try:
        kept = arrow.kept_type(field.type)
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
    """Say whether parquet is known to keep every value of a type. Other types are written, read and compared."""
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
