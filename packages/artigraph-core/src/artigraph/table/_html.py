"""A table of results in a notebook."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeGuard
from uuid import UUID

import artigraph.html as html
from artigraph.printable import bytes_text, count_text, shortened

_ROWS, _COLUMNS, _LETTERS = 20, 20, 80
"""The most rows and columns that are shown, and the most letters of a cell."""
_IDS = ("node_id", "run_id")


def table_html(table: Any) -> str:
    """Return the first rows of an Arrow table as HTML."""
    return html.render(html.attempt(lambda: _view(table)))


def _view(table: Any) -> html.Part:
    count, names = table.num_rows, table.column_names[:_COLUMNS]
    rows = table.slice(0, _ROWS).select(names).to_pylist()
    shown = ([_cell(name, row[name]) for name in names] for row in rows)
    more = len(table.column_names) - len(names)
    notes = [count_text(count, "row"), *([f"{more:,} more columns"] if more > 0 else [])]
    title = html.heading("Table", *map(html.muted, notes))
    return html.element("div", title, html.table(html.first_of(shown, _ROWS, count), head=names, wraps=False))


def _cell(name: str, value: object) -> html.Part:
    if value is None:
        return html.muted("null")
    if name in _IDS and isinstance(value, str):
        return html.identifier(UUID(value))
    text = str(value)
    if _is_object(value):
        return html.code(f"{bytes_text(value['size'])} in {value['storage'] or 'the database'}", title=text[:500])
    if isinstance(value, datetime):
        return html.code(value.isoformat(" ", "seconds"), title=text)
    return html.code(shortened(text, _LETTERS), title=text[:500])


def _is_object(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)  # a table has no other structures
