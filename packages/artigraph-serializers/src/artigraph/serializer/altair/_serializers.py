"""The serializer of charts, with their previews."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

from artigraph.errors import SerializationError
from artigraph.serializer import preview
from artigraph.serializer._support.difference import named
from artigraph.serializer._support.json_text import is_list, is_object, read_json_within
from artigraph.serializer._support.library import LibrarySerializer
from artigraph.serializer.altair._charts import (
    CLASSES,
    DATASETS,
    differences,
    from_json,
    note_of,
    same_json,
    spec_of,
    to_json,
)
from artigraph.serializer.preview import Preview, preview_content


class ChartSerializer(LibrarySerializer[Any, Preview]):
    """Stores charts of Altair as the JSON of Vega-Lite: Chart, and charts that layer, join, facet or repeat others.

    A loaded chart has the same class and the same specification, as `to_dict()` returns it. Rows of a frame are part
    of that, as Altair converts them for Vega-Lite: times as texts, missing numbers as null. So the data of a loaded
    chart is `{"values": [...]}`, not a frame. Keep a frame in a field of its own to get it back exactly. Data at a URL
    stays there. The theme belongs to the process, and is not stored.

    Each chart is read back and compared before it is stored. A loaded chart is validated by Altair.

    Refused: subclasses, more rows than Altair allows, and charts under a data transformer other than the default one.
    """

    name = "altair-chart"
    types: tuple[type[Any], ...] = tuple(CLASSES.values())

    def size_hint(self, value: Any) -> int | None:
        """Return None, because the size of a chart is only found by converting its rows."""
        del value
        return None

    def _to_bytes(self, value: Any) -> bytes:
        """Return JSON."""
        return to_json(value)

    def _from_bytes(self, data: bytes) -> Any:
        """Return the chart of JSON."""
        return from_json(data)

    def _preview(self, file: BinaryIO, rows: int, columns: int, max_bytes: int) -> Preview:
        """Return marks, encodings and the number of rows as text. Of a large chart, return its first text.

        There is no picture, because only JavaScript draws one of this JSON.
        """
        return preview_chart(file, rows=rows, max_bytes=max_bytes)

    def equal(self, one: Any, other: Any) -> bool:
        """Say whether two charts have one class and equal specifications with equal rows."""
        if type(one) is not type(other):
            return False
        try:
            return same_json(spec_of(one), spec_of(other))
        except SerializationError:
            return False

    def describe_change(self, before: Any, after: Any) -> str:
        """Return one line on the parts of the specification that differ."""
        parts: list[str] = []
        for path, one, other in differences(spec_of(before), spec_of(after)):
            parts.append(f"{path or 'all'} {_told(one)} → {_told(other)}")
        return "; ".join(named("differ", parts)) or "alike in their specifications"


def _told(value: Any) -> str:
    if is_list(value) or is_object(value):
        return f"{len(value):,} {'items' if is_list(value) else 'properties'}"
    return f"{value!r:.40}" if value is not None else "nothing"


# Previews -------------------------------------------------------------------------------------------------------------


_PARTS = ("layer", "hconcat", "vconcat", "concat", "spec")
_FEW = 8
"""The most columns of a dataset that are named."""
_TITLE = 100


def preview_chart(file: BinaryIO, *, rows: int, max_bytes: int) -> preview.Preview:
    """Return marks, encodings and data as text. Of a chart too large to parse, return the beginning of its JSON."""
    limited = preview.LimitedFile(file, max_bytes)
    document = read_json_within(limited, max_bytes)
    if document is None:
        file.seek(0)
        return preview_content(file, rows=rows, max_bytes=limited.left)
    cells = preview.Cells()
    head = cells.text(str(note_of(document)["class"]))
    title = document.get("title")
    text = title.get("text") if is_object(title) else title
    if isinstance(text, str):
        head += f" {preview.Cells(_TITLE).show(text)}"
    lines = [head, *_lines_of(document, cells, "  "), *_data_lines(document.get(DATASETS), cells)]
    shown = [preview.one_line(line) for line in lines[: max(rows, 0)]]
    summary = preview.one_line(f"{head}, {preview.bytes_text(limited.size)}")
    return preview.TextPreview(summary, cut=True, text="\n".join(shown), encoding=None, size=limited.size)


def _lines_of(spec: Any, cells: preview.Cells, indent: str) -> Iterator[str]:
    if not is_object(spec):
        return
    part: dict[str, Any] = spec
    mark = part.get("mark")
    if mark is not None:
        kind = mark.get("type") if is_object(mark) else mark
        yield f"{indent}{cells.of(kind)}: {', '.join(_encodings(part.get('encoding'), cells))}".rstrip(": ")
    for name in _PARTS:
        parts: Any = part.get(name)
        if is_list(parts) or is_object(parts):
            yield f"{indent}{name}:"
            for each in parts if is_list(parts) else [parts]:
                yield from _lines_of(each, cells, indent + "  ")


def _encodings(encoding: Any, cells: preview.Cells) -> Iterator[str]:
    if not is_object(encoding):
        return
    for channel, said in encoding.items():
        if not is_object(said):
            yield cells.text(channel)
            continue
        what: dict[str, Any] = said
        field = what.get("field", what.get("value", what.get("datum")))
        text = f"{cells.of(field)}" if field is not None else ""
        for function in ("timeUnit", "aggregate"):
            if isinstance(what.get(function), str):
                text = f"{cells.text(what[function])}({text})"
        kind = f" ({cells.text(what['type'])})" if isinstance(what.get("type"), str) else ""
        yield f"{cells.text(channel)}={text}{kind}"


def _data_lines(datasets: Any, cells: preview.Cells) -> Iterator[str]:
    if not is_object(datasets):
        return
    for rows in datasets.values():
        held: list[Any] = rows if is_list(rows) else []
        columns: list[str] = list(held[0]) if held and is_object(held[0]) else []
        names = ", ".join(map(cells.text, columns[:_FEW])) + (", …" if len(columns) > _FEW else "")
        yield f"data: {preview.count_text(len(held), 'row')}{f' of {names}' if names else ''}"


chart_serializer: ChartSerializer = ChartSerializer().register()
"""Serializes the charts of Altair."""
