"""Previews of Arrow tables."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import BinaryIO

from artigraph.serializer._support.arrow import pa, schema_of_text
from artigraph.serializer._support.arrow_cells import arrow_cells, column_of
from artigraph.serializer._support.ipc_preview import TableHead, read_ipc_head, read_stream_head
from artigraph.serializer._support.parquet_preview import ParquetHead
from artigraph.serializer._support.preview import Column, table_preview, unread_table, within_limit
from artigraph.serializer.preview import Cells, LimitedFile, TablePreview
from artigraph.serializer.pyarrow._parquet import note_of


def preview_ipc(file: BinaryIO, *, rows: int, columns: int, max_bytes: int, noun: str) -> TablePreview:
    """Return the preview of an Arrow IPC file. Broken bytes may raise Arrow's errors, too."""
    limited = LimitedFile(file, max_bytes)
    read = partial(read_ipc_head, limited, max(rows, 0), max(columns, 0))
    return _preview_of(limited, read, rows, columns, noun)


def preview_stream(file: BinaryIO, *, rows: int, columns: int, max_bytes: int) -> TablePreview:
    """Return the preview of an Arrow IPC stream. Broken bytes may raise Arrow's errors, too."""
    limited = LimitedFile(file, max_bytes)
    return _preview_of(limited, partial(read_stream_head, limited, max(rows, 0)), rows, columns, "stream")


def preview_parquet(file: BinaryIO, *, rows: int, columns: int, max_bytes: int) -> TablePreview:
    """Return the preview of a parquet file. Broken bytes may raise Arrow's errors, too."""
    limited = LimitedFile(file, max_bytes)

    def read() -> TableHead:
        head = ParquetHead(limited, max_bytes)
        about = note_of(head.metadata)
        schema = schema_of_text(about["schema"]) if "schema" in about else head.schema
        names: list[str] = head.schema.names[: max(columns, 0)]
        found = head.read(names, rows)
        places = [place for place, name in enumerate(names) if name in found]
        read = [found[names[place]][names[:place].count(names[place])] for place in places]
        return TableHead(schema, pa.table(read, names=[str(place) for place in places]), head.total_rows)

    return _preview_of(limited, read, rows, columns, "table")


def _preview_of(
    limited: LimitedFile, read: Callable[[], TableHead], rows: int, columns: int, noun: str
) -> TablePreview:
    def make() -> TablePreview:
        head = read()
        cells = Cells()
        described: list[Column] = []
        for place, field in enumerate(head.schema):
            if place >= columns:
                break
            found = head.column(place)
            column = column_of(field.name, field.type)
            described.append((column, None if found is None else arrow_cells(found, cells)))
        return table_preview(
            described,
            cells,
            rows=rows,
            size=limited.size,
            total_rows=head.total_rows,
            total_columns=len(head.schema.names),
            noun=noun,
        )

    return within_limit(limited, make, lambda: unread_table(limited.size, noun))
