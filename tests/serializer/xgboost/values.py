"""Boosters of every kind that is stored, and a comparison that does not use the serializer's own code."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import numpy as np

from tests.support.frameworks import framework

xgboost: Any = framework("xgboost")
xgboost.set_config(verbosity=0)  # it warns of the parameters of some boosters here

_random: Any = np.random.default_rng(0)
ROWS: Any = _random.normal(size=(80, 3)).astype("float32")
LABELS: Any = (ROWS[:, 0] + ROWS[:, 1] > 0).astype(int)
CATEGORIES: Any = np.column_stack([ROWS[:, 0], np.arange(80) % 5])

PARAMETERS: dict[str, dict[str, Any]] = {
    "binary": {
        "objective": "binary:logistic",
        "max_depth": 2,
        "eta": 0.1,
        "seed": 7,
        "subsample": 0.7,
        "eval_metric": ["auc", "logloss"],
        "nthread": 1,
    },
    "dart": {"booster": "dart", "rate_drop": 0.5, "max_depth": 2},
    "linear": {"booster": "gblinear"},
    "classes": {"objective": "multi:softprob", "num_class": 3, "max_depth": 2},
    "quantiles": {"objective": "reg:quantileerror", "quantile_alpha": [0.1, 0.9], "max_depth": 2},
    "several outputs": {"multi_strategy": "multi_output_tree", "tree_method": "hist", "max_depth": 2},
    "forest": {"num_parallel_tree": 3, "subsample": 0.5, "max_depth": 2},
    "constraints": {"monotone_constraints": "(1,0,0)", "interaction_constraints": "[[0,1],[2]]", "max_depth": 2},
    "updater": {"updater": "grow_colmaker,prune", "gamma": 5.0, "max_depth": 3},
    "counts": {"objective": "count:poisson", "max_delta_step": 0.5, "max_depth": 2},
}


def data(name: str = "") -> Any:
    """Return data that a booster of this name is trained with."""
    labels = {"several outputs": np.column_stack([LABELS, 1 - LABELS]), "classes": np.arange(80) % 3}.get(name, LABELS)
    return xgboost.DMatrix(ROWS, labels, feature_names=["a", "b", "\xfc x"], feature_types=["float", "q", "float"])


def categorical_data() -> Any:
    """Return data with a feature of categories."""
    labels = np.arange(80) % 5 % 2 + ROWS[:, 0] / 4
    return xgboost.DMatrix(CATEGORIES, labels, feature_types=["q", "c"], enable_categorical=True)


def trained(name: str, rounds: int = 3) -> Any:
    """Return a booster."""
    return xgboost.train(PARAMETERS[name], data(name), rounds)


def boosters() -> list[Any]:
    """Return boosters of all kinds."""
    stopped = xgboost.train(
        PARAMETERS["binary"], data(), 20, evals=[(data(), "it")], early_stopping_rounds=2, verbose_eval=False
    )
    stopped.set_attr(note="\xe9\n")
    unnamed = xgboost.train({"max_depth": 1}, xgboost.DMatrix(ROWS, LABELS), 1)
    categories = xgboost.train({"max_cat_to_onehot": 1, "max_depth": 3}, categorical_data(), 2)
    return [*map(trained, PARAMETERS), stopped, unnamed, categories, stopped[1:2], trained("binary", 0)]


def state_of(booster: Any) -> tuple[Any, ...]:
    """Return all that a booster shows, but for its device and threads."""
    config = json.loads(booster.save_config())
    for name in ("device", "nthread", "n_jobs", "fail_on_invalid_gpu_id", "gpu_id"):
        config["learner"]["generic_param"].pop(name, None)
    return (
        bytes(booster.save_raw("ubj")),
        config,
        booster.attributes(),
        booster.feature_names,
        booster.feature_types,
        booster.num_boosted_rounds(),
        _dump(booster),
    )


def _dump(booster: Any) -> Any:
    with suppress(xgboost.core.XGBoostError):  # XGBoost 2.1 has no dump of trees with several outputs
        return booster.get_dump(with_stats=True)
    return None


def assert_same_booster(one: Any, other: Any) -> None:
    assert type(one) is type(other) is xgboost.Booster
    assert state_of(one) == state_of(other)
    if one.num_features() == ROWS.shape[1]:
        rows = data() if one.feature_names else xgboost.DMatrix(ROWS)
        assert one.predict(rows).tobytes() == other.predict(rows).tobytes()
    else:
        assert one.predict(categorical_data()).tobytes() == other.predict(categorical_data()).tobytes()
