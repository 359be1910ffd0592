"""The serializers of Arrow tables, record batches and their readers, with their previews."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from typing import Any, BinaryIO
from weakref import WeakKeyDictionary, WeakSet

from artigraph.errors import SerializationError, class_name
from artigraph.serializer._support.arrow import PART, PartsSink, pa, schema_of_text
from artigraph.serializer._support.arrow_cells import arrow_cells, column_of
from artigraph.serializer._support.arrow_compare import describe_arrow_tables, same_table
from artigraph.serializer._support.ipc import (
    buffer_size,
    read_ipc,
    read_ipc_columns,
    schema_with_note,
    split_note,
    write_ipc,
    write_options,
)
from artigraph.serializer._support.ipc_preview import TableHead, read_ipc_head, read_stream_head
from artigraph.serializer._support.library import (
    LibrarySerializer,
    PartsSerializer,
    class_of,
    deserializing,
    joined,
    serializing,
)
from artigraph.serializer._support.parquet_preview import ParquetHead
from artigraph.serializer._support.preview import Column, table_preview, unread_table, within_limit
from artigraph.serializer.preview import Cells, LimitedFile, TablePreview
from artigraph.serializer.pyarrow._parquet import columns_from_parquet, note_of, table_from_parquet, table_to_parquet


class _TableSerializer(PartsSerializer[Any, TablePreview]):
    """A serializer of Arrow tables."""

    types: tuple[type[Any], ...] = (pa.Table,)

    def size_hint(self, value: Any) -> int | None:
        """Return the approximate number of bytes of the value's buffers."""
        return buffer_size(value) if isinstance(value, pa.Table) else None

    def equal(self, one: Any, other: Any) -> bool:
        """Say whether two tables have equal schema and values. Chunks do not matter, and NaN equals NaN."""
        return type(one) is type(other) and same_table(one, other)

    def describe_change(self, before: Any, after: Any) -> str:
        """Return one line on shapes, columns, types, and how many values differ by how much."""
        return describe_arrow_tables(before, after)


class ParquetSerializer(_TableSerializer):
    """Stores Arrow tables as parquet files with page checksums.

    The schema loads unchanged: names (duplicates too), types, nullability, and the metadata of table and fields.
    Columns that parquet would change are refused by name: timestamps in seconds, date64, dictionaries of numbers, list
    views, unions. `feather_serializer` takes them. How a table is chunked is not part of its value.
    """

    name = "arrow-parquet"

    def _to_parts(self, value: Any) -> Iterator[bytes]:
        """Yield a parquet file in parts of at most 2 MiB."""
        _check_class(value, pa.Table)
        yield from table_to_parquet(value)

    def _from_bytes(self, data: bytes) -> Any:
        """Return the table of a parquet file."""
        return table_from_parquet(data)

    def deserialize_columns(self, file: BinaryIO, columns: Sequence[Any]) -> Any:
        """Return the table with only the columns that have these names. Reads no other columns."""
        with deserializing(self.name):
            return columns_from_parquet(file, columns)

    def _preview(self, file: BinaryIO, rows: int, columns: int, max_bytes: int) -> TablePreview:
        """Return columns, types and the first rows. Reads the footer and the first pages of each column."""
        return preview_parquet(file, rows=rows, columns=columns, max_bytes=max_bytes)


class FeatherSerializer(_TableSerializer):
    """Stores Arrow tables as Arrow IPC files (Feather), compressed by LZ4. It keeps every type of Arrow.

    One case is refused, with the column's name: chunks with different dictionaries that Arrow cannot unify, such as
    dictionaries that hold a null. Cast such a column to the type of its values.

    An extension type must be registered both when you store it and when you load it. How a table is chunked, and the
    order of a dictionary's values, are not part of its value.
    """

    name = "arrow-feather"

    def _to_parts(self, value: Any) -> Iterator[bytes]:
        """Yield an Arrow IPC file in parts of at most 2 MiB."""
        _check_class(value, pa.Table)
        yield from write_ipc(value)

    def _from_bytes(self, data: bytes) -> Any:
        """Return the table of an Arrow IPC file."""
        return read_ipc(data)[0]

    def deserialize_columns(self, file: BinaryIO, columns: Sequence[Any]) -> Any:
        """Return the table with only the columns that have these names. Reads no other columns."""
        with deserializing(self.name):
            return read_ipc_columns(file, columns)[0]

    def _preview(self, file: BinaryIO, rows: int, columns: int, max_bytes: int) -> TablePreview:
        """Return columns, types and the first rows. Reads columns of the first batch, if they fit."""
        return preview_ipc(file, rows=rows, columns=columns, max_bytes=max_bytes, noun="table")


class RecordBatchSerializer(PartsSerializer[Any, TablePreview]):
    """Stores Arrow record batches as Arrow IPC files. It keeps and refuses what `FeatherSerializer` does."""

    name = "arrow-record-batch"
    types: tuple[type[Any], ...] = (pa.RecordBatch,)

    def _to_parts(self, value: Any) -> Iterator[bytes]:
        """Yield an Arrow IPC file in parts of at most 2 MiB."""
        _check_class(value, pa.RecordBatch)
        yield from write_ipc(pa.Table.from_batches([value]), whole=True)

    def _from_bytes(self, data: bytes) -> Any:
        """Return the record batch of an Arrow IPC file."""
        table = read_ipc(data)[0]
        batches = table.to_batches()
        if len(batches) > 1:
            msg = "there is more than one record batch"
            raise ValueError(msg)
        if batches:
            return batches[0]
        # Not from a list of rows, from which Arrow makes no unions.
        return pa.RecordBatch.from_arrays([pa.nulls(0, kind) for kind in table.schema.types], schema=table.schema)

    def _preview(self, file: BinaryIO, rows: int, columns: int, max_bytes: int) -> TablePreview:
        """Return columns, types and the first rows. Reads columns of the batch, if they fit."""
        return preview_ipc(file, rows=rows, columns=columns, max_bytes=max_bytes, noun="record batch")

    def size_hint(self, value: Any) -> int | None:
        """Return the approximate number of bytes of the value's buffers."""
        return buffer_size(value) if isinstance(value, pa.RecordBatch) else None

    def equal(self, one: Any, other: Any) -> bool:
        """Say whether two record batches have equal schema and values. NaN equals NaN."""
        if type(one) is not type(other):
            return False
        return same_table(pa.Table.from_batches([one]), pa.Table.from_batches([other]))

    def describe_change(self, before: Any, after: Any) -> str:
        """Return one line on shapes, columns, types, and how many values differ by how much."""
        return describe_arrow_tables(pa.Table.from_batches([before]), pa.Table.from_batches([after]))


class RecordBatchReaderSerializer(LibrarySerializer[Any, TablePreview]):
    """Stores readers of Arrow record batches, of any length in bounded memory, as Arrow IPC streams (LZ4).

    A reader can be read only once. Storing it consumes the batches that are left in it. A loaded reader reads each
    batch from the stored file when you ask for it, and validates it. Its class is `pyarrow.RecordBatchReader`, whatever
    class the stored reader had.

    A reader that was already stored is refused. So is a loaded one from which a batch was read. If other code consumed
    a reader, that cannot be detected: it is stored as a reader without batches.

    Batch boundaries are not part of the value: batches of more than 2 MiB are cut. Extension types need what
    `FeatherSerializer` says.
    """

    name = "arrow-record-batch-stream"
    types: tuple[type[Any], ...] = (pa.RecordBatchReader,)

    def _to_bytes(self, value: Any) -> bytes:
        """Return an Arrow IPC stream. This consumes the reader."""
        return joined(self.serialize_stream(value))

    def serialize_stream(self, value: Any) -> Iterator[bytes]:
        """Yield an Arrow IPC stream in parts of at most 2 MiB. This consumes the reader."""
        if not isinstance(value, pa.RecordBatchReader):
            msg = f"A {class_of(value)} is no pyarrow.RecordBatchReader; make one of it: table.to_reader()."
            raise SerializationError(msg)
        if value in _CONSUMED:
            msg = "This pyarrow.RecordBatchReader was stored before, which consumed it; make another one."
            raise SerializationError(msg)
        if is_begun(value):
            msg = "This pyarrow.RecordBatchReader was loaded, and read since, which consumed it; load it again."
            raise SerializationError(msg)
        _CONSUMED.add(value)
        with serializing(self.name, value):
            yield from reader_to_parts(value)

    def _from_bytes(self, data: bytes) -> Any:
        """Return a reader of an Arrow IPC stream."""
        return reader_of_file(pa.BufferReader(data), self.name)

    def deserialize_file(self, file: BinaryIO) -> Any:
        """Return a reader that reads each batch from the file when you ask for it."""
        with deserializing(self.name):
            return reader_of_file(file, self.name)

    def _preview(self, file: BinaryIO, rows: int, columns: int, max_bytes: int) -> TablePreview:
        """Return columns, types and the first rows. Reads the first batches, if they fit."""
        return preview_stream(file, rows=rows, columns=columns, max_bytes=max_bytes)

    def size_hint(self, value: Any) -> int | None:
        """Return None: the length of a stream is unknown until it ends."""
        return None

    def equal(self, one: Any, other: Any) -> bool:
        """Say whether two readers are the same object. Comparing their content would consume them."""
        return one is other


_CONSUMED: WeakSet[Any] = WeakSet()
"""The readers that were stored. Storing one again would silently store an empty stream."""


def _check_class(value: object, cls: Any) -> None:
    if type(value) is not cls:
        msg = f"A {class_of(value)} is no {class_name(cls)}; make one of it: pyarrow.table(...)."
        raise SerializationError(msg)


# Previews -------------------------------------------------------------------------------------------------------------


def preview_ipc(file: BinaryIO, *, rows: int, columns: int, max_bytes: int, noun: str) -> TablePreview:
    """Return the preview of an Arrow IPC file. Broken bytes may raise Arrow's errors, too."""
    limited = LimitedFile(file, max_bytes)
    read = partial(read_ipc_head, limited, max(rows, 0), max(columns, 0))
    return _preview_of(limited, read, rows, columns, noun)


def preview_stream(file: BinaryIO, *, rows: int, columns: int, max_bytes: int) -> TablePreview:
    """Return the preview of an Arrow IPC stream. Broken bytes may raise Arrow's errors, too."""
    limited = LimitedFile(file, max_bytes)
    return _preview_of(limited, partial(read_stream_head, limited, max(rows, 0)), rows, columns, "stream")


def preview_parquet(file: BinaryIO, *, rows: int, columns: int, max_bytes: int) -> TablePreview:
    """Return the preview of a parquet file. Broken bytes may raise Arrow's errors, too."""
    limited = LimitedFile(file, max_bytes)

    def read() -> TableHead:
        head = ParquetHead(limited, max_bytes)
        about = note_of(head.metadata)
        schema = schema_of_text(about["schema"]) if "schema" in about else head.schema
        names: list[str] = head.schema.names[: max(columns, 0)]
        found = head.read(names, rows)
        places = [place for place, name in enumerate(names) if name in found]
        read = [found[names[place]][names[:place].count(names[place])] for place in places]
        return TableHead(schema, pa.table(read, names=[str(place) for place in places]), head.total_rows)

    return _preview_of(limited, read, rows, columns, "table")


def _preview_of(
    limited: LimitedFile, read: Callable[[], TableHead], rows: int, columns: int, noun: str
) -> TablePreview:
    def make() -> TablePreview:
        head = read()
        cells = Cells()
        described: list[Column] = []
        for place, field in enumerate(head.schema):
            if place >= columns:
                break
            found = head.column(place)
            column = column_of(field.name, field.type)
            described.append((column, None if found is None else arrow_cells(found, cells)))
        return table_preview(
            described,
            cells,
            rows=rows,
            size=limited.size,
            total_rows=head.total_rows,
            total_columns=len(head.schema.names),
            noun=noun,
        )

    return within_limit(limited, make, lambda: unread_table(limited.size, noun))


# Streams --------------------------------------------------------------------------------------------------------------


_batches_of: WeakKeyDictionary[Any, Generator[Any]] = WeakKeyDictionary()
"""The generators that feed the readers made here."""


def reader_to_parts(reader: Any) -> Iterator[bytes]:
    """Yield the Arrow IPC stream of the batches that are left in a reader. Holds only one batch at a time.

    Raises:
        SerializationError: the schema would not load unchanged.
    """
    schema = schema_with_note(reader.schema)
    sink = PartsSink()
    with pa.ipc.new_stream(sink.stream, schema, options=write_options()) as writer:
        for batch in reader:
            for piece in _pieces(batch):
                writer.write_batch(piece)
                yield from sink.take()
    yield from sink.finish()


def _pieces(batch: Any) -> Iterator[Any]:
    """Cut a batch into pieces, because the writer compresses a whole batch before it writes any of it."""
    if not batch.num_rows:  # not part of the value; writing an empty union read from IPC crashes the process
        return
    size = buffer_size(batch)
    rows = batch.num_rows if size <= PART else max(PART * batch.num_rows // size, 1)
    if rows == batch.num_rows:
        yield batch
        return
    for start in range(0, batch.num_rows, rows):
        yield batch.slice(start, rows)


def reader_of_file(file: BinaryIO | Any, name: str) -> Any:
    """Return a reader of the batches of a stream. It reads each one from the file when it is needed."""
    stream = pa.ipc.open_stream(file)
    schema, _ = split_note(stream.schema)

    def batches() -> Generator[Any]:
        while True:
            with deserializing(name):
                try:
                    batch = stream.read_next_batch()
                except StopIteration:
                    return
                batch.validate(full=True)
            yield batch

    source = batches()
    reader = pa.RecordBatchReader.from_batches(schema, source)
    _batches_of[reader] = source
    return reader


def is_begun(reader: Any) -> bool:
    """Say whether a batch was read from a reader that was made here. For any other reader returns False."""
    source = _batches_of.get(reader)
    return source is not None and inspect.getgeneratorstate(source) != inspect.GEN_CREATED


parquet_serializer: ParquetSerializer = ParquetSerializer().register()
"""Serializes `pyarrow.Table` in fields that name this serializer."""

# Registered after the other, so it serves tables of fields that name no serializer: it takes every type.
feather_serializer: FeatherSerializer = FeatherSerializer().register()
"""Serializes `pyarrow.Table`."""

pyarrow_serializer: FeatherSerializer = feather_serializer
"""The same object as `feather_serializer`."""

record_batch_serializer: RecordBatchSerializer = RecordBatchSerializer().register()
"""Serializes `pyarrow.RecordBatch`."""

record_batch_reader_serializer: RecordBatchReaderSerializer = RecordBatchReaderSerializer().register()
"""Serializes `pyarrow.RecordBatchReader`, which may be larger than memory."""
