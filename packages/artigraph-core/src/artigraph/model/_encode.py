"""Encode values: choose the serializer of a value, and whether encoding is worth a thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence, Sized
from typing import Any, cast

from artigraph.errors import STOPPING, ArtigraphError, SerializationError, UnknownSerializerError, class_name
from artigraph.graph.hashing import Part, encode_parts
from artigraph.model._collections import ArtifactMapping, ArtifactSequence
from artigraph.model.definition import FieldDefinition, is_model
from artigraph.model.repr import short_repr
from artigraph.serializer import Serializer
from artigraph.serializer.base import claimed_apart
from artigraph.serializer.codec import encode
from artigraph.storage import Storage

_LONGEST_PATH = 40
"""The most steps of a path that an error shows. Of a longer path it shows the first and the last."""


class FieldContext:
    """The position of a value: its path for errors, and the options that decide how it is stored."""

    __slots__ = ("default_serializer", "field", "key", "model_name", "overflow", "parent")

    def __init__(
        self,
        field: FieldDefinition,
        default_serializer: Serializer[Any] | None,
        overflow: Storage | None,
        model_name: str | None,
        parent: FieldContext | None,
        key: object,
    ) -> None:
        self.field: FieldDefinition = field
        self.default_serializer: Serializer[Any] | None = default_serializer
        self.overflow: Storage | None = overflow
        self.model_name: str | None = model_name
        """The model that has the value as a field; None for an item of a container."""
        self.parent: FieldContext | None = parent
        self.key: object = key

    def item(self, key: object) -> FieldContext:
        return FieldContext(self.field, self.default_serializer, self.overflow, None, self, key)

    @property
    def path(self) -> str:
        """The path in Python's notation: `Model.field['key'][3]`. It is built only for an error."""
        steps: list[str] = []
        place: FieldContext | None = self
        while place is not None:
            if place.parent is None:
                steps.append(str(place.key))
            else:
                steps.append(f"[{_shown(place.key)}]" if place.model_name is None else f".{place.key}")
            place = place.parent
        if len(steps) > _LONGEST_PATH:
            steps[_LONGEST_PATH // 2 : -_LONGEST_PATH // 2] = [" ... "]
        return "".join(reversed(steps))


def _shown(key: object) -> str:
    return repr(key) if isinstance(key, str) else short_repr(key)


def describe(error: SerializationError, value: object, place: FieldContext) -> str:
    """Return a message that says which value cannot be stored, and why."""
    return f"{place.path} (of type {class_name(type(value))}) cannot be stored exactly: {error}"


_HEAVY = 20_000
"""The number of items of a plain value that take about as long to encode as one slice of work."""
_LOOKED_AT = 1_000
"""The most parts of a plain value that are inspected to estimate whether it is heavy."""


def chosen_serializer(value: object, cls: type[Any], place: FieldContext) -> Serializer[Any] | None:
    """Return the serializer that takes a value before models, containers and the codec do, or None."""
    if value is None:
        return None
    own = place.field.serializer
    if own is not None and place.model_name is not None:
        if not isinstance(value, own.types):
            types = ", ".join(cls.__qualname__ for cls in own.types)
            msg = (
                f"{place.path} is a {class_name(cls)}, which its serializer {own.name!r} does not take (it takes "
                f"{types}); change the value, or the field's serializer"
            )
            raise SerializationError(msg)
        return own
    default = place.default_serializer
    if default is not None and isinstance(value, default.types):
        return default
    if is_model(cls) or cls is ArtifactMapping or cls is ArtifactSequence:
        return None
    try:
        return claimed_apart(cls)
    except UnknownSerializerError:
        return None


def serialize(serializer: Serializer[Any], value: object, place: FieldContext) -> Sequence[Part]:
    """Return the bytes of a value, in parts.

    Raises:
        SerializationError: the serializer cannot take the value, or breaks its contract. The message has the value's
        path.
    """
    try:
        parts: Sequence[Any] = encode_parts(serializer, value)
    except STOPPING:
        raise
    except BaseException as error:
        raise _refused(error, serializer, place) from error
    return [_checked(part, serializer, place) for part in parts]


def stream(serializer: Any, value: object, place: FieldContext) -> Iterator[Part]:
    """Yield the bytes of a value that its serializer streams; see `serialize`."""
    try:
        for part in serializer.serialize_stream(value):
            yield _checked(part, serializer, place)
    except SerializationError as error:
        raise _refused(error, serializer, place) from error
    except (*STOPPING, ArtigraphError):
        raise
    except BaseException as error:
        raise _refused(error, serializer, place) from error


def _refused(error: BaseException, serializer: Serializer[Any], place: FieldContext) -> SerializationError:
    text = str(error) if isinstance(error, SerializationError) else f"{type(error).__name__}: {error}"
    return SerializationError(f"{place.path} cannot be stored by serializer {serializer.name!r}: {text}")


def _checked(part: object, serializer: Serializer[Any], place: FieldContext) -> Part:
    if isinstance(part, bytes):
        return part
    if isinstance(part, memoryview):
        try:
            return part.cast("B")
        except TypeError as error:
            msg = (
                f"Serializer {serializer.name!r} returned a view that is not contiguous for {place.path}; copy it first"
            )
            raise SerializationError(msg) from error
    msg = f"Serializer {serializer.name!r} returned {class_name(type(part))} for {place.path}, not bytes"
    raise SerializationError(msg)


def encode_plain(value: object, classes: Mapping[str, type[Any]], *, find_cycles: bool) -> bytes | SerializationError:
    """Return the bytes of a plain value, or the error that says why it is not a plain value."""
    try:
        return encode(value, classes, find_cycles=find_cycles)
    except SerializationError as error:
        return error


def encode_text(value: str | bytes, place: FieldContext) -> Sequence[Part]:
    """Return the bytes of a text or of bytes.

    Raises:
        SerializationError: it cannot be stored exactly. The message has its path.
    """
    try:
        return [encode(value, place.field.classes, find_cycles=False)]
    except SerializationError as error:
        raise type(error)(describe(error, value, place)) from error


def text_size(value: str | bytes) -> int:
    """Return an estimate of the encoded size in bytes, without reading the whole value."""
    if isinstance(value, bytes):
        return len(value) * 4 // 3  # it is stored in base64
    return len(value) if value.isascii() else 3 * len(value)


def takes_long(value: Any) -> bool:
    """Return whether encoding a plain value takes long enough to be worth a thread, after a short inspection.

    A large text, or bytes, are handled by `encode_text`.
    """
    pending: list[Any] = [value]
    items = 0
    for part in pending:
        if isinstance(part, (list, tuple, set, frozenset, dict, deque)):
            items += len(cast("Sized", part))
            if items > _HEAVY:
                return True
            if len(pending) < _LOOKED_AT:
                pending += part.values() if isinstance(part, dict) else part
        elif isinstance(part, (str, bytes)):
            items += len(part) // 32
    return items > _HEAVY
