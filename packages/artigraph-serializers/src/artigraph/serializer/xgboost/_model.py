"""What a model in UBJ has to be like, so that XGBoost reads it without ending the process."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any, NamedTuple

from artigraph.serializer._support.trees import check, is_a, parents_of
from artigraph.serializer.xgboost import _ubj

np: Any = import_module("numpy")

_MOST_OUTPUTS = 2**20
_MOST_FEATURES = 2**31 - 1
_LARGEST_CATEGORY = 2**24
"""XGBoost keeps categories as 32-bit floats, which have all whole numbers up to here."""
_SEVERAL = 2
"""The fewest outputs of a leaf that has several."""
_NODES = {
    "left_children": ("i4",),
    "right_children": ("i4",),
    "parents": ("i4",),
    "split_indices": ("i4", "i8"),
    "split_conditions": ("f4",),
    "default_left": ("u1",),
    "split_type": ("u1",),
    "loss_changes": ("f4",),
    "sum_hessian": ("f4",),
}
"""The arrays of a tree with an element for each node, and their types. XGBoost does not check the types of most."""
_STATISTICS = {"loss_changes", "sum_hessian"}
"""What trees with several outputs lack before XGBoost 3.2."""
_CATEGORIES = {"categories": "i4", "categories_nodes": "i4", "categories_segments": "i8", "categories_sizes": "i8"}
_CATEGORY_TYPES = {9: "i1", 10: "u1", 11: "i2", 13: "i4", 15: "i8"}
"""The types of numbers as categories, by the number that XGBoost gives to the type."""
_NO_NUMBERS = "its trees or rounds are no numbers"
_ROOT = (2**31 - 1, -1)
"""What stands for the parent of a root."""


class Model(NamedTuple):
    """A checked model, as far as others ask for it."""

    version: tuple[int, int, int]
    booster: str
    objective: str
    features: int
    outputs: int
    learner: dict[str, Any]
    trees: list[dict[str, Any]]
    """The arrays of each tree. A linear booster has none."""


def model_of(data: bytes | memoryview) -> Model:
    """Return what a model in UBJ says.

    Raises:
        DeserializationError: it is no model, or XGBoost could not walk through it safely. Broken data may raise any
            error of Python.
    """
    document = _ubj.parse(data)
    learner = document["learner"]
    version = tuple(_whole(each, 10**6) for each in document["version"])
    check(len(version) == len(("major", "minor", "patch")), "it has no version")
    said = learner["learner_model_param"]
    features = _whole(said["num_feature"], _MOST_FEATURES)
    classes, targets = _whole(said["num_class"], _MOST_OUTPUTS), _whole(said["num_target"], _MOST_OUTPUTS)
    check(features and targets and (classes < _SEVERAL or targets == 1), "it has no features or outputs")
    outputs = max(classes, targets)
    _check_learner(learner, features, outputs)
    objective = _objective_of(learner["objective"], classes)
    booster = learner["gradient_booster"]["name"]
    trees = _CHECKS[booster](learner["gradient_booster"], features, outputs)
    return Model((version[0], version[1], version[2]), booster, objective, features, outputs, learner, trees)


def _whole(value: Any, most: int) -> int:
    """Return a number from 0 to `most`, which may be written as text."""
    if is_a(value, str):
        check(re.fullmatch(r"\d{1,10}", value, re.ASCII), f"{value!r:.40} is no number")
    found = int(value)
    check(0 <= found <= most, f"{found} is out of range")
    return found


def _check_learner(learner: dict[str, Any], features: int, outputs: int) -> None:
    for name in ("feature_names", "feature_types"):
        texts = learner[name]
        check(is_a(texts, list) and len(texts) in (0, features), f"it has {name} for other features")
        check(all(is_a(each, str) for each in texts), f"one of the {name} is no text")
    attributes = learner["attributes"]
    check(is_a(attributes, dict), "its attributes are no object")
    check(all(is_a(each, str) for each in attributes.values()), "one of its attributes is no text")
    scores = learner["learner_model_param"]["base_score"].strip("[]").split(",")
    check(len(scores) in (1, outputs), "it has base scores for other outputs")
    for score in scores:
        float(score)


def _objective_of(objective: dict[str, Any], classes: int) -> str:
    name: str = objective["name"]
    check(is_a(name, str), "the name of its objective is no text")
    for parameters in objective.values():
        if is_a(parameters, dict) and "num_class" in parameters:
            check(_whole(parameters["num_class"], _MOST_OUTPUTS) == classes, "its objective has other classes")
    check(not name.startswith("multi:") or classes > 1, "its objective has no classes")
    return name


def _check_linear(booster: dict[str, Any], features: int, outputs: int) -> list[dict[str, Any]]:
    weights = booster["model"]["weights"]
    check(_is_of(weights, "f4") and len(weights) == (features + 1) * outputs, "it has weights for other features")
    _whole(booster["model"]["boosted_rounds"], 2**31 - 1)
    return []


def _check_dart(booster: dict[str, Any], features: int, outputs: int) -> list[dict[str, Any]]:
    check(booster["gbtree"]["name"] == "gbtree", "its trees are of another kind")
    trees = _check_trees(booster["gbtree"], features, outputs)
    weights = booster["weight_drop"]
    check(len(weights) == len(trees), "it has weights for other trees")
    check(is_a(weights, list), "its weights are no list")
    check(all(is_a(each, float) for each in weights), "a weight is no number")
    return trees


def _check_trees(booster: dict[str, Any], features: int, outputs: int) -> list[dict[str, Any]]:
    model = booster["model"]
    trees: list[dict[str, Any]] = model["trees"]
    check(is_a(trees, list), "its trees are no list")
    said = model["gbtree_model_param"]
    check(_whole(said["num_trees"], len(trees)) == len(trees), "it has another number of trees")
    check(_whole(said["num_parallel_tree"], 2**31 - 1) >= 1, "it has no trees of one round")
    groups = np.array(model["tree_info"], np.int64)
    check(groups.shape == (len(trees),), "it has another number of trees")
    check(((groups >= 0) & (groups < outputs)).all(), "a tree is of no output")
    check(all(is_a(each, int) for name in ("tree_info", "iteration_indptr") for each in model[name]), _NO_NUMBERS)
    rounds = np.array(model["iteration_indptr"], np.int64)
    check(
        rounds.ndim == 1 and rounds.size and not rounds[0] and rounds[-1] == len(trees), "its rounds are not its trees"
    )
    check((np.diff(rounds) >= 0).all(), "its rounds are out of order")
    for number, tree in enumerate(trees):
        _check_tree(tree, features, outputs, f"tree {number}")
        check(tree["id"] == number, f"tree {number} has another number")
    kinds = {(tree["tree_param"]["size_leaf_vector"], "leaf_weights" in tree) for tree in trees}
    check(len(kinds) <= 1, "its trees are of several kinds")
    if "cats" in model:
        _check_categories(model["cats"], features)
    return trees


_CHECKS = {"gbtree": _check_trees, "dart": _check_dart, "gblinear": _check_linear}


def _check_tree(tree: dict[str, Any], features: int, outputs: int, where: str) -> None:
    said = tree["tree_param"]
    check(_whole(said["num_feature"], _MOST_FEATURES) == features, f"{where} has other features")
    width = _whole(said["size_leaf_vector"], outputs)
    check(width in (0, 1, outputs), f"{where} has leaves for other outputs")
    count = len(tree["left_children"])
    check(_whole(said["num_nodes"], count) == count, f"{where} has another number of nodes")
    left, right = (tree[name].astype(np.int64) for name in ("left_children", "right_children"))
    leaves = left == -1
    for name, types in _NODES.items():
        if name in tree or name not in _STATISTICS or width < _SEVERAL or "leaf_weights" in tree:
            check(_is_of(tree[name], *types) and len(tree[name]) == count, f"{where} has other {name} than nodes")
    weights = tree["base_weights"]
    check(_is_of(weights, "f4") and len(weights) == count * max(width, 1), f"{where} has other weights than nodes")
    if width >= _SEVERAL and "leaf_weights" in tree:
        _check_leaves(tree["leaf_weights"], right[leaves], width, where)
        right[leaves] = -1
    parents = parents_of(left, right, where)
    stored = tree["parents"][1:]  # also those of nodes that were pruned, which XGBoost looks up
    check(((stored >= 0) & (stored < count)).all(), f"{where} has a parent that is no node")
    reached = parents >= 0
    check((tree["parents"][reached] == parents[reached]).all(), f"{where} has other parents than children")
    check(int(tree["parents"][0]) in _ROOT, f"{where} has a root with a parent")
    _check_splits(tree, ~leaves, features, where)


def _check_leaves(weights: Any, places: Any, width: int, where: str) -> None:
    """Check the weights of leaves with several outputs. The right child of a leaf is the place of its weights."""
    check(_is_of(weights, "f4") and not len(weights) % width, f"{where} has leaves for other outputs")
    check(((places >= 0) & (places < len(weights) // width)).all(), f"{where} has a leaf without weights")


def _check_splits(tree: dict[str, Any], inner: Any, features: int, where: str) -> None:
    places = tree["split_indices"][inner]
    check(((places >= 0) & (places < features)).all(), f"{where} splits by a feature that is not there")
    check((tree["split_type"] <= 1).all() and (tree["default_left"] <= 1).all(), f"{where} has a split of no kind")
    for name, kind in _CATEGORIES.items():
        check(_is_of(tree[name], kind), f"{where} has {name} that are no numbers")
    categories, nodes, starts, sizes = (tree[name].astype(np.int64) for name in _CATEGORIES)
    expected = np.flatnonzero((tree["split_type"] == 1) & inner)
    check(np.array_equal(nodes, expected), f"{where} has categories at other nodes")
    check(len(starts) == len(sizes) == len(nodes), f"{where} has categories at other nodes")
    check(((categories >= 0) & (categories < _LARGEST_CATEGORY)).all(), f"{where} has a category out of range")
    ends = np.cumsum(sizes)
    check((sizes >= 0).all() and np.array_equal(starts, ends - sizes), f"{where} has categories out of order")
    check((ends[-1] if len(ends) else 0) == len(categories), f"{where} has other categories than its nodes")


def _check_categories(cats: dict[str, Any], features: int) -> None:
    """Check the categories of the frame that a model was trained with."""
    encoded = cats["enc"]
    segments, order = cats["feature_segments"], cats["sorted_idx"]
    check(is_a(encoded, list) and _is_of(segments, "i4") and _is_of(order, "i4"), "its categories are no lists")
    if not encoded:
        check(not len(segments) and not len(order), "it has an order of no categories")
        return
    check(len(encoded) == features and len(segments) == features + 1, "it has categories of other features")
    counts = np.diff(segments.astype(np.int64))
    check(not segments[0] and (counts >= 0).all(), "its categories are out of order")
    is_sorted = cats.get("sorted", bool(len(order)))  # XGBoost after 3.2 sorts them when they are needed
    check(is_sorted in (True, False) and cats.get("is_ref", False) in (True, False), "its categories have no order")
    check(len(order) == (segments[-1] if is_sorted else 0), "its categories have no order")
    for column, count, start in zip(encoded, counts.tolist(), segments.tolist(), strict=False):
        values = column["values"]
        check(is_a(values, np.ndarray), "a category is neither text nor a number")
        if "offsets" in column:
            check(_is_of(column["offsets"], "i4") and _is_of(values, "i1"), "a category is no text")
            ends = column["offsets"].astype(np.int64)
            check(max(len(ends) - 1, 0) == count, "a feature has another number of categories")
            check(not count or (not ends[0] and ends[-1] == len(values)), "the text of a category is not there")
            check((np.diff(ends) >= 0).all(), "the texts of categories are out of order")
        else:
            check(_CATEGORY_TYPES.get(column["type"]) == values.dtype.str[1:], "a category is of no type")
            check(len(values) == count, "a feature has another number of categories")
        places = np.sort(order[start : start + count])
        check(
            not is_sorted or np.array_equal(places, np.arange(count)),
            "an order of categories names one that is not there",
        )


def _is_of(array: Any, *types: str) -> bool:
    return is_a(array, np.ndarray) and array.dtype.str[1:] in types
