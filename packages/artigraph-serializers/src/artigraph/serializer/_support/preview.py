"""Helpers for previews."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from artigraph.errors import STOPPING
from artigraph.serializer import preview

T = TypeVar("T")


def within_limit(limited: preview.LimitedFile, make: Callable[[], T], otherwise: Callable[[], T]) -> T:
    """Return what `make` returns, or what `otherwise` returns if the file refused to read as much as that needs.

    A library may replace the file's error by one of its own, so the file is asked.
    """
    try:
        return make()
    except STOPPING:
        raise
    except BaseException:
        if limited.exceeded:
            return otherwise()
        raise


Column = tuple[preview.TableColumn, "list[preview.Cell] | None"]
"""A column and its first cells, or None if they were not read."""


def table_preview(
    described: Sequence[Column],
    cells: preview.Cells,
    *,
    rows: int,
    size: int,
    total_rows: int | None,
    total_columns: int,
    noun: str = "table",
) -> preview.TablePreview:
    """Return the preview of a table.

    Args:
        described: the columns that are shown, those of an index first.
        cells: what made the cells.
        rows: how many rows may be shown.
        size: the stored bytes.
        total_rows: how many rows there are, or None if that is unknown.
        total_columns: how many columns there are, without those of an index.
        noun: what the value is.

    Raises:
        ValueError: the columns have different numbers of rows.
    """
    lengths = {len(each) for _, each in described if each is not None}
    many = max(lengths, default=0)
    if len(lengths) > 1 or (total_rows is not None and many > total_rows):
        msg = "its columns have different numbers of rows"
        raise ValueError(msg)
    needed = rows > 0 and total_rows != 0
    columns = tuple(
        replace(column, is_read=False) if found is None and needed else column for column, found in described
    )
    shown = tuple(zip(*(found if found is not None else [None] * many for _, found in described), strict=True))
    cut = (
        cells.cut
        or sum(not column.is_index for column in columns) < total_columns
        or not all(column.is_read for column in columns)
        or (bool(described) and len(shown) != total_rows)
    )
    rows_text = "rows" if total_rows is None else preview.count_text(total_rows, "row")
    summary = f"{noun}, {rows_text} x {preview.count_text(total_columns, 'column')}, {preview.bytes_text(size)}"
    return preview.TablePreview(summary, cut, columns, shown, total_rows, total_columns)


def unread_table(size: int, noun: str = "table") -> preview.TablePreview:
    """Return the preview of a table of which not even the columns can be read."""
    summary = f"{noun}, {preview.bytes_text(size)}"
    return preview.TablePreview(summary, cut=True, columns=(), rows=(), total_rows=None, total_columns=None)
