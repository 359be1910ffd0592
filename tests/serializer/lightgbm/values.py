"""Boosters of every kind that is stored, and a comparison that does not use the serializer's own code."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from tests.support.frameworks import framework

lightgbm: Any = framework("lightgbm")

_random: Any = np.random.default_rng(0)
_pd: Any = pd
ROWS: Any = _random.normal(size=(120, 3))
LABELS: Any = (ROWS[:, 0] + ROWS[:, 1] > 0).astype(int)
FRAME: Any = _pd.DataFrame(
    {"a": ROWS[:, 0], "\xfc": ROWS[:, 1], "c": _pd.Categorical([["x", "y", "\xe9", "z"][i % 4] for i in range(120)])}
)


def _custom(predictions: Any, dataset: Any) -> Any:
    return predictions - dataset.get_label(), np.ones(len(predictions))


PARAMETERS: dict[str, dict[str, Any]] = {
    "binary": {"objective": "binary", "learning_rate": np.float64(0.2), "metric": ["auc", "binary_logloss"]},
    "classes": {"objective": "multiclass", "num_class": 3},
    "one against all": {"objective": "multiclassova", "num_class": 3},
    "linear": {"objective": "regression", "linear_tree": True},
    "forest": {"objective": "binary", "boosting": "rf", "bagging_fraction": 0.5, "bagging_freq": 1},
    "dart": {"objective": "poisson", "boosting": "dart", "drop_rate": 0.9},
    "quantile": {"objective": "quantile", "alpha": 0.3},
    "roots": {"objective": "regression", "reg_sqrt": True},
    "one leaf": {"objective": "regression", "min_data_in_leaf": 1000},
    "custom": {"objective": _custom},
}
COMMON = {"num_leaves": 4, "verbose": -1, "min_data_in_leaf": 5, "num_threads": 1}


def dataset(name: str = "", rows: Any = ROWS) -> Any:
    """Return data that a booster of this name is trained with."""
    labels: Any = np.arange(len(LABELS)) % 3 if name in {"classes", "one against all"} else LABELS
    if name == "linear":
        labels = ROWS[:, 0] * 2 + ROWS[:, 1]
    return lightgbm.Dataset(rows, labels, free_raw_data=False, params={"verbose": -1})


def trained(name: str, rounds: int = 3, **options: Any) -> Any:
    """Return a booster."""
    return lightgbm.train({**COMMON, **PARAMETERS[name]}, dataset(name), rounds, **options)


def boosters() -> list[Any]:
    """Return boosters of all kinds."""
    labels: Any = np.arange(120) % 4 // 2 ^ (np.arange(120) % 7 == 0)
    frame = lightgbm.Dataset(FRAME, labels, free_raw_data=False, params={"verbose": -1})
    watched = lightgbm.train(
        {**COMMON, "objective": "binary", "max_cat_to_onehot": 1, "min_data_per_group": 5, "cat_smooth": 1.0},
        frame,
        8,
        valid_sets=[lightgbm.Dataset(FRAME, labels, reference=frame)],
        valid_names=["\xfc"],
        callbacks=[lightgbm.early_stopping(2, verbose=False)],
    )
    again = lightgbm.Booster(model_str=watched.model_to_string(num_iteration=-1))
    return [*map(trained, PARAMETERS), watched, again]


def state_of(booster: Any) -> tuple[Any, ...]:
    """Return all that a booster shows."""
    return (
        booster.model_to_string(num_iteration=-1),
        booster.best_iteration,
        repr(booster.best_score),
        repr(booster.params),
        repr(booster.pandas_categorical),
        booster.feature_name(),
        booster.num_trees(),
        booster.feature_importance("gain").tobytes(),
    )


def assert_same_booster(one: Any, other: Any) -> None:
    assert type(one) is type(other) is lightgbm.Booster
    assert state_of(one) == state_of(other)
    rows = FRAME if one.pandas_categorical else ROWS
    assert one.predict(rows).tobytes() == other.predict(rows).tobytes()
    assert one.predict(rows, raw_score=True).tobytes() == other.predict(rows, raw_score=True).tobytes()
