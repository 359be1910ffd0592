"""The serializers of Arrow tables and record batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO
from weakref import WeakSet

from artigraph.errors import SerializationError
from artigraph.serializer._support import class_name, deserializing, joined, serializing
from artigraph.serializer._support.arrow import pa
from artigraph.serializer._support.arrow_difference import describe_arrow_tables
from artigraph.serializer._support.compare import same_table
from artigraph.serializer._support.ipc import read_ipc, read_ipc_columns, write_ipc
from artigraph.serializer.base import Serializer
from artigraph.serializer.pyarrow._parquet import columns_from_parquet, table_from_parquet, table_to_parquet
from artigraph.serializer.pyarrow._streams import is_begun, reader_of_file, reader_to_parts

__all__ = [
    "FeatherSerializer",
    "ParquetSerializer",
    "RecordBatchReaderSerializer",
    "RecordBatchSerializer",
    "feather_serializer",
    "parquet_serializer",
    "pyarrow_serializer",
    "record_batch_reader_serializer",
    "record_batch_serializer",
]


class ParquetSerializer(Serializer[Any]):
    """Arrow tables as parquet files with page checksums.

    The schema comes back as it was: names (duplicates too), types, nullability, and the metadata of table and fields.
    What parquet would change is refused by the column's name (timestamps in seconds, date64, dictionaries of numbers,
    list views, unions); `feather_serializer` takes it. How a table is chunked is no part of its value.
    """

    name = "arrow-parquet"
    types: tuple[type[Any], ...] = (pa.Table,)

    def serialize(self, value: Any) -> bytes:
        """Return a parquet file."""
        return joined(self.serialize_parts(value))

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
        """Return the table with the columns of these names alone, without reading the others."""
        with deserializing(self.name):
            return columns_from_parquet(file, columns)

    def equal(self, one: Any, other: Any) -> bool:
        """Whether two tables are equal in schema and values, however they are chunked; NaN equals NaN."""
        return type(one) is type(other) and same_table(one, other)

    def describe_change(self, before: Any, after: Any) -> str:
        """Return one line on shapes, columns, types, and how many values differ by how much."""
        return describe_arrow_tables(before, after)


class FeatherSerializer(Serializer[Any]):
    """Arrow tables as Arrow IPC files (Feather), compressed by LZ4: every type of Arrow, as it is.

    An extension type must be registered when it is stored and when it is loaded. How a table is chunked, and in which
    order a dictionary holds its values, is no part of its value.
    """

    name = "arrow-feather"
    types: tuple[type[Any], ...] = (pa.Table,)

    def serialize(self, value: Any) -> bytes:
        """Return an Arrow IPC file."""
        return joined(self.serialize_parts(value))

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
        """Return the table with the columns of these names alone, without reading the others."""
        with deserializing(self.name):
            return read_ipc_columns(file, columns)[0]

    def equal(self, one: Any, other: Any) -> bool:
        """Whether two tables are equal in schema and values, however they are chunked; NaN equals NaN."""
        return type(one) is type(other) and same_table(one, other)

    def describe_change(self, before: Any, after: Any) -> str:
        """Return one line on shapes, columns, types, and how many values differ by how much."""
        return describe_arrow_tables(before, after)


class RecordBatchSerializer(Serializer[Any]):
    """Arrow record batches as Arrow IPC files; what is said of `FeatherSerializer` holds for it."""

    name = "arrow-record-batch"
    types: tuple[type[Any], ...] = (pa.RecordBatch,)

    def serialize(self, value: Any) -> bytes:
        """Return an Arrow IPC file."""
        return joined(self.serialize_parts(value))

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
            return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)

    def equal(self, one: Any, other: Any) -> bool:
        """Whether two record batches are equal in schema and values; NaN equals NaN."""
        if type(one) is not type(other):
            return False
        return same_table(pa.Table.from_batches([one]), pa.Table.from_batches([other]))

    def describe_change(self, before: Any, after: Any) -> str:
        """Return one line on shapes, columns, types, and how many values differ by how much."""
        return describe_arrow_tables(pa.Table.from_batches([before]), pa.Table.from_batches([after]))


class RecordBatchReaderSerializer(Serializer[Any]):
    """Readers of Arrow record batches as Arrow IPC streams, compressed by LZ4, of any length in bounded memory.

    A reader is read once: what is left in it is stored as it comes, and what is loaded reads each batch from the stored
    file when it is asked for, and validates it. Its class is `pyarrow.RecordBatchReader`, whichever reader it was. A
    reader that was stored is consumed; to store it again is refused, and so is one that was loaded and has been asked
    for a batch. Any other one that something else consumed cannot be told from one that never had a batch, and is
    stored as such. Where a batch ends is no part of the value: those of more than 2 MiB are cut. Of extension types
    holds what is said of `FeatherSerializer`.
    """

    name = "arrow-record-batch-stream"
    types: tuple[type[Any], ...] = (pa.RecordBatchReader,)

    def serialize(self, value: Any) -> bytes:
        """Return an Arrow IPC stream; the reader is consumed."""
        return joined(self.serialize_stream(value))

    def serialize_stream(self, value: Any) -> Iterator[bytes]:
        """Yield an Arrow IPC stream in parts of at most 2 MiB; the reader is consumed."""
        if not isinstance(value, pa.RecordBatchReader):
            msg = f"A {class_name(value)} is no pyarrow.RecordBatchReader; make one of it: table.to_reader()."
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
        """Return a reader that reads each batch from the file when it is asked for."""
        with deserializing(self.name):
            return reader_of_file(file, self.name)

    def size_hint(self, value: Any) -> int | None:
        """Return None: how long a stream is shows when it ends."""
        return None

    def equal(self, one: Any, other: Any) -> bool:
        """Whether two readers are one object: their content cannot be compared without being consumed."""
        return one is other


_CONSUMED: WeakSet[Any] = WeakSet()
"""The readers that were stored: to store one again would store nothing, without a word."""


def _check_class(value: object, cls: Any) -> None:
    if type(value) is not cls:
        msg = f"A {class_name(value)} is no {cls.__module__}.{cls.__qualname__}; make one of it: pyarrow.table(...)."
        raise SerializationError(msg)


parquet_serializer: ParquetSerializer = ParquetSerializer().register()
"""Serializes `pyarrow.Table` where a field names it."""

# After the other, so that a table goes here where its field names none: this one takes every type.
feather_serializer: FeatherSerializer = FeatherSerializer().register()
"""Serializes `pyarrow.Table`."""

pyarrow_serializer: FeatherSerializer = feather_serializer
"""The same object as `feather_serializer`."""

record_batch_serializer: RecordBatchSerializer = RecordBatchSerializer().register()
"""Serializes `pyarrow.RecordBatch`."""

record_batch_reader_serializer: RecordBatchReaderSerializer = RecordBatchReaderSerializer().register()
"""Serializes `pyarrow.RecordBatchReader`, which may be larger than memory."""
