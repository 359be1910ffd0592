"""The serializer of boosters, with their equality and previews."""

from __future__ import annotations

from importlib import import_module
from typing import Any, BinaryIO

from artigraph.errors import DeserializationError
from artigraph.serializer import preview
from artigraph.serializer._support.library import LibrarySerializer
from artigraph.serializer._support.preview import within_limit
from artigraph.serializer._support.trees import (
    ComparedModel,
    is_a,
    model_changes,
    model_preview,
    unread_model,
    value_changes,
)
from artigraph.serializer.xgboost import _boosters
from artigraph.serializer.xgboost._boosters import raw_of, read_note, summary_of, xgboost
from artigraph.serializer.xgboost._model import model_of
from artigraph.serializer.xgboost._parameters import parameters_of
from artigraph.serializer.xgboost._ubj import Reader

_PER_ROUND = 2**12
"""Bytes that the trees of one round usually take."""


class BoosterSerializer(LibrarySerializer[Any, preview.TextPreview]):
    """Stores boosters of XGBoost as UBJ, which `Booster.load_model` reads too.

    A loaded booster has the same trees or weights, objective, names and types of features, categories, attributes
    (`best_iteration` is one) and parameters of training. Its predictions are equal to the bit with the same version of
    XGBoost. It has no device and number of threads, which belong to a machine.

    The structure of a file is checked before XGBoost reads it, because XGBoost trusts it.

    Refused: boosters that were not trained, subclasses, the estimators of XGBoost (store `get_booster()`), a DMatrix,
    and a file of a newer version of XGBoost than the installed one.
    """

    name = "xgboost-booster"
    types: tuple[type[Any], ...] = (_boosters.xgboost.Booster,)

    def size_hint(self, value: Any) -> int | None:
        """Return an estimate: 4 kB for each round."""
        return None if type(value) not in self.types else _PER_ROUND * int(value.num_boosted_rounds())

    def _to_bytes(self, value: Any) -> bytes:
        """Return UBJ."""
        return _boosters.to_file(value)

    def _from_bytes(self, data: bytes) -> Any:
        """Return the booster of UBJ that this serializer wrote."""
        return _boosters.from_file(data)

    def _preview(self, file: BinaryIO, rows: int, columns: int, max_bytes: int) -> preview.TextPreview:
        """Return the objective, counts, features, attributes and parameters as text. Reads no trees."""
        return preview_booster(file, rows=rows, max_bytes=max_bytes)

    def equal(self, one: Any, other: Any) -> bool:
        """Say whether two boosters have equal models, to the bit, and equal parameters of training."""
        return same_booster(one, other)

    def describe_change(self, before: Any, after: Any) -> str:
        """Return one line on objectives, features, trees, attributes and parameters that differ."""
        return describe_boosters(before, after)


# Equality and differences ---------------------------------------------------------------------------------------------


np: Any = import_module("numpy")


def same_booster(one: Any, other: Any) -> bool:
    """Say whether two boosters have equal models, to the bit, and equal parameters of training."""
    if type(one) is not xgboost.Booster or type(other) is not xgboost.Booster:
        return False
    return raw_of(one) == raw_of(other) and parameters_of(one) == parameters_of(other)


def describe_boosters(before: Any, after: Any) -> str:
    """Return one line on how two boosters differ."""
    mine, theirs = model_of(raw_of(before)), model_of(raw_of(after))
    one, other = (
        ComparedModel(summary_of(model), model.learner["feature_names"], model.trees) for model in (mine, theirs)
    )
    parts = model_changes(one, other, _same)
    parts += value_changes("attributes", mine.learner["attributes"], theirs.learner["attributes"])
    parts += value_changes("parameters", parameters_of(before).values, parameters_of(after).values)
    return "; ".join(parts) or "alike in trees, features and parameters, not in the rest of the model"


def _same(one: Any, other: Any) -> bool:
    """Say whether two trees are equal to the bit."""
    if is_a(one, dict) and is_a(other, dict):
        return one.keys() == other.keys() and all(_same(each, other[name]) for name, each in one.items())
    if is_a(one, np.ndarray) and is_a(other, np.ndarray):
        return bool(one.dtype == other.dtype and one.tobytes() == other.tobytes())
    return bool(one == other)


# Previews -------------------------------------------------------------------------------------------------------------


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


booster_serializer: BoosterSerializer = BoosterSerializer().register()
"""Serializes `xgboost.Booster`."""
