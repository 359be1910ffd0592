"""Values of fields between their bytes and Python: decoded by the serializer that wrote them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO, cast
from uuid import UUID

from artigraph.errors import ArtigraphError, DeserializationError, FieldNotLoadedError
from artigraph.graph import Buffer, Part, StoredObject
from artigraph.serializer import (
    Serializer,
    SupportsColumns,
    SupportsMapping,
    SupportsParts,
    SupportsStreams,
    get_serializer_by_name,
)
from artigraph.serializer.codec import decode
from artigraph.serializer.json import json_serializer

__all__ = ["FATAL", "StoredValue", "decode_value", "encode_parts", "told"]

_JSON = json_serializer.name
FATAL = (KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError)
"""What asks the process or the task to stop; whatever else a serializer raises is a failure of the value."""


@dataclass(frozen=True, slots=True, eq=False)
class StoredValue:
    """A value of a field as it is stored: the serializer that wrote it, and its bytes or the object that holds them."""

    serializer: str
    source: bytes | StoredObject
    classes: Mapping[str, type[Any]]
    path: Callable[[], str]
    """Says where the value is, for an error."""
    node_id: UUID
    """The artifact, or the part of one, that was loaded with it."""

    @property
    def size(self) -> int:
        """The bytes of the value as it is stored."""
        return self.source.size if isinstance(self.source, StoredObject) else len(self.source)

    @property
    def digest(self) -> bytes:
        """The SHA-256 of the value as it is stored."""
        return self.source.sha256 if isinstance(self.source, StoredObject) else hashlib.sha256(self.source).digest()

    @property
    def whole(self) -> bool:
        """Whether it is decoded from nothing but `bytes`."""
        return self.serializer == _JSON or not isinstance(self._find(), SupportsParts)

    @property
    def streamed(self) -> bool:
        """Whether the value reads its object by itself, as it needs it."""
        return isinstance(self.source, StoredObject) and isinstance(self._find(), SupportsStreams)

    def decode(self, data: Buffer) -> Any:
        """Return the value of its bytes.

        Raises:
            DeserializationError, UnknownSerializerError: the bytes cannot be turned back; the message says where.
        """
        return self._try(lambda: decode_value(self.serializer, data, self.classes))

    def decode_file(self, file: BinaryIO) -> Any:
        """Return a value that reads its object by itself."""
        serializer = self._find()
        assert isinstance(serializer, SupportsStreams)  # noqa: S101 (for type checkers; `streamed` said so)
        return self._try(partial(cast("SupportsStreams[Any]", serializer).deserialize_file, file))

    def decode_columns(self, file: BinaryIO, columns: Sequence[Any]) -> Any:
        """Return some columns of the value, of which alone the bytes are read.

        Raises:
            DeserializationError: a column is not there, or the serializer reads whole values only.
        """
        serializer = self._find()
        if not isinstance(serializer, SupportsColumns):
            msg = f"{self.path()} was stored by serializer {self.serializer!r}, which reads no columns: load all of it"
            raise DeserializationError(msg)
        return self._try(partial(cast("SupportsColumns[Any]", serializer).deserialize_columns, file, columns))

    def decode_mapped(self, buffer: memoryview) -> Any:
        """Return a value that lives in a memory map.

        Raises:
            DeserializationError: the serializer's format cannot be used in place.
        """
        serializer = self._find()
        if not isinstance(serializer, SupportsMapping):
            msg = f"{self.path()} was stored by serializer {self.serializer!r}, whose format cannot be mapped: load it"
            raise DeserializationError(msg)
        return self._try(partial(cast("SupportsMapping[Any]", serializer).deserialize_mapped, buffer))

    def encodes(self, value: object) -> bool:
        """Say whether a value has the very bytes that are stored.

        Raises:
            FieldNotLoadedError: that cannot be told without loading what is stored.
        """
        serializer = self._find()
        if isinstance(serializer, SupportsStreams):
            msg = f"{self.path()} cannot be compared before it is loaded: await its load()"
            raise FieldNotLoadedError(msg)
        if not isinstance(value, serializer.types):
            return False
        whole = hashlib.sha256()
        for part in encode_parts(serializer, value):
            whole.update(part)
        return whole.digest() == self.digest

    def _find(self) -> Serializer[Any]:
        return cast("Serializer[Any]", self._try(lambda: get_serializer_by_name(self.serializer)))

    def _try(self, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except FATAL:
            raise
        except BaseException as error:
            raise told(error, self.serializer, self.path()) from error


def decode_value(name: str, data: Buffer, classes: Mapping[str, type[Any]]) -> Any:
    """Return the value that a serializer wrote; what it raises is as it is."""
    if name == _JSON:
        return decode(data if isinstance(data, bytes) else bytes(data), classes)
    serializer = get_serializer_by_name(name)
    # One that writes parts takes any buffer, and may let the value live in it: fresh memory was made for it alone.
    return serializer.deserialize(cast("bytes", data) if isinstance(serializer, SupportsParts) else bytes(data))


def encode_parts(serializer: Serializer[Any], value: object) -> Sequence[Part]:
    """Return the bytes of a value, in parts where its serializer writes such."""
    if isinstance(serializer, SupportsParts):
        return list(cast("SupportsParts[Any]", serializer).serialize_parts(value))
    return [serializer.serialize(value)]


def told(error: BaseException, serializer: str, path: str) -> ArtigraphError:
    """Return the error that says which value could not be loaded, and why."""
    if not isinstance(error, ArtigraphError):
        return DeserializationError(
            f"{path} cannot be loaded by serializer {serializer!r}: {type(error).__name__}: {error}"
        )
    msg = f"{path} cannot be loaded: {error}"
    try:
        return type(error)(msg)
    except Exception:  # noqa: BLE001 (a serializer's own subclass may take other arguments)
        return DeserializationError(msg)
