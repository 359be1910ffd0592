"""Record batches that come one after the other, as an Arrow IPC stream of any length."""

from __future__ import annotations

import inspect
from collections.abc import Generator, Iterator
from typing import Any, BinaryIO
from weakref import WeakKeyDictionary

from artigraph.serializer._support import deserializing
from artigraph.serializer._support.arrow import pa
from artigraph.serializer._support.ipc import schema_with_note, split_note, write_options
from artigraph.serializer._support.sink import PART, PartsSink

__all__ = ["is_begun", "reader_of_file", "reader_to_parts"]

_batches_of: WeakKeyDictionary[Any, Generator[Any]] = WeakKeyDictionary()
"""Where the readers that were made here have their batches from."""


def reader_to_parts(reader: Any) -> Iterator[bytes]:
    """Yield the stream of the batches that are left in a reader; not more than one of them is held.

    Raises:
        SerializationError: the schema would not come back as it is.
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
    """Cut a batch, for the writer compresses a whole one before it writes any of it."""
    rows = batch.num_rows if batch.nbytes <= PART else max(PART * batch.num_rows // batch.nbytes, 1)
    if rows == batch.num_rows:
        yield batch
        return
    for start in range(0, batch.num_rows, rows):
        yield batch.slice(start, rows)


def reader_of_file(file: BinaryIO | Any, name: str) -> Any:
    """Return a reader of the batches of a stream, each of which is read from the file when it is asked for."""
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
    """Say whether a reader that was made here was asked for a batch; of any other one that is not known."""
    source = _batches_of.get(reader)
    return source is not None and inspect.getgeneratorstate(source) != inspect.GEN_CREATED
