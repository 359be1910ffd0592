"""Previews of frames and series of Polars."""

from __future__ import annotations

from functools import partial
from typing import Any, BinaryIO

from artigraph.serializer._support.arrow_cells import arrow_cells, column_of
from artigraph.serializer._support.ipc import note_of
from artigraph.serializer._support.ipc_preview import TableHead, read_ipc_head
from artigraph.serializer._support.preview import table_preview, unread_table, within_limit
from artigraph.serializer.polars._frames import check_kind, dtypes_of
from artigraph.serializer.preview import Cells, LimitedFile, TablePreview


def preview_frame(file: BinaryIO, kind: str, *, rows: int, columns: int, max_bytes: int) -> TablePreview:
    """Return the preview of a file that holds a frame or a series. Broken bytes may raise Arrow's errors, too."""
    limited = LimitedFile(file, max_bytes)
    make = partial(_preview_of, limited, kind, max(rows, 0), max(columns, 0))
    return within_limit(limited, make, lambda: unread_table(limited.size, kind))


def _preview_of(limited: LimitedFile, kind: str, rows: int, columns: int) -> TablePreview:
    head: TableHead = read_ipc_head(limited, rows, columns)
    about = note_of(head.schema)
    check_kind(about, kind)
    cells = Cells()
    # Polars names its dtypes by itself, and reads them from the metadata of the fields.
    dtypes: list[Any] = dtypes_of(head.schema, about["wide"])
    described = [
        (
            column_of(name, dtypes[place]),
            None if (found := head.column(place)) is None else arrow_cells(found, cells),
        )
        for place, name in enumerate(head.schema.names[:columns])
    ]
    height: object = about["height"]
    if not isinstance(height, int) or (head.total_rows is not None and head.schema.names and head.total_rows != height):
        msg = "it has another number of rows than it says"
        raise ValueError(msg)
    return table_preview(
        described,
        cells,
        rows=rows,
        size=limited.size,
        total_rows=height,
        total_columns=len(head.schema.names),
        noun=kind,
    )
