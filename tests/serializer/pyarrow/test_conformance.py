"""The serializers of Arrow's values keep the contract."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import pytest

from artigraph.serializer import Serializer
from artigraph.serializer.pyarrow import (
    feather_serializer,
    parquet_serializer,
    record_batch_reader_serializer,
    record_batch_serializer,
)
from artigraph.testing.serializer import SerializerConformance

pa: Any = import_module("pyarrow")


def tables() -> list[Any]:
    return [
        pa.table({"a": list(range(100)), "b": ["x", None, "ä"] * 33 + [""]}, metadata={"who": "me"}),
        pa.table(
            {"l": [[1, None], None], "s": [{"x": 1, "y": [b""]}, None], "d": pa.array(["a", "b"]).dictionary_encode()}
        ),
        pa.table({"m": pa.array([[("a", 1.0)], None], pa.map_(pa.string(), pa.float32()))}),
        pa.table([pa.array([True]), pa.array([None])], names=["same", "same"]),
        pa.schema([pa.field("a", pa.int8(), nullable=False, metadata={"unit": "m"})]).empty_table(),
        pa.table({}),
    ]


def assert_same_table(value: Any, back: Any) -> None:
    assert type(back) is type(value)
    assert back.schema.equals(value.schema, check_metadata=True)
    assert back.to_pydict() == value.to_pydict()
    assert back.num_rows == value.num_rows
    back.validate(full=True)


class TestFeatherSerializer(SerializerConformance):
    refused: Sequence[Any] = (pa.array([1]), {"a": [1]}, None)

    @pytest.fixture
    def serializer(self) -> Serializer[Any]:
        return feather_serializer

    @pytest.fixture
    def values(self) -> Any:
        return tables()

    def columns(self, value: Any) -> Any:
        names = [name for name in value.column_names if value.column_names.count(name) == 1]
        return [(chosen, value.select(chosen)) for chosen in ([], names, names[::-1], names[:1])]

    def assert_identical(self, serializer: Serializer[Any], value: Any, back: Any) -> None:
        assert_same_table(value, back)


class TestParquetSerializer(TestFeatherSerializer):
    @pytest.fixture
    def serializer(self) -> Serializer[Any]:
        return parquet_serializer


class TestRecordBatchSerializer(TestFeatherSerializer):
    refused = (pa.table({}), None)

    @pytest.fixture
    def serializer(self) -> Serializer[Any]:
        return record_batch_serializer

    @pytest.fixture
    def values(self) -> Any:
        batches = [table.to_batches() for table in tables()]
        return [batch[0] for batch in batches if batch] + [pa.record_batch([pa.array([], pa.int8())], names=["a"])]


class TestRecordBatchReaderSerializer(TestFeatherSerializer):
    refused = (pa.table({}), None)
    read_once = True

    @pytest.fixture
    def serializer(self) -> Serializer[Any]:
        return record_batch_reader_serializer

    def fresh(self, value: Any) -> Any:
        return value.to_reader() if isinstance(value, pa.Table) else value

    def assert_identical(self, serializer: Serializer[Any], value: Any, back: Any) -> None:
        assert type(back) is pa.RecordBatchReader
        assert_same_table(value, back.read_all())
