"""What a walk through code read, so that a later call can tell that nothing of it has changed.

A walk reads what names refer to: globals, members of classes, cells of closures. All of them are compared by identity,
which takes a hundredth of the time. It is enough for what has no content of its own, and for functions, classes and
modules, whose content the walk reads in turn. Any other value may change in place, so it is described anew.
"""

from __future__ import annotations

import operator
import re
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from itertools import repeat
from types import FunctionType, ModuleType
from typing import Any

Read = Callable[[], Sequence[object]]
"""Returns what some names refer to now."""
ABSENT = object()
"""Stands for the object of a name that refers to nothing."""
_DOTTED = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")


class Readings:
    """What a walk read."""

    def __init__(self) -> None:
        self.is_complete = True
        """Whether all that was read can be compared. If not, the next call walks anew."""
        self._same: list[tuple[Read, Sequence[object]]] = []
        self._equal: list[tuple[Callable[[], object], object]] = []

    def same(self, read: Read) -> None:
        """Note objects that a walk reads now, and that must stay the same ones. The objects are kept alive."""
        self._same.append((read, read()))

    def equal(self, read: Callable[[], object]) -> None:
        """Note what a walk reads now, and what must stay equal."""
        self._equal.append((read, read()))

    def are_current(self) -> bool:
        """Return whether all would be read again as it was."""
        for read, before in self._same:
            now = read()
            if len(now) != len(before) or not all(map(operator.is_, now, before)):
                return False
        return all(read() == before for read, before in self._equal)


class Same:
    """Objects that are compared by identity."""

    def __init__(self, objects: Sequence[object]) -> None:
        self._objects = objects

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Same) or len(self._objects) != len(other._objects):
            return False
        return all(map(operator.is_, self._objects, other._objects))

    def __hash__(self) -> int:
        return hash(tuple(map(id, self._objects)))


def of_function(function: FunctionType, names: Collection[str], content_of: Callable[[Any], object]) -> Read:
    """Return how to read a function: its code, its defaults, its closure, its attributes and globals."""
    in_globals = of_names(function.__globals__, names)

    def read() -> list[object]:
        found: list[object] = [function.__code__, function.__defaults__, function.__doc__]
        found += (function.__name__, function.__qualname__)
        found += in_globals()
        if keywords := function.__kwdefaults__:
            found += keywords
            found += keywords.values()
        if function.__closure__:
            found += map(content_of, function.__closure__)
        if state := vars(function):
            found += state
            found += state.values()
        return found

    return read


def of_class(cls: type[Any]) -> Read:
    """Return how to read a class: its members and its bases."""

    def read() -> list[object]:
        own = vars(cls)
        return [*own, *own.values(), cls.__bases__, type(cls), cls.__name__, cls.__qualname__]

    return read


def of_names(values: Mapping[str, Any], names: Collection[str]) -> Read:
    """Return how to read some names of a module."""
    fixed = tuple(names)
    return lambda: list(map(values.get, fixed, repeat(ABSENT)))


def of_texts(module: str, texts: Collection[str]) -> Read:
    """Return how to read what annotations that are texts name in their module."""
    found = {part for text in texts for part in _DOTTED.findall(text)}
    paths = [path.split(".") for path in sorted(found)]
    return partial(_read_paths, module, paths)


def _read_paths(module: str, paths: Sequence[Sequence[str]]) -> list[object]:
    home = sys.modules.get(module)
    found: list[object] = [home]
    for first, *others in paths:
        value = ABSENT if home is None else vars(home).get(first, ABSENT)
        found.append(value)
        for name in others:
            value = vars(value).get(name, ABSENT) if isinstance(value, (ModuleType, type)) else ABSENT
            found.append(value)
    return found


def of_module(name: str, taken: Collection[str] = ()) -> Read:
    """Return how to read an imported module, and names that are taken from it."""

    def read() -> list[object]:
        module = sys.modules.get(name)
        own: dict[str, object] = getattr(module, "__dict__", {})  # any object may be put there
        return [module, *(own.get(each, ABSENT) for each in taken)]

    return read
