"""Previews of figures: the title, and type, name and number of points of each trace."""

from __future__ import annotations

import math
from typing import Any, BinaryIO

from artigraph.serializer import preview
from artigraph.serializer._support.json_text import is_list, is_object, read_json_within
from artigraph.serializer._support.preview import table_preview
from artigraph.serializer.plotly._figures import checked_note
from artigraph.serializer.preview import preview_content

_WIDTHS = {"i1": 1, "u1": 1, "i2": 2, "u2": 2, "i4": 4, "u4": 4, "f4": 4, "f8": 8}
"""The bytes of an element of a typed array."""
_BASE64 = 4
"""Characters of base64 for three bytes."""
_NOT_POINTS = frozenset({"customdata", "domain", "meta", "selectedpoints", "ids", "hovertext", "text"})
"""Lists in a trace that have no item for each point, or are not what it shows."""
_TITLE = 100


def preview_figure(file: BinaryIO, *, rows: int, columns: int, max_bytes: int) -> preview.Preview:
    """Return a table of the traces of a figure. Of one that is too large to parse, return the beginning of its JSON."""
    limited = preview.LimitedFile(file, max_bytes)
    document = read_json_within(limited, max_bytes)
    if document is None:
        file.seek(0)
        return preview_content(file, rows=rows, max_bytes=limited.left)
    checked_note(document)
    traces: list[dict[str, Any]] = [trace for trace in document["data"][: max(rows, 0)] if is_object(trace)]
    cells = preview.Cells()
    every: list[tuple[str, str, list[preview.Cell]]] = [
        ("trace", "str", [cells.of(trace.get("type", "scatter")) for trace in traces]),
        ("name", "str", [cells.of(trace.get("name")) for trace in traces]),
        ("points", "int", [_points_of(trace) for trace in traces]),
    ]
    noun = f"figure {_title_of(document['layout'])}".rstrip()
    if document["frames"]:
        noun += f", {preview.count_text(len(document['frames']), 'frame')}"
    found = table_preview(
        [(preview.TableColumn(name, dtype), made) for name, dtype, made in every[: max(columns, 0)]],
        cells,
        rows=rows,
        size=limited.size,
        total_rows=len(document["data"]),
        total_columns=len(every),
    )
    count = preview.count_text(len(document["data"]), "trace")
    summary = preview.one_line(f"{noun}, {count}, {preview.bytes_text(limited.size)}")
    return preview.TablePreview(summary, True, found.columns, found.rows, found.total_rows, found.total_columns)  # noqa: FBT003


def _title_of(layout: Any) -> str:
    title: Any = layout.get("title")
    text: Any = title.get("text") if is_object(title) else title
    return preview.Cells(_TITLE).show(text) if isinstance(text, str) else ""


def _points_of(trace: dict[str, Any]) -> int:
    """Return how many points a trace has: the items of its largest array."""
    return max((_length(value) for name, value in trace.items() if name not in _NOT_POINTS), default=0)


def _length(value: Any) -> int:
    if is_list(value):
        items = value
        inner: list[int] = [len(item) for item in items if is_list(item)]
        return sum(inner) if len(inner) == len(items) else len(items)
    if not is_object(value) or not isinstance(value.get("bdata"), str):
        return 0
    spec = value
    text: str = spec["bdata"]
    return math.ceil((len(text) * 3 // _BASE64 - text.count("=")) / _WIDTHS.get(spec.get("dtype", ""), 1))
