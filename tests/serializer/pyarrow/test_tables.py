"""Tables come back with their schema and values, or are refused by name."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from importlib import import_module
from typing import Any

import pytest

from artigraph.errors import DeserializationError, SerializationError
from artigraph.serializer.base import get_serializer_by_type
from artigraph.serializer.pyarrow import (
    feather_serializer,
    parquet_serializer,
    pyarrow_serializer,
    record_batch_serializer,
)

pa: Any = import_module("pyarrow")
NAN = float("nan")

COLUMNS: dict[str, Any] = {
    **{
        str(kind): pa.array([1, None, 0], kind)
        for kind in (pa.int8(), pa.int64(), pa.uint64(), pa.float16(), pa.float64())
    },
    "truth": pa.array([True, None, False]),
    "nulls": pa.nulls(3),
    "text": pa.array(["", None, "ä\0𝄞"]),
    "large text": pa.array(["", None, "ä"], pa.large_string()),
    "text view": pa.array(["", None, "a" * 40], pa.string_view()),
    "bytes": pa.array([b"", None, b"\0\xff"]),
    "bytes of a size": pa.array([b"abc", None, b"\0\0\0"], pa.binary(3)),
    **{
        f"time {unit}": pa.array([1, None, -(2**33)], pa.timestamp(unit, "Europe/Berlin"))
        for unit in ("ms", "us", "ns")
    },
    "duration": pa.array([1, None, -(2**33)], pa.duration("s")),
    "date": pa.array([dt.date(1, 1, 1), None, dt.date(9999, 12, 31)]),
    "clock": pa.array([1, None, 2], pa.time64("ns")),
    "decimal": pa.array([Decimal("1.10"), None, Decimal("-2.00")], pa.decimal128(9, 2)),
    "wide decimal": pa.array([Decimal(10) ** 60, None, Decimal(1)], pa.decimal256(70, 0)),
    "floats": pa.array([NAN, -0.0, None]),
    "lists": pa.array([[1.0, NAN, None], [], None]),
    "large lists": pa.array([[1, None], [], None], pa.large_list(pa.int8())),
    "lists of a size": pa.array([[1, 2], [3, None], None], pa.list_(pa.int8(), 2)),
    "structs": pa.array([{"a": NAN, "b": ["x"]}, None, {"a": None, "b": None}]),
    "maps": pa.array([[("a", NAN)], None, []], pa.map_(pa.string(), pa.float64())),
    "dictionary": pa.array(["b", None, "a"]).dictionary_encode(),
    "uuid": pa.array([b"0" * 16, None, b"1" * 16], pa.uuid()),
}
BEFORE_26 = int(pa.__version__.partition(".")[0]) < 26
"""Whether Parquet cannot read back lists of a fixed size of which some are null, so that they are refused."""
FEATHER_ONLY: dict[str, Any] = {
    "seconds": pa.array([1, None, 2**35], pa.timestamp("s")),
    "clock in seconds": pa.array([1, None, 2], pa.time32("s")),
    "date64": pa.array([dt.date(2020, 1, 1), None, dt.date(1600, 1, 1)], pa.date64()),
    "dictionary of numbers": pa.array([3, None, 1]).dictionary_encode(),
    "ordered dictionary": pa.DictionaryArray.from_arrays(
        pa.array([1, None, 0], pa.uint16()), pa.array(["a", "b"], pa.large_string()), ordered=True
    ),
    "list views": pa.array([[1, None], [], None], pa.list_view(pa.int8())),
    "unions": pa.UnionArray.from_dense(
        pa.array([0, 1, 0], pa.int8()), pa.array([0, 0, 1], pa.int32()), [pa.array([1, 2]), pa.array(["x"])]
    ),
    "intervals": pa.array([pa.MonthDayNano([1, 2, 3]), None, pa.MonthDayNano([0, 0, 0])]),
    "run-end encoded": pa.RunEndEncodedArray.from_arrays([2, 3], [1.5, None]),
    "struct of nothing": pa.array([{}, None, {}], pa.struct([])),
    "negative scale": pa.array([Decimal(100), None, Decimal(200)], pa.decimal128(5, -2)),
}


def round_trip(serializer: Any, table: Any) -> Any:
    data = serializer.serialize(table)
    back = serializer.deserialize(data)
    assert back.schema.equals(table.schema, check_metadata=True)
    assert repr(back.to_pylist()) == repr(table.to_pylist())
    assert back.num_rows == table.num_rows
    assert serializer.equal(table, back)
    assert serializer.serialize(table) == data
    return back


@pytest.mark.parametrize("serializer", [feather_serializer, parquet_serializer], ids=repr)
@pytest.mark.parametrize("column", COLUMNS)
def test_every_type(serializer: Any, column: str) -> None:
    table = pa.table({column: COLUMNS[column]})
    if serializer is parquet_serializer and column == "lists of a size" and BEFORE_26:
        with pytest.raises(SerializationError, match="Expected all lists to be of size=2"):
            serializer.serialize(table)
        return
    round_trip(serializer, table)
    round_trip(serializer, table.slice(1))
    round_trip(serializer, table.slice(0, 0))
    round_trip(serializer, pa.concat_tables([table, table.slice(1), table]))


@pytest.mark.parametrize("column", FEATHER_ONLY)
def test_feather_takes_every_type(column: str) -> None:
    table = pa.table({column: FEATHER_ONLY[column]})
    round_trip(feather_serializer, table)
    round_trip(feather_serializer, table.slice(1))


@pytest.mark.parametrize("column", sorted(FEATHER_ONLY.keys() - {"list views"}))
def test_parquet_refuses_what_it_would_change(column: str) -> None:
    with pytest.raises(SerializationError, match=f"column {column!r}"):
        parquet_serializer.serialize(pa.table({"good": [1, 2, 3], column: FEATHER_ONLY[column]}))


def test_the_refusal_names_the_column_and_the_remedy() -> None:
    with pytest.raises(
        SerializationError, match=r"timestamp\[ms\] of the column 'at' of type timestamp\[s\].*feather_serializer"
    ):
        parquet_serializer.serialize(pa.table({"at": FEATHER_ONLY["seconds"]}))


@pytest.mark.parametrize("serializer", [feather_serializer, parquet_serializer], ids=repr)
def test_what_schemas_say_is_kept(serializer: Any) -> None:
    schema = pa.schema(
        [
            pa.field("a", pa.int8(), nullable=False, metadata={"unit": "m", b"\xff": b"\0"}),
            pa.field("a", pa.list_(pa.field("inner", pa.int8(), nullable=False, metadata={"x": "y"}))),
            pa.field("", pa.struct([pa.field("", pa.string(), nullable=False)])),
        ],
        metadata={"who": "me", "pandas": "{}"},
    )
    columns = [pa.array(values, field.type) for values, field in zip(([1], [[1]], [{"": "x"}]), schema, strict=True)]
    table = pa.Table.from_arrays(columns, schema=schema)
    round_trip(serializer, table)
    round_trip(serializer, schema.empty_table())


def test_rows_without_columns() -> None:
    table = pa.table({"a": [1, 2, 3]}).select([])
    assert feather_serializer.deserialize(feather_serializer.serialize(table)).num_rows == 3
    with pytest.raises(SerializationError, match="3 rows of a table without columns"):
        parquet_serializer.serialize(table)


def test_nulls_in_a_field_without_nulls() -> None:
    table = pa.Table.from_arrays([pa.array([1, None])], schema=pa.schema([pa.field("a", pa.int64(), nullable=False)]))
    with pytest.raises(SerializationError, match="'a' has nulls"):
        parquet_serializer.serialize(table)
    round_trip(feather_serializer, table)


def test_bits_of_nan() -> None:
    np = import_module("numpy")
    bits = np.array([0x7FF8000000000001, 0xFFF8000000000000, 0x8000000000000000], np.uint64)
    table = pa.table({"a": bits.view(np.float64)})
    for serializer in (feather_serializer, parquet_serializer):
        assert (
            serializer.deserialize(serializer.serialize(table))["a"].to_numpy().view(np.uint64).tolist()
            == bits.tolist()
        )


def test_chunks_of_different_dictionaries() -> None:
    one, other = (pa.table({"d": pa.array(values).dictionary_encode()}) for values in (["a", "b"], ["b", "c"]))
    for serializer in (feather_serializer, parquet_serializer):
        round_trip(serializer, pa.concat_tables([one, other]))


def test_equality() -> None:
    columns = {name: pa.table({"x": column}) for name, column in (COLUMNS | FEATHER_ONLY).items()}
    for name, one in columns.items():
        for other_name, other in columns.items():
            assert feather_serializer.equal(one, other) == (name == other_name), (name, other_name)
    table = pa.table({"a": [1, 2]})
    assert feather_serializer.equal(table, pa.concat_tables([table.slice(0, 1), table.slice(1)]))
    assert not feather_serializer.equal(table, table.replace_schema_metadata({"a": "b"}))
    assert not feather_serializer.equal(table, pa.table({"a": [1, 2, 3]}))
    assert not feather_serializer.equal(pa.table({"a": [NAN, None]}), pa.table({"a": [None, NAN]}))
    lists = [
        pa.table({"a": pa.array(values, pa.list_(pa.float64()))}) for values in ([[NAN], []], [[], [NAN]], [[1.0], []])
    ]
    assert [feather_serializer.equal(lists[0], other) for other in lists] == [True, False, False]
    maps = [
        pa.table({"a": pa.array(values, COLUMNS["maps"].type)}) for values in ([[("a", NAN)], []], [[], [("a", NAN)]])
    ]
    assert [feather_serializer.equal(maps[0], other) for other in maps] == [True, False]
    assert not record_batch_serializer.equal(table.to_batches()[0], table)
    assert record_batch_serializer.equal(table.to_batches()[0], table.to_batches()[0])


def test_which_serves_a_table() -> None:
    assert get_serializer_by_type(pa.Table) is feather_serializer
    assert pyarrow_serializer is feather_serializer
    assert get_serializer_by_type(pa.RecordBatch) is record_batch_serializer


class Kelvin(pa.ExtensionType):  # type: ignore[misc, unused-ignore]  # of a library without types
    def __init__(self) -> None:
        pa.ExtensionType.__init__(self, pa.float64(), "tests.kelvin")

    def __arrow_ext_serialize__(self) -> bytes:
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, _storage: Any, _serialized: bytes) -> Any:
        return cls()


@pytest.fixture
def registered() -> Iterator[None]:
    pa.register_extension_type(Kelvin())
    yield
    pa.unregister_extension_type("tests.kelvin")


def kelvins() -> Any:
    return pa.table({"t": pa.ExtensionArray.from_storage(Kelvin(), pa.array([NAN, None, 1.0]))})


def test_an_extension_type_that_is_registered(registered: None) -> None:
    for serializer in (feather_serializer, parquet_serializer):
        back = serializer.deserialize(serializer.serialize(kelvins()))
        assert back.schema.field("t").type == Kelvin()
        assert serializer.equal(kelvins(), back)


def test_an_extension_type_that_is_not() -> None:
    for serializer in (feather_serializer, parquet_serializer):
        with pytest.raises(SerializationError, match="'t' of type"):
            serializer.serialize(kelvins())


def test_an_extension_type_that_is_registered_no_more() -> None:
    for serializer in (feather_serializer, parquet_serializer):
        pa.register_extension_type(Kelvin())
        try:
            data = serializer.serialize(kelvins())
        finally:
            pa.unregister_extension_type("tests.kelvin")
        with pytest.raises(DeserializationError, match=r"'tests\.kelvin' is not registered"):
            serializer.deserialize(data)


def test_the_key_of_our_metadata_is_ours() -> None:
    table = pa.table({"a": [1]}).replace_schema_metadata({"artigraph": "x"})
    for serializer in (feather_serializer, parquet_serializer):
        with pytest.raises(SerializationError, match=r"'artigraph'.*taken"):
            serializer.serialize(table)


def test_a_newer_release() -> None:
    data = parquet_serializer.serialize(pa.table({"m": COLUMNS["maps"]}))
    newer = data.replace(b'{"version": 1', b'{"version": 2')
    assert newer != data
    with pytest.raises(DeserializationError, match="newer release"):
        parquet_serializer.deserialize(newer)


def test_many_record_batches_are_not_one() -> None:
    table = pa.table({"a": [1]})
    data = feather_serializer.serialize(pa.concat_tables([table, table]))
    with pytest.raises(DeserializationError, match="more than one"):
        record_batch_serializer.deserialize(data)


def test_a_flipped_page_is_noticed() -> None:
    data = bytearray(parquet_serializer.serialize(pa.table({"a": [float(number) for number in range(1000)]})))
    data[1000] ^= 1
    with pytest.raises(DeserializationError, match=r"(?i)crc|checksum"):
        parquet_serializer.deserialize(bytes(data))


def test_the_release_of_arrow_is_one_that_reads_safely() -> None:
    assert tuple(map(int, pa.__version__.split(".")[:3])) >= (23, 0, 1)
    assert subprocess.run([sys.executable, "-c", "import artigraph.serializer.pyarrow"], check=False).returncode == 0
