"""Equality of boosters, and how two of them differ."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from artigraph.serializer._support.difference import named
from artigraph.serializer._support.trees import is_a
from artigraph.serializer.xgboost._boosters import raw_of, summary_of, xgboost
from artigraph.serializer.xgboost._model import model_of
from artigraph.serializer.xgboost._parameters import parameters_of

np: Any = import_module("numpy")


def same_booster(one: Any, other: Any) -> bool:
    """Say whether two boosters have equal models, to the bit, and equal parameters of training."""
    if type(one) is not xgboost.Booster or type(other) is not xgboost.Booster:
        return False
    return raw_of(one) == raw_of(other) and parameters_of(one) == parameters_of(other)


def describe_boosters(before: Any, after: Any) -> str:
    """Return one line on how two boosters differ."""
    mine, theirs = model_of(raw_of(before)), model_of(raw_of(after))
    parts = [
        f"{name} {was} → {summary_of(theirs)[name]}"
        for name, was in summary_of(mine).items()
        if was != summary_of(theirs)[name]
    ]
    names, others = mine.learner["feature_names"], theirs.learner["feature_names"]
    parts += named("new features", [repr(name) for name in others if name not in set(names)])
    parts += named("without features", [repr(name) for name in names if name not in set(others)])
    pairs = list(zip(mine.trees, theirs.trees, strict=False))
    differing = [number for number, (one, other) in enumerate(pairs) if not _same(one, other)]
    if differing:
        parts.append(f"{len(differing):,} of the first {len(pairs):,} trees differ, from tree {differing[0]:,} on")
    parts += _changed("attributes", mine.learner["attributes"], theirs.learner["attributes"])
    parts += _changed("parameters", parameters_of(before).values, parameters_of(after).values)
    return "; ".join(parts) or "alike in trees, features and parameters, not in the rest of the model"


def _changed(title: str, before: dict[str, str], after: dict[str, str]) -> list[str]:
    every = sorted(before.keys() | after.keys())
    return named(
        title,
        [f"{name} {before.get(name)} → {after.get(name)}" for name in every if before.get(name) != after.get(name)],
    )


def _same(one: Any, other: Any) -> bool:
    """Say whether two trees are equal to the bit."""
    if is_a(one, dict) and is_a(other, dict):
        return one.keys() == other.keys() and all(_same(each, other[name]) for name, each in one.items())
    if is_a(one, np.ndarray) and is_a(other, np.ndarray):
        return bool(one.dtype == other.dtype and one.tobytes() == other.tobytes())
    return bool(one == other)
