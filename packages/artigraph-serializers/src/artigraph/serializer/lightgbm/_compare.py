"""Equality of boosters, and how two of them differ."""

from __future__ import annotations

from typing import Any

from artigraph.serializer._support.difference import named
from artigraph.serializer.lightgbm._boosters import lightgbm, summary_of, text_of
from artigraph.serializer.lightgbm._model import model_of
from artigraph.serializer.lightgbm._state import state_of


def same_booster(one: Any, other: Any) -> bool:
    """Say whether two boosters have equal texts, best iterations and scores, and parameters."""
    if type(one) is not lightgbm.Booster or type(other) is not lightgbm.Booster:
        return False
    return text_of(one) == text_of(other) and state_of(one) == state_of(other)


def describe_boosters(before: Any, after: Any) -> str:
    """Return one line on how two boosters differ."""
    mine, theirs = model_of(text_of(before)), model_of(text_of(after))
    parts = [
        f"{name} {was} → {summary_of(theirs)[name]}"
        for name, was in summary_of(mine).items()
        if was != summary_of(theirs)[name]
    ]
    parts += named("new features", [repr(name) for name in theirs.features if name not in set(mine.features)])
    parts += named("without features", [repr(name) for name in mine.features if name not in set(theirs.features)])
    pairs = list(zip(mine.trees, theirs.trees, strict=False))
    differing = [number for number, (one, other) in enumerate(pairs) if one != other]
    if differing:
        parts.append(f"{len(differing):,} of the first {len(pairs):,} trees differ, from tree {differing[0]:,} on")
    if before.best_iteration != after.best_iteration:
        parts.append(f"best iteration {before.best_iteration} → {after.best_iteration}")
    every = sorted({str(name) for name in (*before.params, *after.params)})
    changed = [name for name in every if before.params.get(name) != after.params.get(name)]
    parts += named("params", [f"{name} {before.params.get(name)} → {after.params.get(name)}" for name in changed])
    return "; ".join(parts) or "alike in trees, features and params, not in the rest of the text"
