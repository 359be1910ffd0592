"""Describe values by their content, as constants that can be hashed."""

from __future__ import annotations

import re
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from enum import Enum
from functools import cached_property
from types import FunctionType, MappingProxyType
from typing import Any, cast

from artigraph.errors import SerializationError, class_name
from artigraph.graph.fingerprint import fingerprint_here
from artigraph.kinds import fields_of
from artigraph.model.any_model import is_model_instance
from artigraph.model.save import tree_of
from artigraph.serializer.base import claimed_by
from artigraph.serializer.codec import encode, encode_scalar
from artigraph.tracking._bytecode import digest_of, facts_of
from artigraph.tracking._options import TrackedValue
from artigraph.tracking._ownership import beneath

PLAIN = frozenset({type(None), bool, int, float, str, bytes})
"""The types of most values. They hold nothing else."""
_MOST_PLAIN = 1_000
"""The most constants in a closure of another distribution that are compared."""


class IncomparableError(Exception):
    """A value cannot be compared by content."""


class Describer:
    """Describes values that consist of other values. A subclass also follows functions and classes.

    Two values have the same description only if a save would store the same for them, types included.
    """

    def __init__(self) -> None:
        self._open: list[int] = []
        """The ids of the values that enclose the one that is being described, the outermost first."""

    def describe(self, value: object, where: str) -> object:
        """Return what identifies a value, made of constants.

        Args:
            value: any value.
            where: the name of the value, for messages.

        Raises:
            IncomparableError: the value cannot be compared by content.
        """
        if value is None or type(value) in (bool, int, float, str, bytes, complex):
            return (type(value).__name__, value)
        if value is Ellipsis or value is NotImplemented:  # there is one of each, and it has no state
            return ("constant", repr(value))
        found = self.describe_code(value, where)
        if found is not None:
            return found
        if id(value) in self._open:
            return ("circle", self._open.index(id(value)))
        self._open.append(id(value))
        try:
            return self._plain(value) or self._collection(value, where) or self._content(value, where)
        finally:
            self._open.pop()

    def describe_code(self, value: object, where: str) -> object:
        """Return what identifies a function, class or module; None for any other value.

        Raises:
            IncomparableError: it is one of these.
        """
        del where
        if isinstance(value, type) or callable(value):
            msg = f"{value!r:.100} is code, whose content is unknown here"
            raise IncomparableError(msg)
        return None

    def describe_class(self, cls: type[Any], where: str) -> object:
        """Return what identifies the class of a value."""
        del where
        return ("name", cls.__module__, cls.__qualname__)

    def describe_object(self, value: object, where: str, error: Exception | None = None) -> object:
        """Return what identifies an instance that no save would store.

        Raises:
            IncomparableError: nothing identifies it.
        """
        del where
        msg = str(error) if error is not None else f"a {_type(value)} cannot be stored, and so it cannot be compared"
        raise IncomparableError(msg)

    def state_of_member(self, value: Enum, where: str) -> object:
        """Return what identifies the attributes of a member of an enum. They follow from a class that is followed."""
        del value, where
        return None

    def noticed(self, value: object) -> None:
        """Take notice of a value that is described by what a save would store, and not by its classes."""

    def _plain(self, value: object) -> object:
        try:
            return ("plain", encode(value))
        except SerializationError:
            return None

    def _collection(self, value: object, where: str) -> object:
        cls: type[Any] = type(value)
        if cls in (list, tuple, deque):
            parts = [self.describe(part, where) for part in cast("Iterable[object]", value)]
            return (cls.__name__, parts, getattr(value, "maxlen", None))
        if cls in (set, frozenset):
            ordered = sorted(cast("Iterable[object]", value), key=_place)  # functions of one name get numbers
            return (cls.__name__, frozenset(digest_of(self.describe(part, where)) for part in ordered))
        if cls in (dict, OrderedDict, MappingProxyType):
            items = cast("Mapping[object, object]", value).items()
            pairs = [(self.describe(key, where), self.describe(part, where)) for key, part in items]
            state = state_of(value) if cls is OrderedDict else ()
            return (class_name(cls), pairs, [(name, self.describe(part, where)) for name, part in state])
        return None

    def _content(self, value: object, where: str) -> object:
        cls: type[Any] = type(value)
        if isinstance(value, Enum):
            inside = self.describe(value.value, where)
            return ("enum", self.describe_class(cls, where), value.name, inside, self.state_of_member(value, where))
        if is_model_instance(value) or claimed_by(cls) is not None:
            self.noticed(value)
            try:
                return (
                    "content",
                    fingerprint_here(tree_of(value if is_model_instance(value) else TrackedValue(value))),
                )
            except Exception as error:  # it cannot be stored as it is
                return self.describe_object(value, where, error)
        if isinstance(value, re.Pattern):
            return ("pattern", self.describe(cast("Any", value).pattern, where), value.flags)
        fields = fields_of(value, complete=False)
        if fields is None and tuple in cls.__mro__ and hasattr(cls, "_fields"):
            fields = {name: getattr(value, name) for name in cls._fields}
        if fields is None:
            return self.describe_object(value, where)
        more = {name: part for name, part in state_of(value) if name not in fields and tuple not in cls.__mro__}
        parts = [(name, self.describe(part, f"{where}.{name}")) for name, part in {**fields, **more}.items()]
        return ("fields", self.describe_class(cls, where), parts)


def state_of(value: object) -> list[tuple[str, object]]:
    """Return the attributes of an instance by name, also those in slots, without what cached properties keep there."""
    cls: type[Any] = type(value)
    try:
        found: dict[str, object] = {str(name): part for name, part in dict(value.__dict__).items()}
    except Exception:  # it has none, or its own code fails
        found = {}
    for base in cls.__mro__:
        names: object = vars(base).get("__slots__", ())
        for name in (names,) if isinstance(names, str) else cast("Iterable[str]", names):
            is_private = name.startswith("__") and not name.endswith("__")
            private = f"_{base.__name__.lstrip('_')}{name}" if is_private else name
            if name in ("__dict__", "__weakref__"):
                continue
            with suppress(Exception):  # it has no value, or its own code fails
                found[private] = getattr(value, private)
    hidden = {name for base in cls.__mro__ for name, part in vars(base).items() if isinstance(part, cached_property)}
    return sorted(((name, part) for name, part in found.items() if name not in hidden), key=lambda pair: pair[0])


def is_plain(value: object, most: int = _MOST_PLAIN) -> bool:
    """Return whether a value is a constant, or a small collection of constants."""
    if type(value) in PLAIN or type(value) is re.Pattern or encode_scalar(value) is not None:
        return True
    if type(value) not in (list, tuple, set, frozenset):
        return False
    parts = list(cast("Iterable[object]", value))
    return len(parts) <= most and all(is_plain(part, most // 10) for part in parts)


def parts_inside(item: object) -> list[object]:
    """Return what an object holds, except for constants: items, keys, fields and attributes."""
    found: list[object] = []
    cls: type[Any] = type(item)
    if issubclass(cls, Mapping):
        mapping = cast("Mapping[object, object]", item)
        found += [*mapping.keys(), *mapping.values()]
    elif issubclass(cls, (list, tuple, set, frozenset, deque)):
        found += cast("Iterable[object]", item)
    if cls.__module__ != "builtins":
        fields = fields_of(item, complete=False)
        found += dict(state_of(item)).values() if fields is None else fields.values()
    return [part for part in found if type(part) not in PLAIN]


def reduced_state(value: object) -> tuple[object, ...] | None:
    """Return what makes up an instance of a class that says it by `__reduce__`; None for any other.

    `object.__reduce__` itself is not asked. It would return all attributes of any object, such as a client.
    """
    cls: type[Any] = type(value)
    if isinstance(value, Iterator):  # its state is where it stands
        return None
    says = any(name in vars(base) for base in cls.__mro__[:-1] for name in ("__reduce__", "__reduce_ex__"))
    if not says and hasattr(value, "__dict__"):
        return None
    try:
        found: object = value.__reduce_ex__(4)
    except Exception:  # a lock or a connection
        return None
    if not isinstance(found, tuple):
        return None
    parts: list[object] = [list(cast("Any", part)) if isinstance(part, Iterator) else part for part in found]
    return tuple(part for part in parts if part is not cls)


def built_in_content(value: Any) -> object:
    """Return the content of an instance of a subclass of a built-in type, as that type; None for any other value."""
    for scalar in (int, float, complex, str, bytes):
        if isinstance(value, scalar):
            made: object = cast("Any", scalar).__new__(scalar, value)
            return made
    for container in (list, tuple, set, frozenset, dict):
        if isinstance(value, container):
            content: object = cast("Any", container)(value)
            return [value.default_factory, content] if isinstance(value, defaultdict) else content
    return None


def _place(value: object) -> list[tuple[str, bytes]]:
    """Return by what the items of a set are sorted, so that functions and classes have one order in all processes."""
    if type(value) is FunctionType:
        return [(each.__qualname__, facts_of(each).digest) for each in beneath(value)]
    return [(value.__qualname__, b"")] if isinstance(value, type) else []


def _type(value: object) -> str:
    cls: type[Any] = type(value)
    return class_name(cls)
