"""The serializers of Arrow tables and record batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO
from weakref import WeakSet

from artigraph.errors import SerializationError, class_name
from artigraph.serializer._support import PartsSerializer, class_of, deserializing, joined, serializing
from artigraph.serializer._support.arrow import pa
from artigraph.serializer._support.arrow_compare import describe_arrow_tables, same_table
from artigraph.serializer._support.ipc import buffer_size, read_ipc, read_ipc_columns, write_ipc
from artigraph.serializer.base import Serializer
from artigraph.serializer.preview import TablePreview
from artigraph.serializer.pyarrow._parquet import columns_from_parquet, table_from_parquet, table_to_parquet
from artigraph.serializer.pyarrow._preview import preview_ipc, preview_parquet, preview_stream
from artigraph.serializer.pyarrow._streams import is_begun, reader_of_file, reader_to_parts


class _TableSerializer(PartsSerializer[Any]):
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

    def serialize_parts(self, value: Any) -> Iterator[bytes]:
        """Yield a parquet file in parts of at most 2 MiB."""
        _check_class(value, pa.Table)
        with serializing(self.name, value):
            yield from table_to_parquet(value)

    def deserialize(self, data: bytes) -> Any:
        """Return the table of a parquet file."""
        with deserializing(self.name):
            return table_from_parquet(data)

    def deserialize_columns(self, file: BinaryIO, columns: Sequence[Any]) -> Any:
        """Return the table with only the columns that have these names. Reads no other columns."""
        with deserializing(self.name):
            return columns_from_parquet(file, columns)

    def preview(
        self, file: BinaryIO, /, *, rows: int = 50, columns: int = 50, max_bytes: int = 8 * 2**20
    ) -> TablePreview:
        """Return columns, types and the first rows. Reads the footer and the first pages of each column."""
        with deserializing(self.name):
            return preview_parquet(file, rows=rows, columns=columns, max_bytes=max_bytes)


class FeatherSerializer(_TableSerializer):
    """Stores Arrow tables as Arrow IPC files (Feather), compressed by LZ4. It keeps every type of Arrow.

    One case is refused, with the column's name: chunks with different dictionaries that Arrow cannot unify, such as
    dictionaries that hold a null. Cast such a column to the type of its values.

    An extension type must be registered both when you store it and when you load it. How a table is chunked, and the
    order of a dictionary's values, are not part of its value.
    """

    name = "arrow-feather"

    def serialize_parts(self, value: Any) -> Iterator[bytes]:
        """Yield an Arrow IPC file in parts of at most 2 MiB."""
        _check_class(value, pa.Table)
        with serializing(self.name, value):
            yield from write_ipc(value)

    def deserialize(self, data: bytes) -> Any:
        """Return the table of an Arrow IPC file."""
        with deserializing(self.name):
            return read_ipc(data)[0]

    def deserialize_columns(self, file: BinaryIO, columns: Sequence[Any]) -> Any:
        """Return the table with only the columns that have these names. Reads no other columns."""
        with deserializing(self.name):
            return read_ipc_columns(file, columns)[0]

    def preview(
        self, file: BinaryIO, /, *, rows: int = 50, columns: int = 50, max_bytes: int = 8 * 2**20
    ) -> TablePreview:
        """Return columns, types and the first rows. Reads columns of the first batch, if they fit."""
        with deserializing(self.name):
            return preview_ipc(file, rows=rows, columns=columns, max_bytes=max_bytes, noun="table")


class RecordBatchSerializer(PartsSerializer[Any]):
    """Stores Arrow record batches as Arrow IPC files. It keeps and refuses what `FeatherSerializer` does."""

    name = "arrow-record-batch"
    types: tuple[type[Any], ...] = (pa.RecordBatch,)

    def serialize_parts(self, value: Any) -> Iterator[bytes]:
        """Yield an Arrow IPC file in parts of at most 2 MiB."""
        _check_class(value, pa.RecordBatch)
        with serializing(self.name, value):
            yield from write_ipc(pa.Table.from_batches([value]), whole=True)

    def deserialize(self, data: bytes) -> Any:
        """Return the record batch of an Arrow IPC file."""
        with deserializing(self.name):
            table = read_ipc(data)[0]
            batches = table.to_batches()
            if len(batches) > 1:
                msg = "there is more than one record batch"
                raise ValueError(msg)
            if batches:
                return batches[0]
            # Not from a list of rows, from which Arrow makes no unions.
            return pa.RecordBatch.from_arrays([pa.nulls(0, kind) for kind in table.schema.types], schema=table.schema)

    def preview(
        self, file: BinaryIO, /, *, rows: int = 50, columns: int = 50, max_bytes: int = 8 * 2**20
    ) -> TablePreview:
        """Return columns, types and the first rows. Reads columns of the batch, if they fit."""
        with deserializing(self.name):
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


class RecordBatchReaderSerializer(Serializer[Any]):
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

    def serialize(self, value: Any) -> bytes:
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

    def deserialize(self, data: bytes) -> Any:
        """Return a reader of an Arrow IPC stream."""
        with deserializing(self.name):
            return reader_of_file(pa.BufferReader(data), self.name)

    def deserialize_file(self, file: BinaryIO) -> Any:
        """Return a reader that reads each batch from the file when you ask for it."""
        with deserializing(self.name):
            return reader_of_file(file, self.name)

    def preview(
        self, file: BinaryIO, /, *, rows: int = 50, columns: int = 50, max_bytes: int = 8 * 2**20
    ) -> TablePreview:
        """Return columns, types and the first rows. Reads the first batches, if they fit."""
        with deserializing(self.name):
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
