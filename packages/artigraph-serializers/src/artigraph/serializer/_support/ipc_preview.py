"""The first rows of Arrow IPC files and streams."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from artigraph.serializer._support import ipc_layout
from artigraph.serializer._support.arrow import pa
from artigraph.serializer._support.arrow_input import InputFile
from artigraph.serializer._support.ipc_layout import Block
from artigraph.serializer._support.preview import within_limit
from artigraph.serializer.preview import LimitedFile

_CHUNK = 8 * 2**20
"""The bytes that are fetched of a stored object if any of them is read."""
_MOST_CHUNKS = 16
"""How many of them may be fetched to count rows."""


@dataclass(frozen=True, slots=True)
class TableHead:
    """The first rows of a table."""

    schema: Any
    table: Any
    """The first rows of the columns that were read, under the names "0", "1", ... by their place in the schema."""
    total_rows: int | None

    def column(self, place: int) -> Any | None:
        """Return the first values of a column, or None if it was not read."""
        found = self.table.schema.get_field_index(str(place))
        return None if found < 0 else self.table.column(found)


def read_ipc_head(limited: LimitedFile, rows: int, columns: int) -> TableHead:
    """Return the first rows and columns of an Arrow IPC file, as far as their buffers may be read and decoded."""
    budget = limited.left
    dictionaries, blocks = ipc_layout.read_footer(limited)
    schema = pa.ipc.open_file(InputFile(limited)).schema
    total = _count_rows(limited, blocks)
    empty = _nothing()
    if not rows or not columns or not blocks:
        return TableHead(schema, empty, total)
    chosen = within_limit(limited, lambda: _choose(limited, schema, dictionaries, blocks, columns, budget), list[int])
    if not chosen:
        return TableHead(schema, empty, total)
    table = within_limit(limited, lambda: _read_batches(limited, blocks, chosen, rows, budget), lambda: empty)
    return TableHead(schema, table, total)


def _nothing() -> Any:
    return pa.table({})


def _count_rows(limited: LimitedFile, blocks: list[Block]) -> int | None:
    """Return the rows of all batches, or None if too much would be fetched for that."""
    total = 0
    seen: set[int] = set()
    for block in blocks:
        seen.add(block.offset // _CHUNK)
        if len(seen) > _MOST_CHUNKS or block.metadata > limited.left // 4:
            return None
        total += ipc_layout.read_block(limited, block).rows
    return total


def _choose(
    limited: LimitedFile,
    schema: Any,
    dictionaries: list[Block],
    blocks: list[Block],
    columns: int,
    budget: int,
) -> list[int]:
    """Return the columns of which the first batch can be read and decoded."""
    decoded = 0
    stored = 0
    for block in dictionaries:  # Arrow reads them all
        if block.metadata + block.body > limited.left:
            return []
        batch = ipc_layout.read_block(limited, block)
        decoded += batch.decoded_size(limited, range(len(batch.buffers)))
        stored += block.metadata + block.body
    batch = ipc_layout.read_block(limited, blocks[0])
    ranges = ipc_layout.buffers_of_columns(schema, batch)
    if ranges is None:
        msg = "a batch does not have the buffers of its columns"
        raise ValueError(msg)
    # What Arrow reads once more: the footer, and the metadata of the batch.
    stored += 2 * (budget - limited.left) + 2**12
    chosen: list[int] = []
    for place, buffers in enumerate(ranges[:columns]):
        size = batch.stored_size(buffers) + 64 * len(buffers)
        if stored + size + 8 * len(buffers) > limited.left:
            continue
        more = batch.decoded_size(limited, buffers)
        if decoded + more > budget:
            continue
        stored += size
        decoded += more
        chosen.append(place)
    return chosen


def _read_batches(limited: LimitedFile, blocks: list[Block], chosen: list[int], rows: int, budget: int) -> Any:
    """Return the first rows of some columns. Reads further batches while they are small."""
    limited.seek(0)
    with pa.ipc.open_file(InputFile(limited), options=pa.ipc.IpcReadOptions(included_fields=chosen)) as reader:
        names = [str(place) for place in chosen]
        found: list[Any] = []
        many = 0
        for place, block in enumerate(blocks):
            if place and (block.metadata + block.body > limited.left // 2 or not _fits(limited, block, budget)):
                break
            batch = reader.get_batch(place)
            batch.validate(full=True)
            part = batch.slice(0, rows - many)
            found.append(pa.RecordBatch.from_arrays(part.columns, names=names))
            many += part.num_rows
            if many >= rows:
                break
    return pa.Table.from_batches(found)


def _fits(limited: LimitedFile, block: Block, budget: int) -> bool:
    batch = ipc_layout.read_block(limited, block)
    return batch.decoded_size(limited, range(len(batch.buffers))) <= budget


def read_stream_head(limited: LimitedFile, rows: int) -> TableHead:
    """Return the first rows of an Arrow IPC stream, as far as their batches may be read and decoded."""
    budget = limited.left
    fitting = total = 0
    decoded = stored = 0
    counted: int | None = None
    seen: set[int] = set()
    for batch in ipc_layout.walk_stream(limited):
        seen.add(batch.body // _CHUNK)
        if len(seen) > _MOST_CHUNKS or limited.left < budget // 2:
            break
        if batch.end > limited.size:
            msg = "the last batch is cut off"
            raise ValueError(msg)
        if total < rows and decoded <= budget:
            decoded += batch.decoded_size(limited, range(len(batch.buffers)))
            stored = batch.end
            fitting += not batch.is_dictionary and decoded <= budget and stored + 2**12 <= limited.left
        total += 0 if batch.is_dictionary else batch.rows
    else:
        counted = total
    limited.seek(0)
    stream = pa.ipc.open_stream(limited)
    schema = stream.schema
    read = partial(_read_stream, stream, schema, fitting, rows)
    return TableHead(schema, within_limit(limited, read, _nothing), counted)


def _read_stream(stream: Any, schema: Any, many: int, rows: int) -> Any:
    names = [str(place) for place in range(len(schema.names))]
    found: list[Any] = []
    for _ in range(many):
        batch = stream.read_next_batch()
        batch.validate(full=True)
        part = batch.slice(0, rows)
        found.append(pa.RecordBatch.from_arrays(part.columns, names=names))
        rows -= part.num_rows
    return pa.Table.from_batches(found) if found else _nothing()
