"""The serializers of Arrow tables and record batches."""

from __future__ import annotations

from typing import Any

from artigraph.errors import SerializationError
from artigraph.serializer._support import class_name, deserializing, serializing
from artigraph.serializer._support.arrow import pa
from artigraph.serializer._support.compare import same_table
from artigraph.serializer._support.ipc import read_ipc, write_ipc
from artigraph.serializer.base import Serializer
from artigraph.serializer.pyarrow._parquet import table_from_parquet, table_to_parquet

__all__ = [
    "FeatherSerializer",
    "ParquetSerializer",
    "RecordBatchSerializer",
    "feather_serializer",
    "parquet_serializer",
    "pyarrow_serializer",
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
        _check_class(value, pa.Table)
        with serializing(self.name, value):
            return table_to_parquet(value)

    def deserialize(self, data: bytes) -> Any:
        """Return the table of a parquet file."""
        with deserializing(self.name):
            return table_from_parquet(data)

    def equal(self, one: Any, other: Any) -> bool:
        """Whether two tables are equal in schema and values, however they are chunked; NaN equals NaN."""
        return type(one) is type(other) and same_table(one, other)


class FeatherSerializer(Serializer[Any]):
    """Arrow tables as Arrow IPC files (Feather), compressed by LZ4: every type of Arrow, as it is.

    An extension type must be registered when it is stored and when it is loaded. How a table is chunked, and in which
    order a dictionary holds its values, is no part of its value.
    """

    name = "arrow-feather"
    types: tuple[type[Any], ...] = (pa.Table,)

    def serialize(self, value: Any) -> bytes:
        """Return an Arrow IPC file."""
        _check_class(value, pa.Table)
        with serializing(self.name, value):
            return write_ipc(value)

    def deserialize(self, data: bytes) -> Any:
        """Return the table of an Arrow IPC file."""
        with deserializing(self.name):
            return read_ipc(data)[0]

    def equal(self, one: Any, other: Any) -> bool:
        """Whether two tables are equal in schema and values, however they are chunked; NaN equals NaN."""
        return type(one) is type(other) and same_table(one, other)


class RecordBatchSerializer(Serializer[Any]):
    """Arrow record batches as Arrow IPC files; what is said of `FeatherSerializer` holds for it."""

    name = "arrow-record-batch"
    types: tuple[type[Any], ...] = (pa.RecordBatch,)

    def serialize(self, value: Any) -> bytes:
        """Return an Arrow IPC file."""
        _check_class(value, pa.RecordBatch)
        with serializing(self.name, value):
            return write_ipc(pa.Table.from_batches([value]))

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
