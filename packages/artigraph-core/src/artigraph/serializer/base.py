"""The contract of a serializer, and the serializers known by name and by type."""

from __future__ import annotations

import abc
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from artigraph.errors import UnknownSerializerError
from artigraph.registry import Registry

__all__ = [
    "Serializer",
    "claimed_by",
    "get_serializer_by_name",
    "get_serializer_by_type",
    "know_serializer",
    "shipped_with_core",
]

T = TypeVar("T")
SerializerT = TypeVar("SerializerT", bound="Serializer[Any]")


class Serializer(abc.ABC, Generic[T]):
    """Turns values of some types into bytes and back, exactly.

    `deserialize(serialize(value))` equals `value`, with equal types all the way down. What cannot come back so is
    refused by `serialize` with a `SerializationError` that says why; bytes that are not a value of this serializer are
    a `DeserializationError`. Neither does I/O, keeps state or runs code that came with the data; both may be called in
    any thread. Where the bytes are kept is the caller's business.

    A subclass sets `name`, a permanent string that is stored with every value: 1-100 printable ASCII characters without
    spaces. The bytes written under a name stay readable for ever; a new format is a new name. `types` are the classes
    whose instances, those of subclasses included, it takes.
    """

    name: str
    types: tuple[type[Any], ...]

    @abc.abstractmethod
    def serialize(self, value: T) -> bytes:
        """Return the bytes of a value.

        Raises:
            SerializationError: the value would not come back exactly.
        """

    @abc.abstractmethod
    def deserialize(self, data: bytes) -> T:
        """Return the value of bytes that `serialize` returned.

        Raises:
            DeserializationError: the bytes are not of this serializer.
        """

    def equal(self, one: T, other: T) -> bool:
        """Whether two values are of one type and equal by content, NaN equal to NaN where the values may hold it.

        This is how models compare their fields. A subclass overrides it where `==` says something else, as that of
        arrays and frames does; here it is `==`, or the bytes where that is no plain truth.
        """
        if type(one) is not type(other):
            return False
        answer: object = one == other
        return answer if isinstance(answer, bool) else self.serialize(one) == self.serialize(other)

    def register(self: SerializerT) -> SerializerT:
        """Make this serializer known by its name, and as the one for its types; return it.

        For a type that several serializers claim, the one registered last serves values whose field names none. Those
        that Artigraph ships give way to any other, whichever comes first. Registering an equal one again (the same
        class, name and configuration) changes nothing.

        Raises:
            RegistrationError: the name is malformed, or belongs to another serializer.
        """
        known = _serializers.register(self)
        claims = _shipped if type(self).__module__.startswith("artigraph.") else _by_type
        for cls in self.types:
            claims[cls] = known
        _resolved.clear()
        return self

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"


_serializers: Registry[Serializer[Any]] = Registry(
    "serializer", group="artigraph.serializer", unknown=UnknownSerializerError
)
_by_type: dict[type[Any], Serializer[Any]] = {}
_shipped: dict[type[Any], Serializer[Any]] = {}
_resolved: WeakKeyDictionary[type[Any], Serializer[Any] | None] = WeakKeyDictionary()
"""What `claimed_by` found; forgotten whenever a serializer is registered."""


def know_serializer(serializer: Serializer[Any]) -> None:
    """Make a serializer known by its name alone; its types keep the serializers that they have.

    Raises:
        RegistrationError: the name is malformed, or belongs to another serializer.
    """
    _serializers.register(serializer)


def get_serializer_by_name(name: str) -> Serializer[Any]:
    """Return the serializer that is registered under a name, or that an installed distribution offers under it.

    Raises:
        UnknownSerializerError: there is none.
        MissingDependencyError: a distribution offers it, but a library that it needs is not installed.
    """
    return _serializers.get(name)


def get_serializer_by_type(cls: type[Any]) -> Serializer[Any]:
    """Return the serializer for instances of a class: the one that claims the nearest class in its MRO.

    Installed distributions that offer a serializer for the class's library are imported if need be.

    Raises:
        UnknownSerializerError: no registered or installed serializer claims the class or one of its bases.
    """
    found = claimed_by(cls)
    if found is not None:
        return found
    msg = (
        f"No serializer takes values of type {cls.__module__}.{cls.__qualname__}. Name one in the field "
        "(artifact_field(serializer=...)), or subclass artigraph.serializer.Serializer and register it."
    )
    raise UnknownSerializerError(msg)


def claimed_by(cls: type[Any]) -> Serializer[Any] | None:
    """Return the serializer for instances of a class, or None where there is none; see `get_serializer_by_type`."""
    try:
        return _resolved[cls]
    except KeyError:
        found = next((claim for base in cls.__mro__ if (claim := _claim(base)) is not None), None)
        _resolved[cls] = found
        return found


def shipped_with_core(serializer: Serializer[Any]) -> bool:
    """Say whether a serializer is one of core's own, all of which write what the codec of plain values writes."""
    return type(serializer).__module__.startswith(("artigraph.serializer.json", "artigraph.serializer.datetime"))


def _claim(cls: type[Any]) -> Serializer[Any] | None:
    found = _by_type.get(cls) or _shipped.get(cls)
    if found is None:
        for module in _modules_for(cls.__module__.partition(".")[0]):
            import_module(module)
            found = _by_type.get(cls) or _shipped.get(cls)
    return found


@cache
def _modules_for(library: str) -> tuple[str, ...]:
    """Return the modules that installed distributions offer for the types of a library."""
    return tuple(entry.value for entry in entry_points(group="artigraph.serializer_types", name=library))
