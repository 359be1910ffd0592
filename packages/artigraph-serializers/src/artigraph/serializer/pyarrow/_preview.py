"""Previews of Arrow tables."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, BinaryIO

from artigraph.serializer._support.arrow import schema_of_text
from artigraph.serializer._support.arrow_cells import arrow_cells, column_of
from artigraph.serializer._support.ipc_preview import TableHead, read_ipc_head, read_stream_head
from artigraph.serializer._support.parquet_preview import ParquetHead
from artigraph.serializer._support.preview import table_preview, unread_table, within_limit
from artigraph.serializer.preview import Cells, LimitedFile, TablePreview
from artigraph.serializer.pyarrow._parquet import note_of


def preview_ipc(file: BinaryIO, *, rows: int, columns: int, max_bytes: int, noun: str) -> TablePreview:
    """Return the preview of an Arrow IPC file. Broken bytes may raise Arrow's errors, too."""
    limited = LimitedFile(file, max_bytes)
    head = partial(read_ipc_head, limited, max(rows, 0), max(columns, 0))
    return _preview_of(limited, head, max(columns, 0), noun)


def preview_stream(file: BinaryIO, *, rows: int, columns: int, max_bytes: int) -> TablePreview:
    """Return the preview of an Arrow IPC stream. Broken bytes may raise Arrow's errors, too."""
    limited = LimitedFile(file, max_bytes)
    return _preview_of(limited, partial(read_stream_head, limited, max(rows, 0)), max(columns, 0), "stream")


def _preview_of(limited: LimitedFile, read: Callable[[], TableHead], columns: int, noun: str) -> TablePreview:
    def make() -> TablePreview:
        head = read()
        return _table_preview(head.schema, head.column, head.total_rows, columns, limited.size, noun)

    return within_limit(limited, make, lambda: unread_table(limited.size, noun))


def preview_parquet(file: BinaryIO, *, rows: int, columns: int, max_bytes: int) -> TablePreview:
    """Return the preview of a parquet file. Broken bytes may raise Arrow's errors, too."""
    limited = LimitedFile(file, max_bytes)

    def make() -> TablePreview:
        head = ParquetHead(limited, max_bytes)
        about = note_of(head.metadata)
        schema = schema_of_text(about["schema"]) if "schema" in about else head.schema
        names: list[str] = head.schema.names[: max(columns, 0)]
        found = head.read(names, max(rows, 0))

        def column(place: int) -> Any | None:
            same = found.get(names[place])
            return None if same is None else same[names[:place].count(names[place])]

        return _table_preview(schema, column, head.total_rows, max(columns, 0), limited.size, "table")

    return within_limit(limited, make, lambda: unread_table(limited.size))


def _table_preview(
    schema: Any, column: Callable[[int], Any], total_rows: int | None, columns: int, size: int, noun: str
) -> TablePreview:
    cells = Cells()
    described = [
        (
            column_of(schema.field(place).name, schema.field(place).type),
            None if (found := column(place)) is None else arrow_cells(found, cells),
        )
        for place in range(min(len(schema.names), columns))
    ]
    return table_preview(described, cells, size=size, total_rows=total_rows, total_columns=len(schema.names), noun=noun)
