"""Serializers for Arrow tables and record batches."""

from artigraph.errors import needs

with needs(__name__, "pyarrow"):
    from artigraph.serializer.pyarrow._serializers import (
        FeatherSerializer,
        ParquetSerializer,
        RecordBatchReaderSerializer,
        RecordBatchSerializer,
        feather_serializer,
        parquet_serializer,
        pyarrow_serializer,
        record_batch_reader_serializer,
        record_batch_serializer,
    )

__all__: list[str] = ["FeatherSerializer", "ParquetSerializer", "RecordBatchReaderSerializer", "RecordBatchSerializer"]
__all__ += ["feather_serializer", "parquet_serializer", "pyarrow_serializer", "record_batch_reader_serializer"]
__all__ += ["record_batch_serializer"]
