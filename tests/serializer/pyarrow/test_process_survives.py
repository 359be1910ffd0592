"""Tables with which some of Arrow's own calls end the process are measured and stored, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from typing import Any

import pytest

from artigraph.errors import SerializationError
from artigraph.serializer.pyarrow import feather_serializer

pa: Any = import_module("pyarrow")

MAKE = """
import faulthandler, pandas, pyarrow as pa
from typing import Any
from artigraph.serializer.base import Serializer
from artigraph.serializer.pandas import dataframe_serializer
from artigraph.serializer.pyarrow import feather_serializer, parquet_serializer, record_batch_reader_serializer
from artigraph.serializer.pyarrow import record_batch_serializer

class Own(Serializer[Any]):
    name = "own"
    types = (pa.Table,)
    def serialize(self, value: Any) -> bytes: return b""
    def deserialize(self, data: bytes) -> Any: return None

faulthandler.enable()
no = pa.array([], pa.int64())
union = pa.UnionArray.from_dense(pa.array([], pa.int8()), pa.array([], pa.int32()), [no])
array = {"union": union, "struct": pa.StructArray.from_arrays([union], names=["u"])}[WHICH]
sink = pa.BufferOutputStream()
with pa.ipc.new_file(sink, pa.schema({"column": array.type})) as writer:
    writer.write_batch(pa.record_batch([array], names=["column"]))
table = pa.ipc.open_file(sink.getvalue()).read_all()
batch = pa.ipc.open_file(sink.getvalue()).get_batch(0)
"""

USES = {
    "hints": "[each.size_hint(table) for each in (feather_serializer, parquet_serializer, Own())]",
    "a hint of a batch": "record_batch_serializer.size_hint(batch)",
    "feather": "assert feather_serializer.deserialize(feather_serializer.serialize(table)).equals(table)",
    "a batch": "assert record_batch_serializer.deserialize(record_batch_serializer.serialize(batch)).equals(batch)",
    "a stream": "record_batch_reader_serializer.serialize(pa.RecordBatchReader.from_batches(batch.schema, [batch]))",
    "pandas": "dataframe_serializer.size_hint(table.to_pandas(types_mapper=pandas.ArrowDtype))",
}


@pytest.mark.parametrize("which", ["union", "struct"])
def test_an_empty_union_of_a_file_does_not_end_the_process(which: str) -> None:
    steps = "".join(f"print({use!r}, flush=True)\n{code}\n" for use, code in USES.items())
    code = MAKE.replace("WHICH", repr(which)) + steps
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"


def test_chunks_of_dictionaries_with_nulls_name_the_column_and_a_remedy_that_works() -> None:
    chunks = [
        pa.DictionaryArray.from_arrays(pa.array([0, 1, 2], pa.int8()), pa.array(values))
        for values in (["a", None, "b"], ["b", "c", None])
    ]
    column = pa.chunked_array(chunks)
    table = pa.table({"fine": [1, 2, 3, 4, 5, 6], "grade": column})
    with pytest.raises(SerializationError, match=r"'grade'.*column\.cast\(column\.type\.value_type\)"):
        feather_serializer.serialize(table)
    mended = table.set_column(1, "grade", column.cast(column.type.value_type))
    assert feather_serializer.deserialize(feather_serializer.serialize(mended)).equals(mended)
