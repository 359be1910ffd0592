"""From a value to its bytes: which serializer takes it, and whether that is worth a thread."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Sized
from typing import Any, cast

from artigraph.errors import ArtigraphError, SerializationError, UnknownSerializerError
from artigraph.graph import LIGHT, Part
from artigraph.model.collections import ArtifactMapping, ArtifactSequence
from artigraph.model.definition import is_model
from artigraph.model.place import Place, name_of
from artigraph.model.values import FATAL, encode_parts
from artigraph.serializer import Serializer
from artigraph.serializer.base import claimed_apart
from artigraph.serializer.codec import encode

__all__ = ["chosen_serializer", "encode_plain", "is_heavy", "serialize", "stream"]

_HEAVY = 20_000
"""Items of a plain value that take about as long as a slice to encode."""
_LOOKED_AT = 1_000
"""Parts of a plain value that are looked at to tell whether it is heavy."""


def chosen_serializer(value: object, cls: type[Any], place: Place) -> Serializer[Any] | None:
    """Return the serializer that takes a value before models, containers and the codec do."""
    if value is None:
        return None
    own = place.field.serializer
    if own is not None and place.model_name is not None:
        if not isinstance(value, own.types):
            types = ", ".join(cls.__qualname__ for cls in own.types)
            msg = (
                f"{place.path} is a {name_of(cls)}, which its serializer {own.name!r} does not take (it takes "
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


def serialize(serializer: Serializer[Any], value: object, place: Place) -> Sequence[Part]:
    """Return the bytes of a value, in parts.

    Raises:
        SerializationError: its serializer cannot take it, or does not keep its contract; the message says where.
    """
    try:
        parts: Sequence[Any] = encode_parts(serializer, value)
    except FATAL:
        raise
    except BaseException as error:
        raise _refused(error, serializer, place) from error
    return [_checked(part, serializer, place) for part in parts]


def stream(serializer: Any, value: object, place: Place) -> Iterator[Part]:
    """Yield the bytes of a value that its serializer streams; see `serialize`."""
    try:
        for part in serializer.serialize_stream(value):
            yield _checked(part, serializer, place)
    except (*FATAL, ArtigraphError):
        raise
    except BaseException as error:
        raise _refused(error, serializer, place) from error


def _refused(error: BaseException, serializer: Serializer[Any], place: Place) -> SerializationError:
    text = str(error) if isinstance(error, SerializationError) else f"{type(error).__name__}: {error}"
    return SerializationError(f"{place.path} cannot be stored by serializer {serializer.name!r}: {text}")


def _checked(part: Any, serializer: Serializer[Any], place: Place) -> Part:
    if isinstance(part, bytes):
        return part
    if isinstance(part, memoryview):
        return part.cast("B")
    msg = f"Serializer {serializer.name!r} returned {name_of(part.__class__)} for {place.path}; serialize returns bytes"
    raise SerializationError(msg)


def encode_plain(value: object, classes: Mapping[str, type[Any]], *, find_cycles: bool) -> bytes | SerializationError:
    """Return the bytes of a plain value, or why it is none."""
    try:
        return encode(value, classes, find_cycles=find_cycles)
    except SerializationError as error:
        return error


def is_heavy(value: Any) -> bool:
    """Say whether a plain value takes long enough to be encoded that a thread is worth it, without a long look."""
    if isinstance(value, (str, bytes)):
        return len(value) > LIGHT
    pending: list[Any] = [value]
    items = 0
    for part in pending:
        if isinstance(part, (list, tuple, set, frozenset, dict)):
            items += len(cast("Sized", part))
            if items > _HEAVY:
                return True
            if len(pending) < _LOOKED_AT:
                pending += cast("Mapping[Any, Any]", part).values() if isinstance(part, dict) else part
        elif isinstance(part, (str, bytes)):
            items += len(part) // 32
    return items > _HEAVY
