"""Helpers for Arrow: parquet files with checksums, and small tables as text."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

from artigraph.errors import SerializationError
from artigraph.serializer._support.arrow_input import InputFile

pa: Any = import_module("pyarrow")

PART = 2 * 2**20
"""The most bytes of a part."""


class PartsSink:
    """A file for Arrow's writers, from which finished parts can be taken.

    Arrow buffers what it writes to `stream` in its own memory, without the GIL, and passes on about `PART` bytes at a
    time.
    """

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.closed = False
        self.stream: Any = pa.BufferedOutputStream(pa.PythonFile(self, mode="w"), PART)

    def write(self, data: Any) -> int:
        """Keep a copy of the data, which may be a view of a value's memory."""
        self._parts.append(bytes(data))
        return len(self._parts[-1])

    def flush(self) -> None:
        """Do nothing, because each write is kept at once."""

    def close(self) -> None:
        """Accept no more data."""
        self.closed = True

    def take(self) -> Iterator[bytes]:
        """Yield the parts that are ready, and drop them."""
        parts, self._parts = self._parts[::-1], []
        while parts:
            part = parts.pop()
            if len(part) <= PART:
                yield part
            else:
                yield from (part[start : start + PART] for start in range(0, len(part), PART))

    def finish(self) -> Iterator[bytes]:
        """Close the stream and yield the remaining parts."""
        self.stream.close()
        yield from self.take()


# pyarrow has no types of its own, so its values are annotated where they are used.
pc: Any = import_module("pyarrow.compute")
pq: Any = import_module("pyarrow.parquet")

ParquetFile = tuple[Any, Mapping[bytes, bytes]]
"""A table, and the metadata of its file."""

_LIMIT = 2**31 - 1

_LEAST_LIMIT = 2**16
"""More than any text in the header of a page. Arrow leaves out statistics of more than 4 KiB."""

_AT_ONCE = 64 * 2**20
"""Bytes of columns that are read at once, so that reading a frame takes little more memory than the frame."""

_ROWS = 2**20
"""Rows of a row group. One number column of a row group is as long as a chunk of an object (8 MiB)."""


def write_parquet(
    columns: Sequence[Any], schema: Any, *, dictionary: Iterable[str] | bool, metadata: Mapping[str, str]
) -> Iterator[bytes]:
    """Yield a parquet file with a checksum for each page, row group by row group, in parts of at most 8 MiB.

    Args:
        columns: the columns to write: Arrow arrays, or objects with a length and a `slice` that returns an Arrow array.
        schema: of the columns.
        dictionary: the names of the columns that get a dictionary where that is shorter, or True for all, or False for
            none. Leave out columns of floats: a dictionary costs half of the speed, and rarely makes them shorter.
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
        # Otherwise the writer renames the fields within lists and maps.
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
    """Return the table of a parquet file and the file's metadata. Checks the checksums of all pages."""
    file = open_parquet(pa.BufferReader(data))
    table = file.read()
    table.validate(full=True)
    return table, file.metadata.metadata or {}


def read_parquet_in_turn(file: Any) -> Iterator[Any]:
    """Yield the columns of an open parquet file, whose names are unique. Reads a few at a time, and keeps none."""
    names: list[str] = file.schema_arrow.names
    # As many columns as threads can read, up to four, or more if they are short. The sizes in the file's metadata are
    # not used: reading them from a damaged file can crash the process.
    few = max(min(pa.cpu_count(), 4), _AT_ONCE // (8 * max(file.metadata.num_rows, 1)))
    for start in range(0, len(names), few):
        taken = names[start : start + few]
        columns = _by_name(read_parquet_columns(file, taken))
        for name in taken:
            yield columns.pop(name)


def _by_name(table: Any) -> dict[str, Any]:
    return dict(zip(table.column_names, table.columns, strict=True))


def read_parquet_columns(file: Any, names: Iterable[str]) -> Any:
    """Return a table of some columns of an open parquet file, without reading the rest.

    If several columns have one of the names, the table has all of them. Do not rely on their order.
    """
    wanted = set(names)
    table = file.read(columns=sorted(wanted))
    table.validate(full=True)
    # Selected by name: a field `b` of a column `a` has the path of a column named `a.b`, and is read along with it.
    return table.select([place for place, name in enumerate(table.column_names) if name in wanted])


def open_parquet(source: Any, **options: Any) -> Any:
    """Open a parquet file and read its footer. The source is an Arrow input stream, or any file that can be sought."""
    # A footer may hold the categories of a column, so a fixed limit would refuse valid files. Without any, a damaged
    # length makes Arrow take gigabytes for a list.
    limit = max(_footer_length(source), _LEAST_LIMIT)
    return pq.ParquetFile(
        source if isinstance(source, pa.NativeFile) else InputFile(source),
        page_checksum_verification=True,
        thrift_string_size_limit=limit,
        thrift_container_size_limit=limit,
        **options,
    )


def _footer_length(source: Any) -> int:
    """Return the bytes of a parquet file's footer. No text and no list in it has a greater length."""
    size: int = source.seek(0, io.SEEK_END)
    source.seek(max(size - 8, 0))
    length = int.from_bytes(source.read(8)[:4], "little")
    source.seek(0)
    return min(length, size, _LIMIT)


def parquet_schema(schema: Any) -> Any:
    """Return the schema that a table of this schema has after it was written to parquet and read."""
    columns = schema.empty_table().columns
    data = b"".join(write_parquet(columns, schema, dictionary=False, metadata={}))
    return open_parquet(pa.BufferReader(data)).schema_arrow


def kept_type(kind: Any) -> Any:
    """Return the type that a column of this type has after it was written to parquet and read.

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
    """Return a schema as text: its serialized form in base64."""
    return base64.b64encode(schema.serialize()).decode()


def schema_of_text(text: str) -> Any:
    """Return the schema from the text that `schema_text` made."""
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
    """Return the arrays from the text that `ipc_text` made, as chunked arrays."""
    with pa.ipc.open_stream(pa.py_buffer(base64.b64decode(text, validate=True))) as reader:
        table = reader.read_all()
    table.validate(full=True)
    columns: list[Any] = table.columns
    return columns
