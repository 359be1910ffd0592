"""Readers of record batches are stored and loaded batch by batch."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from artigraph import ArtifactModel, artifact_field, select
from artigraph.errors import CorruptObjectError, DeserializationError, SerializationError
from artigraph.serializer.pyarrow import record_batch_reader_serializer as serializer
from artigraph.storage import MemoryStorage
from artigraph.testing.serializer import RecordingFile

pa: Any = import_module("pyarrow")

ROWS = 200_000


def numbers(batches: int, rows: int = ROWS) -> Any:
    """Return a reader whose batches are made when they are asked for."""
    schema = pa.schema([pa.field("number", pa.int64(), metadata={"unit": "m"})], metadata={"who": "me"})

    def make() -> Iterator[Any]:
        for batch in range(batches):
            yield pa.record_batch([pa.array(np.arange(batch * rows, (batch + 1) * rows))], schema=schema)

    return pa.RecordBatchReader.from_batches(schema, make())


def test_batches_come_back_one_by_one() -> None:
    data = b"".join(serializer.serialize_stream(numbers(10)))
    file = RecordingFile(data)
    back = serializer.deserialize_file(file)
    assert back.schema.equals(numbers(0).schema, check_metadata=True)
    assert file.fetched < 1000
    for batch in range(10):
        assert back.read_next_batch().column(0)[-1].as_py() == (batch + 1) * ROWS - 1
        assert file.fetched <= (batch + 1.1) * len(data) / 10
    assert list(back) == []


def test_a_large_batch_is_cut() -> None:
    reader = numbers(1, 3_000_000)
    parts = list(serializer.serialize_stream(reader))
    assert max(map(len, parts)) <= 8 * 2**20
    batches = list(serializer.deserialize(b"".join(parts)))
    assert len(batches) > 3
    assert max(batch.nbytes for batch in batches) <= 2 * 2**20
    assert pa.Table.from_batches(batches).equals(numbers(1, 3_000_000).read_all())


def test_memory_is_bounded() -> None:
    gc.collect()
    before, largest = pa.total_allocated_bytes(), 0
    for part in serializer.serialize_stream(numbers(100)):
        largest = max(largest, pa.total_allocated_bytes() - before + len(part))
    assert largest < 40 * 2**20 < 100 * ROWS * 8


class Ending(RecordingFile):
    """A file that has nothing more from some place on, and gives a few bytes at a time before."""

    def __init__(self, data: bytes, end: int) -> None:
        super().__init__(data[:end])

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(7, size) if size is not None and size > 0 else size)


def test_a_stream_that_ends_too_early_is_an_error_or_the_end() -> None:
    data = serializer.serialize(numbers(3, 5))
    for end in range(0, len(data), 3):
        for file in (RecordingFile(data[:end]), Ending(data, end)):
            try:
                rows = sum(batch.num_rows for batch in serializer.deserialize_file(file))
            except DeserializationError:
                rows = 0
            assert rows <= 15
            assert len(file.ranges) <= len(data)  # each read brings bytes, or is one of the last


def test_a_reader_is_stored_once() -> None:
    reader = numbers(1)
    serializer.serialize(reader)
    with pytest.raises(SerializationError, match="stored before"):
        serializer.serialize(reader)


@pytest.mark.parametrize("batches", [1, 3])
def test_one_that_was_loaded_is_not_stored_once_it_was_read(batches: int) -> None:
    data = serializer.serialize(numbers(3, 5))
    for back in (serializer.deserialize(data), serializer.deserialize_file(RecordingFile(data))):
        for _ in range(batches):
            back.read_next_batch()
        with pytest.raises(SerializationError, match="load it again"):
            serializer.serialize(back)
        assert sum(batch.num_rows for batch in back) == (3 - batches) * 5


def test_one_that_was_loaded_is_stored_as_long_as_it_was_not_read() -> None:
    back = serializer.deserialize(serializer.serialize(numbers(3, 5)))
    assert back.schema.names == ["number"]
    again = serializer.deserialize(serializer.serialize(back))
    with pytest.raises(SerializationError, match="stored before"):
        serializer.serialize(back)
    assert again.read_all().equals(numbers(3, 5).read_all())


@dataclass
class Export(ArtifactModel, name="streams.Export"):
    rows: Any = artifact_field(storage=MemoryStorage("streams"))


@pytest.mark.usefixtures("engine")
async def test_a_model_that_was_loaded_is_not_saved_once_its_stream_was_read() -> None:
    node_id = await Export(numbers(3, 5)).save("export")
    export = await Export.load(node_id)
    export.rows.read_next_batch()
    with pytest.raises(SerializationError, match="load it again"):
        await export.save("copy")
    copy_id = await (await Export.load(node_id)).save("copy")
    assert (await Export.load(copy_id)).rows.read_all().equals(numbers(3, 5).read_all())
    assert len(await select(Export).ids()) == 2


def test_one_that_something_else_consumed_is_an_empty_one() -> None:
    reader = numbers(1)
    reader.read_all()
    assert serializer.deserialize(serializer.serialize(reader)).read_all().num_rows == 0


def test_dictionaries_that_differ_from_batch_to_batch_are_kept() -> None:
    kind = pa.dictionary(pa.int8(), pa.string())
    texts = [["a", "b", "a"], ["c", None], ["d"]]
    batches = [pa.record_batch([pa.array(each).dictionary_encode().cast(kind)], names=["d"]) for each in texts]
    reader = pa.RecordBatchReader.from_batches(batches[0].schema, batches)
    back = serializer.deserialize(serializer.serialize(reader))
    assert [batch.column(0).to_pylist() for batch in back] == texts


def test_what_a_reader_raises_is_a_refusal() -> None:
    schema = pa.schema([("a", pa.int8())])

    def fail() -> Iterator[Any]:
        yield pa.record_batch([[1]], schema=schema)
        msg = "no more"
        raise OSError(msg)

    with pytest.raises(SerializationError, match="no more"):
        serializer.serialize(pa.RecordBatchReader.from_batches(schema, fail()))


def test_damage_found_while_it_is_read_is_the_error_of_the_file() -> None:
    class Damaged(RecordingFile):
        broken = False

        def read(self, size: int | None = -1, /) -> bytes:
            if self.broken:
                msg = "damaged"
                raise CorruptObjectError(msg)
            return super().read(size)

    file = Damaged(serializer.serialize(numbers(3)))
    back = serializer.deserialize_file(file)
    back.read_next_batch()
    file.broken = True
    with pytest.raises(CorruptObjectError, match="damaged"):
        back.read_next_batch()


def test_equality_is_identity() -> None:
    reader = numbers(1)
    assert serializer.equal(reader, reader)
    assert not serializer.equal(reader, numbers(1))
    assert serializer.size_hint(reader) is None
