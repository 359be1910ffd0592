"""Models of decision trees: checks of stored arrays, before a library walks through them, differences, and previews."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from operator import eq
from typing import Any, NamedTuple, NoReturn

from artigraph.errors import DeserializationError
from artigraph.serializer import preview
from artigraph.serializer._support.difference import named

np: Any = import_module("numpy")

MOST_LEVELS = 10_000
"""The deepest tree that is stored. Libraries walk through trees by recursion, and much deeper ones end the process."""


def refuse_model(what: str) -> NoReturn:
    """Raise the error for bytes that are not a model."""
    msg = f"These bytes are not a model that is stored: {what}."
    raise DeserializationError(msg)


def is_a(value: object, cls: Any) -> bool:
    """Say whether a value is an instance of a class. A type checker still takes it for any value."""
    return isinstance(value, cls)


def check(holds: object, otherwise: str) -> None:
    """Refuse a model unless a condition holds."""
    if not holds:
        refuse_model(otherwise)


def parents_of(left: Any, right: Any, where: str) -> Any:
    """Return the parent of each node that the root reaches, and -1 for the root and all others.

    Args:
        left: the left child of each node as an array of int64, or -1 for a leaf.
        right: the right child of each node, or -1 for a leaf.
        where: how an error names the tree.

    Raises:
        DeserializationError: a node is missing, has two parents, or is its own descendant, or the tree is too deep.
    """
    count = len(left)
    check(count and len(right) == count, f"{where} has no nodes, or arrays of different lengths")
    check(((left == -1) == (right == -1)).all(), f"{where} has a node with one child")
    for side in (left, right):
        check(((side >= -1) & (side < count) & (side != 0)).all(), f"{where} has a child that is no node")
    parents = np.full(count, -1, np.int64)
    level = np.zeros(1, np.int64)
    for _ in range(MOST_LEVELS):
        level = level[left[level] >= 0]
        if not level.size:
            return parents
        children = np.concatenate([left[level], right[level]])
        is_new = (parents[children] == -1).all() and np.unique(children).size == children.size
        check(is_new, f"{where} has a node with two parents")
        parents[children] = np.concatenate([level, level])
        level = children
    refuse_model(f"{where} has more than {MOST_LEVELS:,} levels")


# Differences ----------------------------------------------------------------------------------------------------------


class ComparedModel(NamedTuple):
    """What two models of any library are compared by."""

    summary: Mapping[str, object]
    features: Sequence[str]
    trees: Sequence[Any]


def model_changes(before: ComparedModel, after: ComparedModel, same_tree: Callable[[Any, Any], bool] = eq) -> list[str]:
    """Return how two models differ in their summaries, features and trees."""
    parts = [
        f"{name} {was} → {after.summary[name]}" for name, was in before.summary.items() if was != after.summary[name]
    ]
    parts += named("new features", _missing(after.features, before.features))
    parts += named("without features", _missing(before.features, after.features))
    pairs = list(zip(before.trees, after.trees, strict=False))
    differing = [number for number, (one, other) in enumerate(pairs) if not same_tree(one, other)]
    if differing:
        parts.append(f"{len(differing):,} of the first {len(pairs):,} trees differ, from tree {differing[0]:,} on")
    return parts


def _missing(names: Sequence[str], others: Sequence[str]) -> list[str]:
    known = set(others)
    return [repr(name) for name in names if name not in known]


def value_changes(title: str, before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    """Return the names whose values differ, with both values, as `named` does. A missing value is None."""
    changed = [name for name in sorted({*before, *after}, key=str) if before.get(name) != after.get(name)]
    return named(title, [f"{name} {before.get(name)} → {after.get(name)}" for name in changed])


# Previews -------------------------------------------------------------------------------------------------------------


def model_preview(
    summary: str, lines: Iterable[tuple[str, object]], *, rows: int, size: int, cut: bool = False
) -> preview.TextPreview:
    """Return a preview of a model.

    Args:
        summary: the line that describes it, without its size.
        lines: names and values. Those without a value are left out.
        rows: how many lines may be shown.
        size: the stored bytes.
        cut: whether the lines say only a part.
    """
    cells = preview.Cells()
    said = [f"{name}: {cells.of(preview.one_line(str(value)))}" for name, value in lines if value not in (None, "")]
    shown = "\n".join(said[: max(rows, 0)])
    full = f"{cells.of(preview.one_line(summary))}, {preview.bytes_text(size)}"
    return preview.TextPreview(full, cut or cells.cut or len(said) > rows, shown, None, size)


def unread_model(noun: str, size: int) -> preview.TextPreview:
    """Return the preview of a model of which nothing can be read."""
    return preview.TextPreview(f"{noun}, {preview.bytes_text(size)}", cut=True, text="", encoding=None, size=size)
