"""Where the parts of an Arrow IPC file are, found in its metadata, without reading or decompressing any data.

pyarrow tells neither how many rows a batch has nor how large its buffers are before it has read them. The metadata are
flatbuffers, as Arrow's Message.fbs, File.fbs and Schema.fbs define them. Damaged ones raise ValueError, struct.error or
the errors of the file.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from artigraph.serializer._support.arrow import pa
from artigraph.serializer.preview import LimitedFile

_MAGIC = b"ARROW1"
_CONTINUATION = b"\xff\xff\xff\xff"
_PREFIX = 8
"""The bytes before the metadata of a message: a mark, and their length."""
_DICTIONARY, _RECORDS = 2, 3
"""The types of a message's header: a batch of a dictionary, and a record batch."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A record batch, or a batch of a dictionary."""

    rows: int
    body: int
    """Where the buffers begin."""
    body_size: int
    buffers: tuple[tuple[int, int], ...]
    """The offset in the body and the length of each buffer."""
    variadic: tuple[int, ...]
    """How many buffers of data each column of views has."""
    is_compressed: bool
    is_dictionary: bool
    end: int
    """Where the next message begins."""

    def decoded_size(self, limited: LimitedFile, places: range) -> int:
        """Return the bytes of some buffers in memory. Reads 8 bytes for each that is compressed."""
        size = 0
        for offset, length in self.buffers[places.start : places.stop]:
            decoded = length
            if self.is_compressed and length:
                (decoded,) = struct.unpack("<q", limited.read_at(self.body + offset, 8))
                if decoded == -1:  # stored as it is
                    decoded = length - 8
            if decoded < 0 or length < 0 or offset < 0:
                msg = "a buffer has a negative size"
                raise ValueError(msg)
            size += decoded
        return size

    def stored_size(self, places: range) -> int:
        """Return the bytes of some buffers in the file."""
        return sum(length for _, length in self.buffers[places.start : places.stop])


@dataclass(frozen=True, slots=True)
class Block:
    """Where a message is in a file, as the footer says."""

    offset: int
    metadata: int
    body: int


def read_footer(limited: LimitedFile) -> tuple[list[Block], list[Block]]:
    """Return the blocks of dictionaries and of record batches of an IPC file."""
    tail = limited.read_at(max(limited.size - 10, 0), 10)
    if len(tail) < 10 or tail[4:] != _MAGIC:  # noqa: PLR2004
        msg = "it does not end as an Arrow IPC file does"
        raise ValueError(msg)
    length = int.from_bytes(tail[:4], "little", signed=True)
    if not 0 < length <= limited.size - 10:
        msg = f"its footer cannot have {length} bytes"
        raise ValueError(msg)
    footer = _Table.root(limited.read_at(limited.size - 10 - length, length))
    return list(_blocks(footer, 2)), list(_blocks(footer, 3))


def _blocks(footer: _Table, slot: int) -> Iterator[Block]:
    for offset, metadata, _, body in footer.structs(slot, "<qiiq"):
        if offset < 0 or metadata < _PREFIX or body < 0:
            msg = "a block has a negative size"
            raise ValueError(msg)
        yield Block(offset, metadata, body)


def read_block(limited: LimitedFile, block: Block) -> Batch:
    """Return the layout of the batch of a block."""
    data = limited.read_at(block.offset, block.metadata)
    batch = _batch_of(data[_PREFIX:], block.offset + block.metadata)
    if batch is None or batch.body_size != block.body:
        msg = "a block is not a batch"
        raise ValueError(msg)
    return batch


def walk_stream(limited: LimitedFile) -> Iterator[Batch]:
    """Yield the layout of each batch of an IPC stream. Reads the metadata of each when it is asked for."""
    position = 0
    while position < limited.size:
        prefix = limited.read_at(position, _PREFIX)
        length = int.from_bytes(prefix[4:], "little", signed=True)
        if prefix[:4] != _CONTINUATION or len(prefix) < _PREFIX or length < 0:
            msg = "a message does not begin as one of Arrow"
            raise ValueError(msg)
        if not length:
            return
        metadata = limited.read(length)
        start = position + _PREFIX + length
        batch = _batch_of(metadata, start)
        if batch is not None:
            yield batch
        position = start + _body_size(_Table.root(metadata))


def _body_size(message: _Table) -> int:
    size = message.number(3, "<q")
    if size < 0:
        msg = "a body has a negative size"
        raise ValueError(msg)
    return size


def _batch_of(metadata: bytes, body: int) -> Batch | None:
    """Return the batch of a message, or None for another message."""
    message = _Table.root(metadata)
    kind = message.number(1, "<B")
    header = message.table(2)
    if kind not in (_DICTIONARY, _RECORDS) or header is None:
        return None
    records = header.table(1) if kind == _DICTIONARY else header
    if records is None:
        return None
    size = _body_size(message)
    rows = records.number(0, "<q")
    if rows < 0:
        msg = "a batch has a negative number of rows"
        raise ValueError(msg)
    buffers = tuple((offset, length) for offset, length in records.structs(2, "<qq"))
    variadic = tuple(count for (count,) in records.structs(4, "<q"))
    compressed = records.table(3) is not None
    return Batch(rows, body, size, buffers, variadic, compressed, kind == _DICTIONARY, body + size)


def buffers_of_columns(schema: Any, batch: Batch) -> list[range] | None:
    """Return which buffers of a batch belong to each column, or None if the batch has another number of them."""
    variadic = iter(batch.variadic)
    found: list[range] = []
    start = 0
    for kind in schema.types:
        end = start + _count_buffers(kind, variadic)
        found.append(range(start, end))
        start = end
    return found if start == len(batch.buffers) else None


def _count_buffers(kind: Any, variadic: Iterator[int]) -> int:
    if isinstance(kind, pa.BaseExtensionType):
        return _count_buffers(kind.storage_type, variadic)
    types = pa.types
    if types.is_dictionary(kind):
        return 2  # its indices
    own = 2
    if types.is_string_view(kind) or types.is_binary_view(kind):
        own = 2 + next(variadic, 0)
    elif types.is_null(kind) or types.is_run_end_encoded(kind):
        own = 0
    elif types.is_struct(kind) or types.is_fixed_size_list(kind):
        own = 1
    elif types.is_union(kind):
        own = 1 if kind.mode == "sparse" else 2
    elif types.is_list_view(kind) or types.is_large_list_view(kind) or _has_offsets_and_data(kind):
        own = 3
    if types.is_run_end_encoded(kind):
        return _count_buffers(kind.run_end_type, variadic) + _count_buffers(kind.value_type, variadic)
    return own + sum(_count_buffers(kind.field(place).type, variadic) for place in range(kind.num_fields))


def _has_offsets_and_data(kind: Any) -> bool:
    types = pa.types
    return any(each(kind) for each in (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary))


class _Table:
    """A table of a flatbuffer."""

    def __init__(self, data: bytes, position: int) -> None:
        self._data = data
        self._position = position
        (back,) = self._unpack("<i", position)
        self._vtable = position - back
        (self._size,) = self._unpack("<H", self._vtable)

    @classmethod
    def root(cls, data: bytes) -> _Table:
        return cls(data, int.from_bytes(data[:4], "little"))

    def _unpack(self, form: str, position: int) -> tuple[Any, ...]:
        if position < 0:
            msg = "an offset leads out of the metadata"
            raise ValueError(msg)
        return struct.unpack_from(form, self._data, position)

    def _place(self, slot: int) -> int | None:
        at = 4 + 2 * slot
        if at + 2 > self._size:
            return None
        (offset,) = self._unpack("<H", self._vtable + at)
        return self._position + offset if offset else None

    def number(self, slot: int, form: str) -> int:
        """Return the number in a field, by default 0."""
        place = self._place(slot)
        if place is None:
            return 0
        (found,) = self._unpack(form, place)
        return int(found)

    def table(self, slot: int) -> _Table | None:
        """Return the table to which a field refers."""
        place = self._place(slot)
        if place is None:
            return None
        (offset,) = self._unpack("<I", place)
        return _Table(self._data, place + offset)

    def structs(self, slot: int, form: str) -> Iterator[tuple[Any, ...]]:
        """Return the structs of a vector."""
        place = self._place(slot)
        if place is None:
            return iter(())
        (offset,) = self._unpack("<I", place)
        (count,) = self._unpack("<I", place + offset)
        start = place + offset + 4
        end = start + count * struct.calcsize(form)
        if end > len(self._data):
            msg = "a vector is longer than the metadata"
            raise ValueError(msg)
        return struct.iter_unpack(form, memoryview(self._data)[start:end])
