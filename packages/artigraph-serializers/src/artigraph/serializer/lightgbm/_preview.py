"""Previews of boosters: the first lines of a file, and the note near its end."""

from __future__ import annotations

from typing import Any, BinaryIO

from artigraph.serializer import preview
from artigraph.serializer._support.models import model_preview, unread_model
from artigraph.serializer._support.preview import within_limit
from artigraph.serializer._support.trees import check
from artigraph.serializer.lightgbm import _boosters, _state

_MOST = 2**18
"""The most bytes that are read at the beginning, and at the end."""


def preview_booster(file: BinaryIO, *, rows: int, max_bytes: int) -> preview.TextPreview:
    """Return the preview of a file."""
    limited = preview.LimitedFile(file, max_bytes)

    def read() -> preview.TextPreview:
        length = min(limited.size, max_bytes // 32, _MOST)
        if not length and limited.size:
            limited.exceeded = True
        start = limited.read_at(0, length)
        head, is_whole, _ = start.partition(b"\n\n")
        check(head.startswith(b"tree\n"), "it does not begin as a model does")
        if not is_whole and length < limited.size:
            limited.exceeded = True
        pairs = [line.partition("=") for line in head.decode().split("\n")[1:]]
        header = {name: value for name, _, value in pairs}
        names = header["feature_names"].split(" ")
        trees = len(header["tree_sizes"].split())
        state = _state_of(limited.read_at(max(limited.size - length, 0), length))
        lines: list[tuple[str, Any]] = [
            ("objective", header.get("objective")),
            ("trees", trees),
            ("outputs", header["num_class"]),
            ("features", len(names)),
            ("names of features", ", ".join(names)),
            ("best iteration", state.get("best_iteration")),
            *(
                (f"best score, {data}", f"{metric} = {score}")
                for data, scores in state.get("best_score", {}).items()
                for metric, score in scores.items()
            ),
            *(("parameter", f"{name} = {value}") for name, value in state.get("params", {}).items()),
        ]
        summary = (
            f"LightGBM, {header.get('objective', 'no objective')}, {preview.count_text(trees, 'tree')}, "
            f"{preview.count_text(len(names), 'feature')}"
        )
        return model_preview(summary, lines, rows=rows, size=limited.size, cut=not state)

    return within_limit(limited, read, lambda: unread_model("LightGBM booster", limited.size))


def _state_of(end: bytes) -> dict[str, Any]:
    """Return the state that a note tells, or nothing if the note begins before these last bytes."""
    before, found, after = end.rpartition(_boosters.NOTE)
    return _state.read_note(after.partition(b"\n")[0])[1] if found and before else {}
