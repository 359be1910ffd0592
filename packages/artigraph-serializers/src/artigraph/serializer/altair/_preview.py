"""Previews of charts: mark and encodings of each part, and how many rows there are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

from artigraph.serializer import preview
from artigraph.serializer._support.json_text import is_list, is_object, read_json_within
from artigraph.serializer.altair._document import DATASETS, note_of
from artigraph.serializer.preview import preview_content

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
    return preview.TextPreview(summary, True, "\n".join(shown), None, limited.size)  # noqa: FBT003


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
