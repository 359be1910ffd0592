"""What the text of a model has to be like, so that LightGBM reads it without ending the process."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any, NamedTuple

from artigraph.serializer._support.trees import check, parents_of

np: Any = import_module("numpy")

_WHOLE = rb"-?\d{1,10}"
_REAL = rb"-?(?:\d+(?:\.\d*)?(?:e[-+]?\d{1,4})?|inf|nan)"
_WHOLES = re.compile(rb"(?:%s(?: %s)*)?" % (_WHOLE, _WHOLE))
_REALS = re.compile(rb"(?:%s(?: %s)*)?" % (_REAL, _REAL))
_KEY = re.compile(rb"[a-z_]{1,100}")
_OBJECTIVE = re.compile(rb"[a-z_0-9]+(?: [a-z_]+(?::%s)?)*" % _REAL)
_PARAMETER = re.compile(r"\[[a-z_0-9]+: .*\]")
_NAME = re.compile(rb"[^ \t\r\n\0]+")
_INFO = re.compile(rb"none|\[%s:%s\]|-?\d{1,10}(?::-?\d{1,10})*" % (_REAL, _REAL))
_END = b"end of trees\n"
_MOST_OUTPUTS = 2**20
_LEAST = 2.0**-1022
"""The least number that is not subnormal."""
_IS_CATEGORICAL = 1
_MOST_DECISIONS = 15
"""The largest number of a kind of decision: four bits."""
_MOST_BITS = 2**32
_INNER = ("split_feature", "decision_type", "left_child", "right_child", "internal_count")
_INNER_REAL = ("split_gain", "threshold", "internal_value", "internal_weight")
_OF_LEAVES = ("leaf_value", "leaf_weight", "leaf_count")


class Model(NamedTuple):
    """A checked model, as far as others ask for it."""

    objective: str
    features: list[str]
    outputs: int
    trees: list[bytes]
    """The text of each tree, without its number."""


def model_of(text: bytes) -> Model:
    """Return what the text of a model says.

    Raises:
        DeserializationError: it is no such text, or LightGBM could not walk through its trees safely. A broken text may
            raise any error of Python.
    """
    check(not re.search(rb"[\r\0]", text), "it has characters that no model has")
    head, _, _ = text.partition(b"\n\n")
    header = _lines(head, first=b"tree")
    check(header[b"version"] == b"v4", "its version is another one than v4")
    outputs = _whole(header[b"num_class"], 1, _MOST_OUTPUTS)
    check(_whole(header[b"num_tree_per_iteration"], 1, _MOST_OUTPUTS) == outputs, "it has trees of other classes")
    _whole(header[b"label_index"], 0, 2**31 - 1)
    features = header[b"feature_names"].split(b" ")
    check(_whole(header[b"max_feature_idx"], 0, 2**31 - 2) + 1 == len(features), "it has names for other features")
    check(all(_NAME.fullmatch(name) for name in features), "the name of a feature is empty")
    infos = header[b"feature_infos"].split(b" ")
    check(len(infos) == len(features), "it has infos for other features")
    check(all(_INFO.fullmatch(info) for info in infos), "the range of a feature is malformed")
    objective = header.get(b"objective", b"")
    if b"objective" in header:
        _check_objective(objective, outputs)
    sizes = _wholes(header[b"tree_sizes"], None)
    check(not len(sizes) % outputs and (sizes > 0).all(), "it has another number of trees than rounds")
    start = len(head) + 2
    trees: list[bytes] = []
    for number, size in enumerate(sizes.tolist()):
        tree = text[start : start + size]
        title = b"Tree=%d\n" % number
        check(len(tree) == size and tree.startswith(title) and tree.endswith(b"\n\n\n"), f"tree {number} is not there")
        trees.append(tree[len(title) :])
        _check_tree(trees[-1][:-3], len(features), f"tree {number}")
        start += size
    rest = text[start:]
    check(rest.lstrip(b"\n").startswith(_END), "its trees have no end")
    _check_parameters(rest.decode())
    return Model(objective.decode(), [name.decode() for name in features], outputs, trees)


def _lines(text: bytes, *, first: bytes | None = None) -> dict[bytes, bytes]:
    """Return the values of lines by their names. A line without a value is a flag."""
    lines = text.split(b"\n")
    if first is not None:
        check(lines.pop(0) == first, "it does not begin as a model does")
    found: dict[bytes, bytes] = {}
    for line in lines:
        key, sign, value = line.partition(b"=")
        check(_KEY.fullmatch(key) and key not in found, f"{key!r:.40} is no name of a line, or is there twice")
        check(sign or first is not None, f"{key!r:.40} has no value")
        check(b"=" not in value or key == b"feature_names", f"{key!r:.40} has two values")
        found[key] = value
    return found


def _whole(text: bytes, least: int, most: int) -> int:
    check(re.fullmatch(_WHOLE, text), f"{text!r:.40} is no whole number")
    found = int(text)
    check(least <= found <= most, f"{found} is out of range")
    return found


def _wholes(text: bytes, count: int | None) -> Any:
    """Return whole numbers as an array."""
    check(_WHOLES.fullmatch(text), f"{text!r:.40} are no whole numbers")
    found = np.array(text.split(), np.int64)
    check(count is None or len(found) == count, f"{text!r:.40} are not {count} numbers")
    return found


def _check_reals(text: bytes, count: int, *, finite: bool = False) -> None:
    """Check numbers. LightGBM ends the process if a coefficient of a linear tree is out of the range of floats."""
    check(_REALS.fullmatch(text), f"{text!r:.40} are no numbers")
    words = text.split()
    check(len(words) == count, f"{text!r:.40} are not {count} numbers")
    if finite:
        numbers = np.array(words, np.float64)
        check(np.isfinite(numbers).all(), f"{text!r:.40} are not all finite")
        small = [word for word, number in zip(words, numbers.tolist(), strict=True) if abs(number) < _LEAST]
        check(all(re.fullmatch(rb"-?[0.]+(?:e.*)?", word) for word in small), f"{text!r:.40} are too close to 0")


def _check_objective(objective: bytes, outputs: int) -> None:
    check(_OBJECTIVE.fullmatch(objective), f"{objective!r:.40} is no objective")
    name, *options = objective.split(b" ")
    classes = [each for each in options if each.startswith(b"num_class:")]
    check(not name.startswith(b"multiclass") or classes, "its objective has no classes")
    for each in classes:
        check(_whole(each.partition(b":")[2], 1, _MOST_OUTPUTS) == outputs, "its objective has other classes")


def _check_tree(text: bytes, features: int, where: str) -> None:
    lines = {key.decode(): value for key, value in _lines(text).items()}
    leaves = _whole(lines["num_leaves"], 1, 2**31 - 1)
    check(leaves <= len(text), f"{where} has more leaves than it is long")
    inner = leaves - 1
    counts = {name: _wholes(lines[name], inner) for name in _INNER}
    for name in _INNER_REAL:
        _check_reals(lines[name], inner)
    for name in _OF_LEAVES:  # a tree of one leaf may have no weight
        _check_reals(lines[name], leaves if lines[name] or inner or name == "leaf_value" else 0)
    _wholes(lines["leaf_count"], None)
    splits = counts["split_feature"]
    check(((splits >= 0) & (splits < features)).all(), f"{where} splits by a feature that is not there")
    _check_reals(lines["shrinkage"], 1)
    if inner:
        _check_walk(counts["left_child"], counts["right_child"], leaves, where)
    _check_categories(lines, counts["decision_type"], where)
    if _whole(lines["is_linear"], 0, 1):
        _check_linear(lines, leaves, features, where)


def _check_walk(left: Any, right: Any, leaves: int, where: str) -> None:
    """Check that each walk from the root ends in a leaf. A negative child is a leaf: -1 is the first one."""
    inner = leaves - 1
    ends = np.full(leaves, -1, np.int64)
    sides = [np.concatenate([np.where(side < 0, inner - 1 - side, side), ends]) for side in (left, right)]
    check(all((side[:inner] > 0).all() for side in sides), f"{where} has a child that is no node")
    check(
        all((side[:inner][raw >= 0] < inner).all() for side, raw in zip(sides, (left, right), strict=True)),
        f"{where} has a child that is no node",
    )
    check((parents_of(sides[0], sides[1], where)[1:] >= 0).all(), f"{where} has a node without a parent")


def _check_categories(lines: dict[str, bytes], decisions: Any, where: str) -> None:
    count = _whole(lines["num_cat"], 0, max(len(decisions), 0))
    check(((decisions >= 0) & (decisions <= _MOST_DECISIONS)).all(), f"{where} has a decision of no kind")
    by_category = (decisions & _IS_CATEGORICAL).astype(bool)
    thresholds = np.array(lines["threshold"].split(), object)[by_category]
    for each in thresholds:
        _whole(each, 0, count - 1)
    if count:
        bounds = _wholes(lines["cat_boundaries"], count + 1)
        check(not bounds[0] and (np.diff(bounds) >= 0).all(), f"{where} has categories out of order")
        check(int(bounds[-1]) <= len(lines["cat_threshold"]), f"{where} has categories that are not there")
        bits = _wholes(lines["cat_threshold"], int(bounds[-1]))
        check(((bits >= 0) & (bits < _MOST_BITS)).all(), f"{where} has a category out of range")


def _check_linear(lines: dict[str, bytes], leaves: int, features: int, where: str) -> None:
    _check_reals(lines["leaf_const"], leaves, finite=True)
    counts = _wholes(lines["num_features"], leaves)
    check(((counts >= 0) & (counts <= features)).all(), f"{where} has a leaf with features that are not there")
    count = int(counts.sum())
    places = _wholes(b" ".join(lines["leaf_features"].split()), count)
    check(((places >= 0) & (places < features)).all(), f"{where} has a leaf with features that are not there")
    _check_reals(b" ".join(lines["leaf_coeff"].split()), count, finite=True)


def _check_parameters(rest: str) -> None:
    """Check the lines of parameters, which LightGBM takes apart without looking."""
    _, found, after = rest.partition("\nparameters:\n")
    if found:
        section, end, _ = after.partition("\nend of parameters\n")
        check(end, "its parameters have no end")
        for line in section.split("\n"):
            check(not line or _PARAMETER.fullmatch(line), f"{line!r:.40} is no parameter")
