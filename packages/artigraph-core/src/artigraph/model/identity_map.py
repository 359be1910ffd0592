"""The identity map: which artifact an object of this process was loaded from or saved as, or is a part of.

Models are always remembered, so that you can pass a model instead of its artifact's id. Their parts are remembered
once a tracked function is defined, because only tracked functions need them. An object is forgotten when it is garbage
collected.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

from artigraph.errors import InvalidNodeIdError, SerializationError
from artigraph.model.compare import equal
from artigraph.model.traverse import PLAIN, Step, find_stream, is_stream, parts_of
from artigraph.progress import run_here
from artigraph.serializer.codec import encode

_DEEPEST, _MOST = 3, 1_000
"""The depth, and the number of parts, to which an artifact is searched for objects."""


class Origin(NamedTuple):
    """The origin of an object: the artifact and the path at which it is stored."""

    node_id: UUID
    """The artifact."""
    path: tuple[Step, ...]
    """The steps from the artifact's model to the object; empty for the model itself."""


_known: dict[int, tuple[weakref.ref[object], Origin]] = {}
"""Origins by the `id()` of an object."""
_remembering = False


def begin_to_remember() -> None:
    """From now on, also remember the parts of artifacts that are loaded and saved."""
    global _remembering  # noqa: PLW0603
    _remembering = True


def remember(models: Iterable[object], node_ids: Iterable[UUID]) -> None:
    """Remember the origins of models and their parts. Objects without weak references are not remembered."""
    for model, node_id in zip(models, node_ids, strict=True):
        if not _remembering:
            _note(model, Origin(node_id, ()))
            continue
        for item, path in _inside(model):
            _note(item, Origin(node_id, path))


def origin_in_map(item: object) -> Origin | None:
    """Return the origin of an object, or None if it is unknown. The object may have changed since."""
    reference, known = _known.get(id(item), (None, None))
    return known if reference is not None and reference() is item else None


def node_id_of(model: object) -> UUID:
    """Return the id of the node that a model was last saved as or loaded from. The model may have changed since.

    Raises:
        InvalidNodeIdError: the model was neither saved nor loaded by itself in this process.
    """
    known = origin_in_map(model)
    if known is not None and not known.path:
        return known.node_id
    name = type(model).__qualname__
    why = (
        f"is a part of artifact {known.node_id}"
        if known is not None
        else "was neither saved nor loaded here, or its class has slots without weakref_slot=True"
    )
    msg = f"This {name} stands for no node: it {why}. Pass the id of its node, which save returned"
    raise InvalidNodeIdError(msg)


def sources_of(model: object) -> set[UUID]:
    """Return the artifacts from which a model or its parts were loaded, or as which they were saved."""
    if not _remembering:
        return set()
    return {known.node_id for item, _ in _inside(model) if (known := origin_in_map(item)) is not None}


def parts_with_origin(model: object) -> list[tuple[object, Origin]]:
    """Return the parts of a model whose origin is known, with their origins, without the model itself."""
    found = ((item, origin_in_map(item)) for item, path in _inside(model) if path)
    return [(item, known) for item, known in found if known is not None]


def remember_parts(parts: Iterable[tuple[object, Origin]]) -> None:
    """Set the origins of objects, overwriting any that were set meanwhile."""
    for item, known in parts:
        _note(item, known)


def part_of(model: object, known: Origin) -> object:
    """Return the part of an artifact's model at the path of an origin.

    Raises:
        LookupError, AttributeError: the model has no such part.
    """
    item: Any = model
    for kind, key in known.path:
        item = getattr(item, key) if kind == "field" else item[key]
    return item


def is_same(one: object, other: object, known: Origin) -> bool:
    """Return whether a value would be stored as another one, which is stored at the given origin.

    Plain values are compared by their bytes, models by their stored fields. A stream is never read: it is the same only
    if it is the object that was loaded from or saved at this origin.
    """
    pending = [(one, other, known.path)]
    while pending:
        left, right, path = pending.pop()
        if left is right:
            continue
        if type(left) is not type(right):
            return False
        if is_stream(left):
            if origin_in_map(left) != (known.node_id, path):
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
    """Compare two values without parts. One that holds a stream is unequal, as comparing would read the stream."""
    return run_here(find_stream(left)) is None and equal(left, right)


def _inside(model: object) -> Iterator[tuple[object, tuple[Step, ...]]]:
    """Yield a model and its parts, up to the limits, nearest first, each with its path from the model."""
    pending: list[tuple[object, tuple[Step, ...]]] = [(model, ())]
    for item, path in islice(pending, _MOST):  # the list grows while it is iterated over
        yield item, path
        if len(path) < _DEEPEST:
            parts = islice(parts_of(item), _MOST)
            pending += [(part, (*path, step)) for step, part in parts if type(part) not in PLAIN]


class _Reference(weakref.ref[object]):
    """A weak reference that knows the `id()` of its object, so that one callback serves all."""

    __slots__ = ("key",)

    key: int


def _note(item: object, known: Origin) -> None:
    try:
        reference = _Reference(item, _forget)
    except TypeError:  # slots=True without weakref_slot=True, or a built-in type
        return
    reference.key = key = id(item)
    _known[key] = (reference, known)


def _forget(reference: weakref.ref[object]) -> None:
    assert isinstance(reference, _Reference)  # for type checkers
    if (found := _known.get(reference.key)) is not None and found[0] is reference:
        del _known[reference.key]
