"""The serializer of figures, with their previews."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, BinaryIO

from artigraph.errors import SerializationError
from artigraph.serializer import preview
from artigraph.serializer._support.difference import named, told
from artigraph.serializer._support.json_text import is_list, is_object, read_json_within
from artigraph.serializer._support.library import LibrarySerializer
from artigraph.serializer._support.preview import table_preview
from artigraph.serializer.numpy.compare import differing_array
from artigraph.serializer.plotly._exact import is_array
from artigraph.serializer.plotly._figures import checked_note, difference, differences, from_json, go, state_of, to_json
from artigraph.serializer.preview import Preview, preview_content


class FigureSerializer(LibrarySerializer[Any, Preview]):
    """Stores figures of Plotly as their JSON, which plotly.js and `plotly.io.from_json` read.

    A loaded figure has equal traces, layout, template and frames, in the same order, and the same grid of subplots.
    Each value in them has its type again: arrays their dtype, times their class, and NaN and infinity, for which
    Plotly writes null. These types are in the key "artigraph" of the JSON, which Plotly ignores. Callbacks are not
    part of a figure, because they are code.

    Each figure is read back and compared before it is stored. A loaded figure is validated by Plotly.

    Refused: subclasses and `FigureWidget`, and values of types that neither JSON, NumPy, pandas nor the codec of plain
    values has.
    """

    name = "plotly-figure"
    types: tuple[type[Any], ...] = (go.Figure,)

    def size_hint(self, value: Any) -> int | None:
        """Return None, because the size of a figure is only found by copying it."""
        del value
        return None

    def _to_bytes(self, value: Any) -> bytes:
        """Return JSON."""
        return to_json(value)

    def _from_bytes(self, data: bytes) -> Any:
        """Return the figure of JSON."""
        return from_json(data)

    def _preview(self, file: BinaryIO, rows: int, columns: int, max_bytes: int) -> Preview:
        """Return title, and type, name and number of points of each trace. Of a large figure, return its first text.

        There is no picture, because only JavaScript draws one of this JSON.
        """
        return preview_figure(file, rows=rows, columns=columns, max_bytes=max_bytes)

    def equal(self, one: Any, other: Any) -> bool:
        """Say whether two figures have equal properties of equal types, and one grid of subplots. NaN equals NaN."""
        try:
            return difference(state_of(one), state_of(other)) is None
        except SerializationError:
            return False

    def describe_change(self, before: Any, after: Any) -> str:
        """Return one line on the number of traces, and on the properties that differ."""
        mine, theirs = state_of(before), state_of(after)
        parts: list[str] = []
        for key in ("data", "frames"):
            if len(mine[key]) != len(theirs[key]):
                noun = {"data": "traces", "frames": "frames"}[key]
                parts.append(f"{len(mine[key]):,} → {len(theirs[key]):,} {noun}")
            least = min(len(mine[key]), len(theirs[key]))
            mine[key], theirs[key] = mine[key][:least], theirs[key][:least]
        places = list(differences(mine, theirs))
        parts += named("differ", [f"{place} {_told(place, before, after)}".strip() for place in places])
        return "; ".join(parts) or "alike in traces, layout and frames"


def _told(place: str, before: Any, after: Any) -> str:
    """Return how many elements differ, if arrays of one dtype and shape are at a place."""
    try:
        one: Any = before[place]
        other: Any = after[place]
    except (KeyError, ValueError, IndexError, TypeError):
        return ""
    if not (is_array(one) and is_array(other)) or one.dtype != other.dtype or one.shape != other.shape:
        return ""
    return told(differing_array(one, other), one.size)


# Previews -------------------------------------------------------------------------------------------------------------


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
    return replace(found, summary=summary, cut=True)


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


figure_serializer: FigureSerializer = FigureSerializer().register()
"""Serializes `plotly.graph_objects.Figure`."""
