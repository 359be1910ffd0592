"""The serializer of boosters, with their equality and previews."""

from __future__ import annotations

from typing import Any, BinaryIO

from artigraph.serializer import preview
from artigraph.serializer._support.library import LibrarySerializer
from artigraph.serializer._support.preview import within_limit
from artigraph.serializer._support.trees import (
    ComparedModel,
    check,
    model_changes,
    model_preview,
    unread_model,
    value_changes,
)
from artigraph.serializer.lightgbm import _boosters
from artigraph.serializer.lightgbm._boosters import lightgbm, state_of, summary_of, text_of
from artigraph.serializer.lightgbm._model import model_of

_PER_TREE = 2**12
"""Bytes that the text of a tree usually takes."""


class BoosterSerializer(LibrarySerializer[Any, preview.TextPreview]):
    """Stores boosters of LightGBM as their text, which `lightgbm.Booster(model_file=...)` reads too.

    A loaded booster has the same trees, objective, features and categories, and the same `best_iteration`, `best_score`
    and `params`. Its text has 17 digits where they matter, so predictions are equal to the bit. It has all iterations,
    and not the data of its training.

    The structure of a file is checked before LightGBM reads it, because LightGBM trusts it.

    Refused: boosters that are still in training (their gains have more digits than the text), subclasses, the
    estimators of LightGBM (store `booster_`), a Dataset, and parameters that are not plain values.
    """

    name = "lightgbm-booster"
    types: tuple[type[Any], ...] = (_boosters.lightgbm.Booster,)

    def size_hint(self, value: Any) -> int | None:
        """Return an estimate: 4 kB for each tree."""
        return None if type(value) not in self.types else _PER_TREE * int(value.num_trees())

    def _to_bytes(self, value: Any) -> bytes:
        """Return the text."""
        return _boosters.to_file(value)

    def _from_bytes(self, data: bytes) -> Any:
        """Return the booster of a text that this serializer wrote."""
        return _boosters.from_file(data)

    def _preview(self, file: BinaryIO, rows: int, columns: int, max_bytes: int) -> preview.TextPreview:
        """Return the objective, counts, features, scores and parameters as text. Reads no trees."""
        return preview_booster(file, rows=rows, max_bytes=max_bytes)

    def equal(self, one: Any, other: Any) -> bool:
        """Say whether two boosters have equal texts, best iterations and scores, and parameters."""
        return same_booster(one, other)

    def describe_change(self, before: Any, after: Any) -> str:
        """Return one line on objectives, features, trees and parameters that differ."""
        return describe_boosters(before, after)


# Equality and differences ---------------------------------------------------------------------------------------------


def same_booster(one: Any, other: Any) -> bool:
    """Say whether two boosters have equal texts, best iterations and scores, and parameters."""
    if type(one) is not lightgbm.Booster or type(other) is not lightgbm.Booster:
        return False
    return text_of(one) == text_of(other) and state_of(one) == state_of(other)


def describe_boosters(before: Any, after: Any) -> str:
    """Return one line on how two boosters differ."""
    parts = model_changes(_compared(before), _compared(after))
    if before.best_iteration != after.best_iteration:
        parts.append(f"best iteration {before.best_iteration} → {after.best_iteration}")
    parts += value_changes("params", before.params, after.params)
    return "; ".join(parts) or "alike in trees, features and params, not in the rest of the text"


def _compared(booster: Any) -> ComparedModel:
    model = model_of(text_of(booster))
    return ComparedModel(summary_of(model), model.features, model.trees)


# Previews -------------------------------------------------------------------------------------------------------------


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
    return _boosters.read_note(after.partition(b"\n")[0])[1] if found and before else {}


booster_serializer: BoosterSerializer = BoosterSerializer().register()
"""Serializes `lightgbm.Booster`."""
