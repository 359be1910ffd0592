"""Arrow in common: parquet files with checksums, and small tables as text."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

from artigraph.errors import SerializationError
from artigraph.serializer._support.sink import PartsSink

__all__ = [
    "ParquetFile",
    "ipc_text",
    "kept_type",
    "open_parquet",
    "pa",
    "parquet_schema",
    "pc",
    "pq",
    "read_ipc_text",
    "read_parquet",
    "read_parquet_columns",
    "read_parquet_in_turn",
    "schema_of_text",
    "schema_text",
    "write_parquet",
]

# pyarrow has no types of its own; what comes out of it is annotated where it is used.
pa: Any = import_module("pyarrow")
pc: Any = import_module("pyarrow.compute")
pq: Any = import_module("pyarrow.parquet")

ParquetFile = tuple[Any, Mapping[bytes, bytes]]
"""A table, and the metadata of its file."""

_LIMIT = 2**31 - 1

_AT_ONCE = 64 * 2**20
"""Bytes of columns that are read at once, so that reading a frame takes little more memory than the frame."""

_ROWS = 2**20
"""Rows in a row group: a column of numbers in it is as long as the chunks in which objects are fetched and checked."""


def write_parquet(
    columns: Sequence[Any], schema: Any, *, dictionary: Iterable[str] | bool, metadata: Mapping[str, str]
) -> Iterator[bytes]:
    """Yield a parquet file with a checksum for each page, a row group after the other, in parts of at most 8 MiB.

    Args:
        columns: what to write: Arrow arrays, or what else has a length and a `slice` that is an Arrow array.
        schema: of the columns.
        dictionary: the columns to encode by a dictionary where that is shorter, or all, or none. Not those of floats:
            it costs half of the speed, and rarely makes them shorter.
        metadata: of the file, beside the metadata of the schema.
    """
    rows = len(columns[0]) if columns else 0
    sink = PartsSink()
    with pq.ParquetWriter(
        sink.stream,
        schema,
        compression="zstd",
        use_dictionary=dictionary if isinstance(dictionary, bool) else list(dictionary),
        write_page_checksum=True,
        # Otherwise it renames the fields within lists and maps.
        use_compliant_nested_type=False,
        store_schema=True,
        version="2.6",
    ) as writer:
        for start in range(0, max(rows, 1), _ROWS):
            group = [column.slice(start, _ROWS) for column in columns]
            writer.write_table(pa.Table.from_arrays(group, schema=schema), row_group_size=_ROWS)
            yield from sink.take()
        if metadata:
            writer.add_key_value_metadata(dict(metadata))
    yield from sink.finish()


def read_parquet(data: bytes) -> ParquetFile:
    """Return the table of a parquet file, its pages checked, and the metadata of the file."""
    file = open_parquet(pa.BufferReader(data))
    table = file.read()
    table.validate(full=True)
    return table, file.metadata.metadata or {}


def read_parquet_in_turn(file: Any) -> Iterator[Any]:
    """Yield the columns of an open parquet file, whose names are unique, a few read at a time and then let go."""
    names: list[str] = file.schema_arrow.names
    # As many as there are threads to read them, up to four; more of them where they are short. What the file says of
    # the size of each is not asked: of a damaged one that ends the process.
    few = max(min(pa.cpu_count(), 4), _AT_ONCE // (8 * max(file.metadata.num_rows, 1)))
    for start in range(0, len(names), few):
        taken = names[start : start + few]
        columns = _by_name(read_parquet_columns(file, taken))
        for name in taken:
            yield columns.pop(name)


def _by_name(table: Any) -> dict[str, Any]:
    return dict(zip(table.column_names, table.columns, strict=True))


def read_parquet_columns(file: Any, names: Iterable[str]) -> Any:
    """Return the table of some columns of an open parquet file, without reading the rest.

    Where several have one of the names, all of them come; in no order that is to be relied on.
    """
    wanted = set(names)
    table = file.read(columns=sorted(wanted))
    table.validate(full=True)
    # By name, for a field `b` of a column `a` has the path of a column `a.b`, and comes with it.
    return table.select([place for place, name in enumerate(table.column_names) if name in wanted])


def open_parquet(source: Any) -> Any:
    """Return a parquet file of which the end was read: of Arrow's input streams, or of any file that can be sought."""
    return pq.ParquetFile(
        source,
        page_checksum_verification=True,
        # Bounded by the bytes themselves: a footer may hold the categories of a column.
        thrift_string_size_limit=_LIMIT,
        thrift_container_size_limit=_LIMIT,
    )


def parquet_schema(schema: Any) -> Any:
    """Return the schema that a table of a schema has after it was in a parquet file."""
    columns = schema.empty_table().columns
    data = b"".join(write_parquet(columns, schema, dictionary=False, metadata={}))
    return open_parquet(pa.BufferReader(data)).schema_arrow


def kept_type(kind: Any) -> Any:
    """Return the type that a column of this type has after it was in a parquet file.

    Raises:
        SerializationError: parquet has no such type.
    """
    schema = pa.schema([pa.field("field", kind)])
    try:
        return parquet_schema(schema).field(0).type
    except (pa.ArrowException, OSError) as error:
        msg = f"parquet has no type like the Arrow type {kind} ({error}); convert it to one that it has"
        raise SerializationError(msg) from error


def schema_text(schema: Any) -> str:
    """Return a schema as text."""
    return base64.b64encode(schema.serialize()).decode()


def schema_of_text(text: str) -> Any:
    """Return the schema of such a text."""
    return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(text, validate=True)))


def ipc_text(arrays: list[Any]) -> str:
    """Return arrays of one length as text: an Arrow IPC stream in base64."""
    batch = pa.record_batch(arrays, names=[str(index) for index in range(len(arrays))])
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(sink, batch.schema, options=options) as writer:
        writer.write_batch(batch)
    return base64.b64encode(sink.getvalue()).decode()


def read_ipc_text(text: str) -> list[Any]:
    """Return the arrays of such a text, as chunked arrays."""
    with pa.ipc.open_stream(pa.py_buffer(base64.b64decode(text, validate=True))) as reader:
        table = reader.read_all()
    table.validate(full=True)
    columns: list[Any] = table.columns
    return columns
