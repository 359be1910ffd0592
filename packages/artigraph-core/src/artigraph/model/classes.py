"""Model classes by the name that they are stored under."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Mapping
from typing import Any

from artigraph.errors import ModelNameConflictError, UnknownModelError

__all__ = ["check_name", "find_class", "last_defined", "register_class", "same_place"]

_lock = threading.Lock()
_classes: dict[str, list[weakref.ref[type[Any]]]] = {}
"""The classes of each name, in the order in which they were defined."""


def register_class(cls: type[Any], name: str) -> None:
    """Make a class known by its stored name.

    A class that was defined before at the same place (module and qualified name) is replaced once this one is a
    dataclass; so a notebook cell runs twice, a module is reloaded, and `dataclass(slots=True)` may make its second
    class. One that never becomes a dataclass replaces none: cloudpickle makes, and throws away, the mere frame of a
    class when it comes back to the process that has it.
    """
    with _lock:
        _classes[name] = [*(ref for ref in _classes.get(name, []) if ref() is not None), weakref.ref(cls)]


def find_class(name: str, preferred: Mapping[str, type[Any]]) -> type[Any]:
    """Return the class that a stored name means: the preferred one of this name, else the one defined last.

    Raises:
        UnknownModelError: no live class has this name.
        ModelNameConflictError: two live classes of modules have this name.
    """
    cls = preferred.get(name)
    only = _only(name)
    if only is not None and (cls is None or cls is only):
        return only
    live = _live(name)
    if cls is not None:  # where it was defined again since the annotation was resolved, the newer one is meant
        return next((other for other in live if _place(other) == _place(cls)), cls)
    if not live:
        msg = (
            f"No model class is stored under the name {name!r} here. Import the module that defines it, or give the "
            f"class that took its place this name: class Renamed(ArtifactModel, name={name!r})"
        )
        raise UnknownModelError(msg)
    _check(name, live)
    return live[-1]


def last_defined(name: str) -> type[Any] | None:
    """Return the live class that was last defined under a name, if there is one."""
    live = _live(name)
    return live[-1] if live else None


def check_name(cls: type[Any], name: str) -> None:
    """Check that no other live class of a module is stored under the name of this one.

    Raises:
        ModelNameConflictError: there is one.
    """
    if _only(name) is None and not _is_local(cls):
        _check(name, _live(name))


def _only(name: str) -> type[Any] | None:
    """Return the live class of a name that was never given to another; asked for each node, so without the lock.

    A list of classes is replaced as a whole, never altered.
    """
    known = _classes.get(name, ())
    return known[0]() if len(known) == 1 else None


def _live(name: str) -> list[type[Any]]:
    """Return the live classes of a name, one for each place, in the order in which they were defined."""
    live: dict[tuple[str, str], type[Any]] = {}
    kept: list[weakref.ref[type[Any]]] = []
    with _lock:
        known = _classes.get(name, [])
        for ref in reversed(known):
            cls = ref()
            if cls is None:
                continue
            newer = live.get(_place(cls))
            if newer is not None and _is_finished(newer):
                continue
            kept.append(ref)
            if newer is None or _is_finished(cls):
                live[_place(cls)] = cls
        if len(kept) < len(known):
            _classes[name] = kept[::-1]
    return list(reversed(live.values()))


def _check(name: str, live: list[type[Any]]) -> None:
    places = sorted({".".join(_place(cls)) for cls in live if not _is_local(cls)})
    if len(places) > 1:
        msg = (
            f"Several model classes are stored under the name {name!r}: {', '.join(places)}. What is stored could not "
            "be told apart; give one of them a name of its own: class Model(ArtifactModel, name='another-name'). If "
            "one is a leftover of this session, in a notebook say, start the session anew."
        )
        raise ModelNameConflictError(msg)


def same_place(one: type[Any], other: type[Any]) -> bool:
    """Say whether two classes were defined at one place: they are one class, or one replaced the other."""
    return _place(one) == _place(other)


def _place(cls: type[Any]) -> tuple[str, str]:
    # A process that multiprocessing spawned has the program's module under another name.
    return "__main__" if cls.__module__ == "__mp_main__" else cls.__module__, cls.__qualname__


def _is_local(cls: type[Any]) -> bool:
    return "<locals>" in cls.__qualname__


def _is_finished(cls: type[Any]) -> bool:
    return "__dataclass_fields__" in vars(cls)
