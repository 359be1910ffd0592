"""Previews of boosters: the note at the beginning of a file, and the names and attributes after it."""

from __future__ import annotations

from typing import Any, BinaryIO

from artigraph.errors import DeserializationError
from artigraph.serializer import preview
from artigraph.serializer._support.models import model_preview, unread_model
from artigraph.serializer._support.preview import within_limit
from artigraph.serializer.xgboost._boosters import read_note
from artigraph.serializer.xgboost._ubj import Reader

_MOST = 2**18
"""The most bytes of names and attributes that are read."""


def preview_booster(file: BinaryIO, *, rows: int, max_bytes: int) -> preview.TextPreview:
    """Return the preview of a file."""
    limited = preview.LimitedFile(file, max_bytes)

    def read() -> preview.TextPreview:
        found = memoryview(limited.read_at(0, min(limited.size, max_bytes // 16, _MOST)))
        if not found:
            limited.exceeded = True
        try:
            note, position = read_note(found)
        except DeserializationError:
            limited.exceeded = len(found) < limited.size
            raise
        texts = _texts(found[position:], is_whole=len(found) == limited.size)
        parameters: dict[str, Any] = note["parameters"]["values"]
        lines = [
            ("objective", note["objective"]),
            ("booster", note["booster"]),
            ("trees", note["trees"]),
            ("rounds", note["rounds"]),
            ("outputs", note["outputs"]),
            ("features", note["features"]),
            ("names of features", ", ".join(texts["feature_names"])),
            *(("attribute", f"{name} = {value}") for name, value in texts["attributes"].items()),
            *(("parameter", f"{name} = {value}") for name, value in parameters.items()),
            ("metrics", ", ".join(each["name"] for each in note["parameters"]["metrics"])),
        ]
        summary = (
            f"XGBoost {note['booster']}, {note['objective']}, {preview.count_text(note['trees'], 'tree')}, "
            f"{preview.count_text(note['features'], 'feature')}"
        )
        return model_preview(summary, lines, rows=rows, size=limited.size)

    return within_limit(limited, read, lambda: unread_model("XGBoost booster", limited.size))


def _texts(data: memoryview, *, is_whole: bool) -> dict[str, Any]:
    """Return the attributes and names of features, as far as the bytes reach."""
    found: dict[str, Any] = {"attributes": {}, "feature_names": []}
    reader = Reader(data)
    try:
        if reader.text() == "learner" and reader.is_next("{"):
            while (name := reader.text()) in found:
                found[name] = reader.value()
    except DeserializationError:
        if is_whole:
            raise
    return found
