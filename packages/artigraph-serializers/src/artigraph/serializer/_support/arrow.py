"""Arrow in common: parquet files with checksums, and small tables as text."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any

from artigraph.errors import SerializationError

__all__ = [
    "ParquetFile",
    "ipc_text",
    "kept_type",
    "pa",
    "pc",
    "pq",
    "read_ipc_text",
    "read_parquet",
    "read_parquet_schema",
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


def write_parquet(table: Any, *, dictionary: Iterable[str] | bool, metadata: Mapping[str, str]) -> bytes:
    """Return a parquet file with a checksum for each page.

    Args:
        table: what to write.
        dictionary: the columns to encode by a dictionary where that is shorter, or all, or none. Not those of floats:
            it costs half of the speed, and rarely makes them shorter.
        metadata: of the file, beside the metadata of the table's schema.
    """
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(
        sink,
        table.schema,
        compression="zstd",
        use_dictionary=dictionary if isinstance(dictionary, bool) else list(dictionary),
        write_page_checksum=True,
        # Otherwise it renames the fields within lists and maps.
        use_compliant_nested_type=False,
        store_schema=True,
        version="2.6",
    ) as writer:
        writer.write_table(table)
        if metadata:
            writer.add_key_value_metadata(dict(metadata))
    data: bytes = sink.getvalue().to_pybytes()
    return data


def read_parquet(data: bytes) -> ParquetFile:
    """Return the table of a parquet file, its pages checked, and the metadata of the file."""
    file = _open(data)
    table = file.read()
    table.validate(full=True)
    return table, file.metadata.metadata or {}


def read_parquet_schema(data: bytes) -> Any:
    """Return the schema that the table of a parquet file has."""
    return _open(data).schema_arrow


def _open(data: bytes) -> Any:
    return pq.ParquetFile(
        pa.BufferReader(data),
        page_checksum_verification=True,
        # Bounded by the bytes themselves: a footer may hold the categories of a column.
        thrift_string_size_limit=_LIMIT,
        thrift_container_size_limit=_LIMIT,
    )


def kept_type(kind: Any) -> Any:
    """Return the type that a column of this type has after it was in a parquet file.

    Raises:
        SerializationError: parquet has no such type.
    """
    schema = pa.schema([pa.field("field", kind)])
    try:
        return read_parquet_schema(write_parquet(schema.empty_table(), dictionary=False, metadata={})).field(0).type
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
