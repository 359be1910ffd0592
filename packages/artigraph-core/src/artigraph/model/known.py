"""Which artifact an object of this process is, or is a part of: that which it was loaded from, or saved in.

Tracked functions ask. Nothing is remembered until one is defined, and an object is forgotten when it goes.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

from artigraph.errors import SerializationError
from artigraph.model.compare import equal
from artigraph.model.parts import Step, find_stream, is_stream, parts_of
from artigraph.model.steps import run_here
from artigraph.serializer.codec import encode

__all__ = [
    "Known",
    "begin_to_remember",
    "is_same",
    "known_as",
    "known_parts",
    "part_of",
    "remember",
    "remember_parts",
    "sources_of",
]

_DEEPEST, _MOST = 3, 1_000
"""How deep in an artifact, and how many of its parts, objects are looked for."""


class Known(NamedTuple):
    """Where an object is stored."""

    node_id: UUID
    """The artifact."""
    path: tuple[Step, ...]
    """From the artifact's model to the object; empty for the model itself."""


_known: dict[int, tuple[weakref.ref[object], Known]] = {}
"""By the id of an object."""
_remembering = False


def begin_to_remember() -> None:
    """Remember from now on what is loaded and saved."""
    global _remembering  # noqa: PLW0603
    _remembering = True


def remember(models: Iterable[object], node_ids: Iterable[UUID]) -> None:
    """Note which artifacts models are, and their parts; what cannot be referred to weakly is not noted."""
    if not _remembering:
        return
    for model, node_id in zip(models, node_ids, strict=True):
        for item, path in _inside(model):
            _note(item, Known(node_id, path))


def known_as(item: object) -> Known | None:
    """Return where an object was last loaded from or saved, if that is known; it may have changed since."""
    reference, known = _known.get(id(item), (None, None))
    return known if reference is not None and reference() is item else None


def sources_of(model: object) -> set[UUID]:
    """Return the artifacts that a model, or parts of it, were loaded from or saved in before."""
    if not _remembering:
        return set()
    return {known.node_id for item, _ in _inside(model) if (known := known_as(item)) is not None}


def known_parts(model: object) -> list[tuple[object, Known]]:
    """Return the parts of a model of which it is known where they are stored, with that; itself not among them."""
    found = ((item, known_as(item)) for item, path in _inside(model) if path)
    return [(item, known) for item, known in found if known is not None]


def remember_parts(parts: Iterable[tuple[object, Known]]) -> None:
    """Note where objects are stored, whatever was noted meanwhile."""
    for item, known in parts:
        _note(item, known)


def part_of(model: object, known: Known) -> object:
    """Return what is at an object's place in its artifact.

    Raises:
        LookupError, AttributeError: there is nothing.
    """
    item: Any = model
    for kind, key in known.path:
        item = getattr(item, key) if kind == "field" else item[key]
    return item


def is_same(one: object, other: object, known: Known) -> bool:
    """Say whether a value would be stored as another one, that which is stored where it is known to be.

    Plain values are compared by their bytes, models by their stored fields. A stream is never read: it is the same if
    it is the object that was loaded from, or saved in, its place there.
    """
    pending = [(one, other, known.path)]
    while pending:
        left, right, path = pending.pop()
        if left is right:
            continue
        if type(left) is not type(right):
            return False
        if is_stream(left):
            if known_as(left) != (known.node_id, path):
                return False
            continue
        try:
            if encode(left) != encode(right):
                return False
        except SerializationError:
            mine, theirs = dict(parts_of(left)), dict(parts_of(right))
            if mine.keys() != theirs.keys() or (not mine and not _is_equal(left, right)):
                return False
            pending += [(part, theirs[step], (*path, step)) for step, part in mine.items()]
    return True


def _is_equal(left: object, right: object) -> bool:
    """Compare what has no parts of its own, unless a stream is held in it that this would read."""
    return run_here(find_stream(left)) is None and equal(left, right)


def _inside(model: object) -> Iterator[tuple[object, tuple[Step, ...]]]:
    """Yield a model and its parts, as far as they are looked for, the nearest first, each with the way to it."""
    pending: list[tuple[object, tuple[Step, ...]]] = [(model, ())]
    for item, path in islice(pending, _MOST):  # it grows meanwhile
        yield item, path
        if len(path) < _DEEPEST:
            pending += [(part, (*path, step)) for step, part in islice(parts_of(item), _MOST)]


def _note(item: object, known: Known) -> None:
    key = id(item)
    try:
        reference = weakref.ref(item, _forgetting(key))
    except TypeError:  # slots=True without weakref_slot=True, or a built-in type
        return
    _known[key] = (reference, known)


def _forgetting(key: int) -> Callable[[weakref.ref[object]], None]:
    def forget(reference: weakref.ref[object]) -> None:
        if (found := _known.get(key)) is not None and found[0] is reference:
            del _known[key]

    return forget
