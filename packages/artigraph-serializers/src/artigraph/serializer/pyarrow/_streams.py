"""Write record batches as an Arrow IPC stream of any length, and read them."""

from __future__ import annotations

import inspect
from collections.abc import Generator, Iterator
from typing import Any, BinaryIO
from weakref import WeakKeyDictionary

from artigraph.serializer._support import deserializing
from artigraph.serializer._support.arrow import PART, PartsSink, pa
from artigraph.serializer._support.ipc import buffer_size, schema_with_note, split_note, write_options

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
