"""What a booster of LightGBM has beside its text: the best iteration and score, and the parameters it was given."""

from __future__ import annotations

import json
from collections import OrderedDict, defaultdict
from importlib import import_module
from typing import Any

from artigraph.errors import SerializationError
from artigraph.serializer._support.trees import check, is_a
from artigraph.serializer.json import json_serializer

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
