"""Turn boosters into files, and back.

A file is the text that LightGBM writes, with one more line before the last one. So LightGBM reads the file too.
"""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any

from artigraph.errors import SerializationError
from artigraph.serializer._support import class_of
from artigraph.serializer._support.trees import check, is_a, refuse_model
from artigraph.serializer.codec.refusals import advice_for
from artigraph.serializer.lightgbm import _state
from artigraph.serializer.lightgbm._model import Model, model_of

lightgbm: Any = import_module("lightgbm")

_VERSION = 1
NOTE = b"\nartigraph:"
_LAST = b"\npandas_categorical:"
"""What the last line of a text begins with. LightGBM's Python package looks for it there."""


def check_class(value: Any) -> None:
    """Refuse a value that is no booster of LightGBM itself.

    Raises:
        SerializationError: says what to do.
    """
    if type(value) is not lightgbm.Booster:
        advice = advice_for(value.__class__) or "Store a lightgbm.Booster."
        msg = f"A {class_of(value)} is no lightgbm.Booster. {advice}"
        raise SerializationError(msg)


def text_of(booster: Any) -> bytes:
    """Return the text of a booster, with all iterations."""
    text: str = booster.model_to_string(num_iteration=-1)
    return text.encode()


def to_file(booster: Any) -> bytes:
    """Return the file of a booster.

    Raises:
        SerializationError: it would not load exactly.
    """
    check_class(booster)
    text = text_of(booster)
    note = {"version": _VERSION, **_state.state_of(booster)}
    before, last, categories = text.rpartition(_LAST)
    if not last:
        msg = "this version of LightGBM writes another text than Artigraph knows"
        raise SerializationError(msg)
    data = before + NOTE + json.dumps(note, sort_keys=True).encode() + b"\n" + last + categories
    back = from_file(data)
    if back.feature_importance("gain").tobytes() != booster.feature_importance("gain").tobytes():
        msg = (
            "the gains of its splits have more digits than its text, because it is still in training. Train without "
            "keep_training_booster, or store copy.copy(booster)"
        )
        raise SerializationError(msg)
    if text_of(back) != text or not _same_categories(back.pandas_categorical, booster.pandas_categorical):
        msg = "LightGBM does not read its text as the same model; store copy.copy(booster)"
        raise SerializationError(msg)
    return data


def from_file(data: bytes | memoryview) -> Any:
    """Return the booster of a file.

    Raises:
        DeserializationError: it is no such file.
    """
    text, note = split(bytes(data))
    model_of(text)
    booster = lightgbm.Booster(model_str=text.decode())
    categories = booster.pandas_categorical
    is_list = is_a(categories, list) and all(is_a(each, list) for each in categories)
    check(categories is None or is_list, "its categories are no lists")
    _state.restore(booster, note)
    return booster


def split(data: bytes) -> tuple[bytes, dict[str, Any]]:
    """Return the text of a file without its note, and the note."""
    before, last, categories = data.rpartition(_LAST)
    text, found, line = before.rpartition(NOTE)
    check(last and found and line.endswith(b"\n") and b"\n" not in line[:-1], "it has no note of Artigraph")
    check(categories.endswith(b"\n") and b"\n" not in categories[:-1], "its last line is another one")
    note: dict[str, Any] = json.loads(line)
    if note["version"] > _VERSION:
        refuse_model("a newer release of Artigraph wrote it")
    return text + last + categories, note


def summary_of(model: Model) -> dict[str, Any]:
    """Return what is shown and compared of a model."""
    return {
        "objective": model.objective or "none",
        "outputs": model.outputs,
        "features": len(model.features),
        "trees": len(model.trees),
    }


def _same_categories(one: Any, other: Any) -> bool:
    """Say whether two lists of categories are equal, also in the types of the categories."""
    if one.__class__ is not other.__class__:
        return False
    if is_a(one, list):
        return len(one) == len(other) and all(map(_same_categories, one, other))
    return bool(one == other)
