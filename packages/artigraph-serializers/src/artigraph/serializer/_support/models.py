"""Previews of models: what a file says of one, as lines of text."""

from __future__ import annotations

from collections.abc import Iterable

from artigraph.serializer import preview


def model_preview(
    summary: str, lines: Iterable[tuple[str, object]], *, rows: int, size: int, cut: bool = False
) -> preview.TextPreview:
    """Return a preview of a model.

    Args:
        summary: the line that describes it, without its size.
        lines: names and values. Those without a value are left out.
        rows: how many lines may be shown.
        size: the stored bytes.
        cut: whether the lines say only a part.
    """
    cells = preview.Cells()
    said = [f"{name}: {cells.of(preview.one_line(str(value)))}" for name, value in lines if value not in (None, "")]
    shown = "\n".join(said[: max(rows, 0)])
    full = f"{cells.of(preview.one_line(summary))}, {preview.bytes_text(size)}"
    return preview.TextPreview(full, cut or cells.cut or len(said) > rows, shown, None, size)


def unread_model(noun: str, size: int) -> preview.TextPreview:
    """Return the preview of a model of which nothing can be read."""
    return preview.TextPreview(f"{noun}, {preview.bytes_text(size)}", cut=True, text="", encoding=None, size=size)
