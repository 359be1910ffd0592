"""The contract of a serializer, and the registry of serializers by name and by type."""

from __future__ import annotations

import abc
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Generic, Self, TypeVar, cast
from weakref import WeakKeyDictionary

from artigraph.errors import MissingDependencyError, RegistrationError, SerializationError, UnknownSerializerError
from artigraph.registry import Registry
from artigraph.serializer.codec.refusals import advice_for

T = TypeVar("T")


class Serializer(abc.ABC, Generic[T]):
    """Turn values of some types into bytes and back, exactly.

    `deserialize(serialize(value))` equals `value`, with equal types at every depth. `serialize` refuses a value that
    would not load exactly with a `SerializationError` that says why. `deserialize` raises `DeserializationError` for
    bytes that this serializer did not write. Neither method does I/O, keeps state or runs code that came with the data.
    Both may be called in any thread. The caller decides where the bytes are kept.

    A subclass sets `name`, a permanent string that is stored with every value: 1-100 printable ASCII characters without
    spaces. The bytes written under a name stay readable forever; a new format needs a new name. `types` are the classes
    whose instances it takes, including instances of subclasses.
    """

    name: str
    types: tuple[type[Any], ...]

    @abc.abstractmethod
    def serialize(self, value: T) -> bytes:
        """Return the bytes of a value.

        Raises:
            SerializationError: the value would not load exactly.
        """

    @abc.abstractmethod
    def deserialize(self, data: bytes) -> T:
        """Return the value of bytes that `serialize` returned.

        Raises:
            DeserializationError: this serializer did not write the bytes.
        """

    def size_hint(self, value: T) -> int | None:
        """Return the approximate number of bytes of a value, or None if it is unknown. It must be cheap to find.

        The library uses it to decide whether to serialize the value in a thread, which is not worthwhile for a small
        one. By default it is the value's `nbytes`, which arrays have. For Arrow's values it is
        `get_total_buffer_size()`, because `nbytes` of some of its tables crashes the process.
        """
        measure: object = getattr(value, "get_total_buffer_size", None)
        size: object = (
            measure() if callable(measure) and not isinstance(value, type) else getattr(value, "nbytes", None)
        )
        return size if isinstance(size, int) else None

    def equal(self, one: T, other: T) -> bool:
        """Say whether two values are of one type and equal by content. NaN equals NaN where the values may hold it.

        Models compare their fields with it. Override it if `==` does not return a plain bool, as for arrays and frames.
        By default values are equal if `==` returns True, or if their bytes are equal, as those of NaN are.
        """
        if type(one) is not type(other):
            return False
        try:
            return (one == other) is True or self.serialize(one) == self.serialize(other)
        except ArithmeticError:  # a signaling NaN of decimals
            return self.serialize(one) == self.serialize(other)
        except SerializationError:
            return False

    def register(self) -> Self:
        """Register this serializer under its name and for its types, and return it.

        If several serializers claim a type, the one registered last serves values whose field names none. Serializers
        that Artigraph ships yield to any other, whatever the order. Registering an equal one again (the same class,
        name and configuration) changes nothing.

        Raises:
            RegistrationError: the name is malformed or belongs to another serializer, or `types` is not a tuple of
                classes.
        """
        global _apart, _resolved
        types: Any = getattr(self, "types", None)
        if not isinstance(types, tuple) or not all(isinstance(cls, type) for cls in cast("tuple[object, ...]", types)):
            msg = f"The types of {self!r} must be a tuple of the classes whose instances it takes, not {types!r}"
            raise RegistrationError(msg)
        known = _serializers.register(self)
        claims = _shipped if type(self).__module__.startswith("artigraph.") else _by_type
        for cls, other in list(claims.items()):
            if other.name == known.name and cls not in known.types:  # its class was defined again, with other types
                del claims[cls]
        for cls in self.types:
            claims[cls] = known
        _apart, _resolved = {}, WeakKeyDictionary()
        return self

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {getattr(self, 'name', None)!r}>"


_serializers: Registry[Serializer[Any]] = Registry(
    "serializer",
    group="artigraph.serializer",
    unknown=UnknownSerializerError,
    hint="Those of NumPy, pandas and other libraries are extras: pip install 'artigraph-serializers[numpy,pandas]'.",
)
_by_type: dict[type[Any], Serializer[Any]] = {}
_shipped: dict[type[Any], Serializer[Any]] = {}
_resolved: WeakKeyDictionary[type[Any], Serializer[Any] | None] = WeakKeyDictionary()
"""The results of `claimed_by`. Cleared whenever a serializer is registered."""
_apart: dict[type[Any], Serializer[Any] | None] = {}
"""The results of `claimed_apart` for types that are claimed here. They live as long as this module."""


def know_serializer(serializer: Serializer[Any]) -> None:
    """Register a serializer under its name only. Its types keep their serializers.

    Raises:
        RegistrationError: the name is malformed, or belongs to another serializer.
    """
    _serializers.register(serializer)


def add_serializer_source(register_more: Callable[[], None]) -> None:
    """Call a function before a serializer is reported as unknown."""
    _serializers.add_source(register_more)


def get_serializer_by_name(name: str) -> Serializer[Any]:
    """Return the serializer that is registered under a name, or that an installed distribution offers under it.

    Raises:
        UnknownSerializerError: no serializer has this name.
        MissingDependencyError: a distribution offers it, but a library that it needs is not installed.
    """
    return _serializers.get(name)


def get_serializer_by_type(cls: type[Any]) -> Serializer[Any]:
    """Return the serializer for instances of a class: the one that claims the nearest class in its MRO.

    Imports installed distributions that offer a serializer for the class's library, if needed.

    Raises:
        UnknownSerializerError: no registered or installed serializer claims the class or one of its bases.
        MissingDependencyError: an installed distribution offers one, but a library that it needs is not installed.
    """
    if not isinstance(cls, type):  # pyright: ignore[reportUnnecessaryIsInstance]
        msg = f"get_serializer_by_type takes a class, not {cls!r}"
        raise TypeError(msg)
    found = claimed_by(cls)
    if found is not None:
        return found
    advice = advice_for(cls)
    msg = (
        f"No serializer takes values of type {cls.__module__}.{cls.__qualname__}. "
        f"{'Name' if advice is None else f'{advice} Or name'} one in the field (artifact_field(serializer=...)), or "
        "subclass artigraph.serializer.Serializer and register it."
    )
    raise UnknownSerializerError(msg)


def claimed_by(cls: type[Any]) -> Serializer[Any] | None:
    """Return the serializer for instances of a class, or None if none claims it; see `get_serializer_by_type`."""
    resolved = _resolved
    try:
        return resolved[cls]
    except KeyError:
        found = next((claim for base in cls.__mro__ if (claim := _claim(base)) is not None), None)
        resolved[cls] = found
        return found


def claimed_apart(cls: type[Any]) -> Serializer[Any] | None:
    """Return what `claimed_by` returns, but None for core's own, which all write what the codec of plain values writes.

    It is called for each value that is stored, so it must be fast.
    """
    apart = _apart
    if cls in apart:
        return apart[cls]
    found = claimed_by(cls)
    if found is not None and shipped_with_core(found):
        found = None
    if cls in _shipped:
        apart[cls] = found
    return found


def shipped_with_core(serializer: Serializer[Any]) -> bool:
    """Say whether a serializer is one of core's own, which all write what the codec of plain values writes."""
    return type(serializer).__module__.startswith(("artigraph.serializer.json", "artigraph.serializer.datetime"))


def _claim(cls: type[Any]) -> Serializer[Any] | None:
    found = _by_type.get(cls, _shipped.get(cls))
    if found is None:
        library = cls.__module__.partition(".")[0]
        for module in _modules_for(library):
            _import(module, library)
        found = _by_type.get(cls, _shipped.get(cls))
    return found


def _import(module: str, library: str) -> None:
    try:
        import_module(module)
    except ImportError as error:
        msg = (
            f"An installed distribution offers {module} for values of {library}, but it cannot be imported: {error}. "
            "Install what it needs, or name a serializer in the field (artifact_field(serializer=...))."
        )
        raise MissingDependencyError(msg) from error


@cache
def _modules_for(library: str) -> tuple[str, ...]:
    """Return the modules in which installed distributions offer serializers for the types of a library."""
    return tuple(entry.value for entry in entry_points(group="artigraph.serializer_types", name=library))
