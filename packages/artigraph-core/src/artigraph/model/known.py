"""Which artifact an object of this process is: the one that it was loaded from, or saved as.

Tracked functions ask. Nothing is remembered until one is defined, and an object is forgotten when it goes.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from uuid import UUID

__all__ = ["artifact_of", "begin_to_remember", "remember"]

_known: dict[int, tuple[weakref.ref[object], UUID]] = {}
"""By the id of an object."""
_remembering = False


def begin_to_remember() -> None:
    """Remember from now on what is loaded and saved."""
    global _remembering  # noqa: PLW0603
    _remembering = True


def remember(objects: Iterable[object], node_ids: Iterable[UUID]) -> None:
    """Note of objects which artifacts they are; those that cannot be referred to weakly are not noted."""
    if not _remembering:
        return
    for item, node_id in zip(objects, node_ids, strict=True):
        key = id(item)
        try:
            reference = weakref.ref(item, _forgetting(key))
        except TypeError:  # slots=True without weakref_slot=True, or a built-in type
            continue
        _known[key] = (reference, node_id)


def artifact_of(item: object) -> UUID | None:
    """Return the artifact that an object was last loaded from or saved as, if known; it may have changed since."""
    reference, node_id = _known.get(id(item), (None, None))
    return node_id if reference is not None and reference() is item else None


def _forgetting(key: int) -> Callable[[weakref.ref[object]], None]:
    def forget(reference: weakref.ref[object]) -> None:
        if (found := _known.get(key)) is not None and found[0] is reference:
            del _known[key]

    return forget
