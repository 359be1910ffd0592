"""The parameters of training, which a model in UBJ lacks."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from artigraph.serializer._support.trees import check, is_a

_OF_THE_MACHINE = {"device", "fail_on_invalid_gpu_id", "gpu_id", "n_jobs", "nthread"}
"""What belongs to the machine that trained. The machine that loads a booster has devices and cores of its own."""
_DERIVED = {"updater", "updater_seq"}
"""What XGBoost derives from the device and the method, unless it was given."""
_LONGEST = 10**6


class Parameters(NamedTuple):
    """The parameters of a booster."""

    values: dict[str, str]
    metrics: list[dict[str, Any]]
    """The metrics of evaluation, each with its name and parameters."""


def parameters_of(booster: Any) -> Parameters:
    """Return the parameters of a booster, without those of its model and of the machine."""
    learner = _learner_of(booster)
    found: dict[str, str] = {}
    _collect(learner, found)
    if not _is_specified(learner):
        for name in _DERIVED:
            found.pop(name, None)
    return Parameters(found, learner.get("metrics", []))


def _learner_of(booster: Any) -> Any:
    return json.loads(booster.save_config())["learner"]


def _collect(section: Any, found: dict[str, str]) -> None:
    """Collect the parameters of training in a part of a configuration."""
    if is_a(section, list):
        for each in section:
            _collect(each, found)
    elif is_a(section, dict):
        for name, value in section.items():
            if name in {"metrics", "objective", "learner_model_param"} or name.endswith("_model_param"):
                continue  # they are part of the model, or not parameters
            if is_a(value, str) and name not in _OF_THE_MACHINE | {"name", "booster"}:
                found[name] = value
            _collect(value, found)


def _is_specified(learner: Any) -> bool:
    booster = learner["gradient_booster"]
    return bool(booster.get("gbtree", booster).get("specified_updater"))


def changed(mine: Parameters, fresh: Parameters) -> Parameters:
    """Return the parameters that another booster of the same model lacks."""
    values = {name: value for name, value in mine.values.items() if fresh.values.get(name) != value}
    return Parameters(values, mine.metrics if mine.metrics != fresh.metrics else [])


def restore(booster: Any, stored: Any, *, same_version: bool) -> None:
    """Give a booster its parameters.

    Args:
        booster: the booster as the model alone makes it.
        stored: what the note of a file says.
        same_version: False if another version of XGBoost wrote the file, whose parameters this one may lack.

    Raises:
        DeserializationError: they are not parameters of a booster. XGBoost raises its own error for a wrong value.
    """
    known = parameters_of(booster).values
    values, metrics = stored["values"], stored["metrics"]
    given: list[tuple[str, str]] = []
    for name, value in values.items():
        check(is_a(value, str) and len(value) <= _LONGEST, f"the parameter {name!r:.40} is no text")
        if name in known or name in _DERIVED:
            given.append((name, value))
        else:
            check(not same_version, f"{name!r:.40} is no parameter of training")
    if metrics:  # some have parameters of the objective, which are part of the model
        of_objective: dict[str, str] = {}
        _collect(list(_learner_of(booster)["objective"].values()), of_objective)
        given += of_objective.items()
    for metric in metrics:
        name = metric["name"]
        check(re.fullmatch(r"[\w@.:-]{1,100}", name, re.ASCII), f"{name!r:.40} is no metric")
        given.append(("eval_metric", name))
    if given:
        booster.set_param(given)
        booster.save_config()  # it is here that XGBoost reads the values
