"""Turn boosters into files, and back.

A file is the model in UBJ as XGBoost writes it, with one more key in front. So XGBoost reads the file too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NamedTuple

from artigraph.errors import DeserializationError, SerializationError
from artigraph.serializer._support.library import class_of
from artigraph.serializer._support.trees import check, refuse_model
from artigraph.serializer.codec.refusals import advice_for
from artigraph.serializer.xgboost import _parameters
from artigraph.serializer.xgboost._model import Model, model_of
from artigraph.serializer.xgboost._ubj import Reader, written

xgboost: Any = import_module("xgboost")

NOTE = "artigraph"
_VERSION = 1
_NEW_LEAVES = (3, 2)
"""The first version whose trees with several outputs keep the weights of leaves apart."""
_PLACE = re.compile(r"^\[[\d:]*\] [^ ]*: ")
"""What XGBoost's errors begin with: a time, and a place in its source."""
_START = b"{" + written(NOTE) + b"S"


class Parts(NamedTuple):
    """A file in its parts."""

    note: dict[str, Any]
    raw: bytes
    """The model in UBJ."""


def check_class(value: Any) -> None:
    """Refuse a value that is no booster of XGBoost itself.

    Raises:
        SerializationError: says what to do.
    """
    if type(value) is not xgboost.Booster:
        advice = advice_for(value.__class__) or "Store an xgboost.Booster."
        msg = f"A {class_of(value)} is no xgboost.Booster. {advice}"
        raise SerializationError(msg)
    attributes: dict[str, Any] = value.__dict__
    if attributes.keys() - {"handle"}:
        names = ", ".join(sorted(attributes.keys() - {"handle"}))
        msg = f"This booster has attributes that would be lost ({names}); store booster.copy(), or use set_attr()."
        raise SerializationError(msg)


def to_file(booster: Any) -> bytes:
    """Return the file of a booster.

    Raises:
        SerializationError: it was not trained, or would not load exactly.
    """
    check_class(booster)
    with _short_errors():
        try:
            raw = raw_of(booster)
        except xgboost.core.XGBoostError as error:
            msg = "XGBoost cannot write it; train it first"
            raise SerializationError(msg) from error
        mine = _parameters.parameters_of(booster)
        fresh = _from_raw(raw)
        model = model_of(raw)
        missing = _parameters.changed(mine, _parameters.parameters_of(fresh))
        note = {
            "version": _VERSION,
            **summary_of(model),
            "rounds": int(booster.num_boosted_rounds()),
            "parameters": missing._asdict(),
        }
        _parameters.restore(fresh, note["parameters"], same_version=True)
        back = _parameters.parameters_of(fresh)
        if back != mine:
            names = sorted({name for name, _ in set(mine.values.items()) ^ set(back.values.items())}) or ["eval_metric"]
            msg = f"its parameter {names[0]!r} would load as another one; set it with booster.set_param(...)"
            raise SerializationError(msg)
        if raw_of(fresh) != raw:
            msg = "XGBoost does not read it as the same model"
            raise SerializationError(msg)
    return _START + written(json.dumps(note, sort_keys=True)) + raw[1:]


def from_file(data: bytes | memoryview) -> Any:
    """Return the booster of a file.

    Raises:
        DeserializationError: it is no such file, or a newer version of XGBoost wrote it.
    """
    note, raw = split(data)
    model = model_of(raw)
    check(summary_of(model).items() <= note.items(), "its note is of another model")
    _check_version(model)
    with _short_errors():
        booster = _from_raw(raw)
        check(booster.num_boosted_rounds() == note["rounds"], "its note is of another model")
        same_version = ".".join(map(str, model.version)) == xgboost.__version__
        _parameters.restore(booster, note["parameters"], same_version=same_version)
    return booster


def _check_version(model: Model) -> None:
    """Refuse a model that the installed version of XGBoost would read wrongly.

    An older version takes the newer form of the base score for 0.5. And trees with several outputs, which XGBoost calls
    experimental, have got another form: version 3.2 ends the process when it reads the older one.
    """
    version = ".".join(map(str, model.version))
    here = tuple(int(each) for each in xgboost.__version__.split(".")[:2])
    several = bool(model.trees) and model.trees[0]["tree_param"]["size_leaf_vector"] not in {"0", "1"}
    if model.version[:2] > here or (several and model.version[:2] != here):
        wanted = f"=={version}" if several else f">={version}"
        msg = (
            f"XGBoost {version} wrote this model{' of trees with several outputs' * several}, and XGBoost "
            f"{xgboost.__version__} would read it wrongly. Install the other one: pip install 'xgboost{wanted}'."
        )
        raise DeserializationError(msg)
    has_weights = several and "leaf_weights" in model.trees[0]
    check(not several or has_weights == (here >= _NEW_LEAVES), "its leaves are of another version of XGBoost")


def split(data: bytes | memoryview) -> Parts:
    """Return a file's note, and the model without it."""
    buffer = memoryview(data).cast("B")
    note, position = read_note(buffer)
    return Parts(note, b"{" + bytes(buffer[position:]))


def read_note(buffer: memoryview) -> tuple[dict[str, Any], int]:
    """Return the note at the beginning of a file, and the position after it."""
    reader = Reader(buffer)
    check(bytes(reader.take(len(_START))) == _START, "it has no note of Artigraph")
    note: dict[str, Any] = json.loads(reader.text())
    if note["version"] > _VERSION:
        refuse_model("a newer release of Artigraph wrote it")
    return note, reader.position


def summary_of(model: Model) -> dict[str, Any]:
    """Return what the note says of a model, so that a preview need not read it."""
    return {
        "booster": model.booster,
        "objective": model.objective,
        "features": model.features,
        "outputs": model.outputs,
        "trees": len(model.trees),
    }


def raw_of(booster: Any) -> bytes:
    """Return the model of a booster in UBJ."""
    return bytes(booster.save_raw("ubj"))


def _from_raw(raw: bytes) -> Any:
    booster = xgboost.Booster()
    booster.load_model(bytearray(raw))
    return booster


@contextmanager
def _short_errors() -> Generator[None]:
    """Cut the stack trace of C++ from XGBoost's errors, and keep it from warning of the parameters once more."""
    try:
        with xgboost.config_context(verbosity=0):
            yield
    except xgboost.core.XGBoostError as error:
        raise ValueError(_PLACE.sub("", str(error).partition("\n")[0])) from error
