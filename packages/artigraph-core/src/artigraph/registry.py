"""Registries of storages and serializers by permanent names."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, Protocol, TypeVar

from artigraph.errors import MissingDependencyError, NotFoundError, RegistrationError

_NAME = re.compile(r"[!-~]{1,100}")
"""Printable ASCII without spaces, because a name is a key in the database and is compared as bytes."""


class Named(Protocol):
    """An entry of a registry: an object with a permanent name."""

    @property
    def name(self) -> str:
        """The name, which is stored with the data permanently."""
        ...


T = TypeVar("T", bound=Named)


class Registry(Generic[T]):
    """Instances by name: registered ones, and ones that installed distributions offer.

    An entry point of the registry's group names an instance. It is imported when its name is first requested. So data
    loads in a process that never imported the serializer that wrote it.
    """

    def __init__(self, kind: str, *, group: str, unknown: type[NotFoundError], hint: str = "") -> None:
        self._kind = kind
        self._group = group
        self._unknown = unknown
        self._advice = hint
        self._items: dict[str, T] = {}
        self._sources: list[Callable[[], None]] = []
        self._lock = threading.RLock()
        """Held while items are compared and added, but never during an import, because modules register then."""

    def __iter__(self) -> Iterator[T]:
        return iter(tuple(self._items.values()))

    def add_source(self, register_more: Callable[[], None]) -> None:
        """Call a function before a name is reported as unknown, and before all instances are listed.

        It registers instances that other objects of the process hold, such as the storages in model classes.
        """
        self._sources.append(register_more)

    def all(self) -> tuple[T, ...]:
        """Return every instance that is registered, or that a source registers now."""
        self._ask_sources()
        return tuple(self)

    def _ask_sources(self) -> None:
        for register_more in self._sources:
            register_more()

    def register(self, item: T) -> T:
        """Register an instance under its name, and return the one that is registered from now on.

        Registering an equal instance again (the same class, name and configuration) changes nothing. If a class was
        defined again under the same module and qualified name, as by a notebook cell that runs twice, its instance
        replaces the former one.

        Raises:
            RegistrationError: the name is not 1-100 printable ASCII characters without spaces, or another instance has
                it.
        """
        name: Any = getattr(item, "name", None)
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            msg = (
                f"{name!r} cannot name a {self._kind}, here an instance of {type(item).__qualname__}: a name is stored "
                "with the data for ever and is 1-100 printable ASCII characters without spaces"
            )
            raise RegistrationError(msg)
        with self._lock:
            return self._register(name, item)

    def _register(self, name: str, item: T) -> T:
        known = self._items.get(name)
        if known is None or known is item:
            self._items[name] = item
            return item
        if _class_path(known) != _class_path(item) or not _same_configuration(known, item):
            msg = (
                f"The name {name!r} belongs to another {self._kind} already: {known!r}. Names are stored with the "
                f"data, so two that differ cannot share one; give {item!r} a name of its own."
            )
            raise RegistrationError(msg)
        if type(known) is not type(item):
            self._items[name] = item
        return self._items[name]

    def equal_to(self, item: T) -> T | None:
        """Return the registered instance that has the name, the class and the configuration of this one, or None."""
        known = self._items.get(item.name)
        if known is None or _class_path(known) != _class_path(item) or not _same_configuration(known, item):
            return None
        return known

    def get(self, name: str) -> T:
        """Return the instance with this name. Imports the distribution that offers it, if needed.

        Raises:
            NotFoundError: (the registry's own subclass) no instance with this name is registered or installed.
            MissingDependencyError: a distribution offers it, but a library that it needs is not installed.
            RegistrationError: the distribution's module fails, its instance has another name, or two distributions
                offer it.
        """
        item = self._items.get(name)
        if item is None:
            for entry_point in entry_points(group=self._group, name=name):
                item = self.register(self._load(entry_point))
        if item is None:
            self._ask_sources()
            item = self._items.get(name)
        if item is None:
            msg = f"There is no {self._kind} named {name!r} here. {self._hint()}"
            raise self._unknown(msg)
        return item

    def _load(self, entry_point: EntryPoint) -> T:
        owner = entry_point.dist.name if entry_point.dist is not None else "a distribution that is not installed"
        offer = f"The {self._kind} {entry_point.name!r} is offered by {owner}"
        try:
            item: T = entry_point.load()
        except ImportError as error:
            msg = (
                f"{offer}, but cannot be imported: {error}. "
                f"Install what it needs: pip install '{owner}[{entry_point.module.rpartition('.')[2]}]'."
            )
            raise MissingDependencyError(msg) from error
        except Exception as error:
            msg = f"{offer}, but its module {entry_point.module} fails: {type(error).__name__}: {error}"
            raise RegistrationError(msg) from error
        if getattr(item, "name", None) != entry_point.name:
            msg = (
                f"{offer}, but {entry_point.value} is {item!r}, which has not this name; the entry point must be mended"
            )
            raise RegistrationError(msg)
        return item

    def _hint(self) -> str:
        known = ", ".join(sorted(repr(name) for name in self._items)) or "none"
        return (
            f"Registered: {known}. If one of your own modules registers it, import that module first; if a "
            f"distribution offers it, install that distribution. {self._advice}".rstrip()
        )


def _class_path(item: object) -> tuple[str, str]:
    return type(item).__module__, type(item).__qualname__


def _same_configuration(one: object, other: object) -> bool:
    if type(one).__eq__ is not object.__eq__ and _same(one, other):
        return True
    state, other_state = _state(one), _state(other)
    return state.keys() == other_state.keys() and all(_same(state[name], other_state[name]) for name in state)


def _same(one: object, other: object) -> bool:
    """Say whether two values are equal, also arrays and frames. Values that cannot be compared are not equal."""
    if one is other:
        return True
    try:
        answer: Any = one == other
        if isinstance(answer, bool):
            return answer
        if type(one) is not type(other) or getattr(one, "shape", None) != getattr(other, "shape", None):
            return False
        for _ in range(2):  # comparing frames gives a frame, whose `all` gives a column
            answer = answer.all() if hasattr(answer, "all") else answer
        return bool(answer)
    except Exception:  # an `__eq__` of anybody's
        return False


def _state(item: object) -> dict[str, object]:
    """Return the public attributes of an instance, which are its configuration, without caches and connections."""
    names: set[str] = set(getattr(item, "__dict__", ()))
    for cls in type(item).__mro__:
        slots: str | Iterable[str] = vars(cls).get("__slots__", ())
        names.update([slots] if isinstance(slots, str) else slots)
    return {name: getattr(item, name, None) for name in names if not name.startswith("_")}
