"""Turn boosters into files, and back.

A file is the text that LightGBM writes, with one more line before the last one. So LightGBM reads the file too.
"""

from __future__ import annotations

import json
from collections import OrderedDict, defaultdict
from importlib import import_module
from typing import Any

from artigraph.errors import SerializationError
from artigraph.serializer._support.library import class_of
from artigraph.serializer._support.trees import check, is_a, refuse_model
from artigraph.serializer.codec.refusals import advice_for
from artigraph.serializer.json import json_serializer
from artigraph.serializer.lightgbm._model import Model, model_of

# What a booster has beside its text -----------------------------------------------------------------------------------


np: Any = import_module("numpy")

_ATTRIBUTES = ("best_iteration", "best_score", "params")
_OTHERS = {"pandas_categorical", "train_set", "train_set_version", "valid_sets", "name_valid_sets"}
"""Attributes that are in the text, or belong to the data of a training."""
_SCALARS = {*"?bBhHiIlLqQefd"}
"""The types of NumPy's scalars whose Python number makes an equal scalar again, by their character."""

State = dict[str, Any]


def state_of(booster: Any) -> State:
    """Return what the note of a file says of a booster.

    Raises:
        SerializationError: it has attributes or parameters that would not load exactly.
    """
    attributes: dict[str, Any] = booster.__dict__
    others = {name for name in attributes if not name.startswith("_")} - {*_ATTRIBUTES, *_OTHERS}
    if others:
        msg = f"it has attributes that would be lost ({', '.join(sorted(others))}); store them in fields of their own"
        raise SerializationError(msg)
    found = {name: getattr(booster, name) for name in _ATTRIBUTES}
    score: Any = found["best_score"]
    is_default = score.__class__ is defaultdict and score.default_factory is OrderedDict
    if is_default:
        found["best_score"] = OrderedDict(score)
    scalars: list[tuple[list[Any], str]] = []
    try:
        data = json_serializer.serialize(_without_numpy(found, [], scalars))
    except SerializationError as error:
        msg = f"its best_score or params cannot be stored; make them plain values: {error}"
        raise SerializationError(msg) from error
    return {"state": data.decode(), "default": is_default, "numpy": scalars}


def restore(booster: Any, state: State) -> None:
    """Give a booster the state that a note tells.

    Raises:
        DeserializationError: it is no such state. A broken one may raise any error of Python.
    """
    found = json_serializer.deserialize(state["state"].encode())
    for path, kind in state["numpy"]:
        check(kind in _SCALARS, f"{kind!r:.40} is no type of a number")
        owner = found
        for key in path[:-1]:
            owner = owner[key]
        owner[path[-1]] = np.dtype(kind).type(owner[path[-1]])
    check(is_a(found["best_score"], dict) and is_a(found["params"], dict), "its state is no dict")
    check(type(found["best_iteration"]) is int, "its best iteration is no number")
    if state["default"]:
        found["best_score"] = defaultdict(OrderedDict, found["best_score"])
    for name in _ATTRIBUTES:
        setattr(booster, name, found[name])


def read_note(data: bytes) -> tuple[State, State]:
    """Return the note of a file, and the plain values of its state."""
    note: State = json.loads(data)
    return note, json_serializer.deserialize(note["state"].encode())


def _without_numpy(value: Any, path: list[Any], found: list[tuple[list[Any], str]]) -> Any:
    """Return a value with Python's numbers in place of NumPy's, and note where they were."""
    if is_a(value, np.generic) and value.dtype.char in _SCALARS:
        found.append((path, value.dtype.char))
        return value.item()
    if value.__class__ in (dict, OrderedDict):
        items = {key: _without_numpy(each, [*path, key], found) for key, each in value.items()}
        return items if value.__class__ is dict else OrderedDict(items)
    if value.__class__ is list:
        return [_without_numpy(each, [*path, place], found) for place, each in enumerate(value)]
    return value


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
    note = {"version": _VERSION, **state_of(booster)}
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
    restore(booster, note)
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
