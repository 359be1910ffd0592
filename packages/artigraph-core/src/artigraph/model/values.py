"""Decode and encode the values of fields. The serializer that wrote a value decodes it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO, TypeVar, cast
from uuid import UUID

from artigraph.errors import STOPPING, ArtigraphError, DeserializationError, FieldNotLoadedError, SerializationError
from artigraph.graph import StoredObject
from artigraph.graph.hashing import Buffer, encode_parts
from artigraph.serializer import Serializer, SupportsColumns, SupportsMapping, SupportsParts, SupportsStreams
from artigraph.serializer.base import get_serializer_by_name
from artigraph.serializer.codec import ChangedClassError, decode, decode_former
from artigraph.serializer.file import File, FileSerializer, file_serializer
from artigraph.serializer.json import json_serializer

R = TypeVar("R")

_JSON = json_serializer.name
Explain = Callable[[ArtigraphError, bytes], ArtigraphError]
"""Makes the error for an instance that does not fit its class, from the stored bytes. The error says what to write."""


@dataclass(frozen=True, slots=True, eq=False)
class StoredValue:
    """A stored value of a field: the serializer that wrote it, and its bytes or the object that holds them."""

    serializer: str
    source: bytes | StoredObject
    classes: Mapping[str, type[Any]]
    path: Callable[[], str]
    """Returns the path of the value, for an error."""
    node_id: UUID
    """The id that was loaded: of the artifact, or of the part of one, that has the value."""
    former: bool = False
    """Whether an older version of the model stored it, so that stand-ins are for its migration."""
    explain: Explain | None = None
    """Explains an instance in the value that does not fit its class."""

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the path as text. `path` and `explain` refer to everything that was loaded with the value."""
        path = partial(str, self.path())
        return StoredValue, (self.serializer, self.source, dict(self.classes), path, self.node_id, self.former)

    @property
    def size(self) -> int:
        """The size of the stored value in bytes."""
        return self.source.size if isinstance(self.source, StoredObject) else len(self.source)

    @property
    def digest(self) -> bytes:
        """The SHA-256 of the stored bytes."""
        return self.source.sha256 if isinstance(self.source, StoredObject) else hashlib.sha256(self.source).digest()

    @property
    def needs_bytes(self) -> bool:
        """Whether its serializer takes only a single `bytes`."""
        return self.serializer == _JSON or not isinstance(self._find(), SupportsParts)

    @property
    def streamed(self) -> bool:
        """Whether the value itself reads its object, as it needs the bytes."""
        return isinstance(self.source, StoredObject) and isinstance(self._find(), SupportsStreams)

    def decode(self, data: Buffer) -> Any:
        """Decode the value from its bytes.

        Raises:
            DeserializationError, UnknownSerializerError: the bytes cannot be decoded. The message has the value's path.
        """
        try:
            return self._try(lambda: decode_value(self.serializer, data, self.classes, former=self.former))
        except ArtigraphError as error:
            if self.explain is None or not isinstance(error.__cause__, ChangedClassError):
                raise
            raise self.explain(error.__cause__, bytes(data)) from error.__cause__

    def decode_file(self, file: BinaryIO) -> Any:
        """Decode a value that reads its object from a file as it needs the bytes."""
        serializer = self._find()
        assert isinstance(serializer, SupportsStreams)  # for type checkers; `streamed` said so
        return self._try(partial(cast("SupportsStreams[Any]", serializer).deserialize_file, file))

    def decode_columns(self, file: BinaryIO, columns: Sequence[Any]) -> Any:
        """Decode some columns of the value, reading only their bytes.

        Raises:
            DeserializationError: a column does not exist, or the serializer reads whole values only.
        """
        serializer = self._find()
        if not isinstance(serializer, SupportsColumns):
            msg = f"{self.path()} was stored by serializer {self.serializer!r}, which reads no columns: load all of it"
            raise DeserializationError(msg)
        return self._try(partial(cast("SupportsColumns[Any]", serializer).deserialize_columns, file, columns))

    def decode_mapped(self, buffer: memoryview) -> Any:
        """Decode a value in place, in a memory map.

        Raises:
            DeserializationError: the serializer's format cannot be used in place.
        """
        serializer = self._find()
        if not isinstance(serializer, SupportsMapping):
            msg = f"{self.path()} was stored by serializer {self.serializer!r}, whose format cannot be mapped: load it"
            raise DeserializationError(msg)
        return self._try(partial(cast("SupportsMapping[Any]", serializer).deserialize_mapped, buffer))

    def encodes(self, value: object) -> bool:
        """Return whether a value would be encoded as exactly the stored bytes.

        Raises:
            FieldNotLoadedError: the answer needs the stored value to be loaded.
        """
        serializer = self._find()
        if isinstance(value, File) and isinstance(serializer, FileSerializer):
            return self._is_content_of(value)
        if isinstance(serializer, SupportsStreams):
            msg = f"{self.path()} cannot be compared before it is loaded: await its load()"
            raise FieldNotLoadedError(msg)
        if not isinstance(value, serializer.types):
            return False
        whole = hashlib.sha256()
        for part in encode_parts(serializer, value):
            whole.update(part)
        return whole.digest() == self.digest

    def _is_content_of(self, file: File) -> bool:
        """Return whether a file, which can be read any number of times, has exactly the stored bytes."""
        try:
            if file.size != self.size:
                return False
            found = hashlib.sha256()
            for part in file_serializer.serialize_stream(file):
                found.update(part)
            return found.digest() == self.digest
        except (OSError, SerializationError):  # a file that cannot be read equals no other
            return False

    def _find(self) -> Serializer[Any]:
        return self._try(lambda: get_serializer_by_name(self.serializer))

    def _try(self, work: Callable[[], R]) -> R:
        try:
            return work()
        except STOPPING:
            raise
        except BaseException as error:
            raise located_error(error, self.serializer, self.path()) from error


def decode_value(name: str, data: Buffer, classes: Mapping[str, type[Any]], *, former: bool = False) -> Any:
    """Decode a value by the serializer of a name. Exceptions of the serializer propagate unchanged.

    With `former`, an instance that does not fit its class is a stand-in, for the migration of the model.
    """
    if name == _JSON:
        return (decode_former if former else decode)(data if isinstance(data, bytes) else bytes(data), classes)
    serializer = get_serializer_by_name(name)
    # A serializer that writes parts takes any buffer, and may let the value use its memory, which is fresh.
    return serializer.deserialize(cast("bytes", data) if isinstance(serializer, SupportsParts) else bytes(data))


def located_error(error: BaseException, serializer: str, path: str) -> ArtigraphError:
    """Return an error that says which value could not be loaded, and why."""
    if not isinstance(error, ArtigraphError):
        return DeserializationError(
            f"{path} cannot be loaded by serializer {serializer!r}: {type(error).__name__}: {error}"
        )
    msg = f"{path} cannot be loaded: {error}"
    if isinstance(error, ChangedClassError):
        return DeserializationError(msg)
    try:
        return type(error)(msg)
    except Exception:  # a subclass that a serializer defines may take other arguments
        return DeserializationError(msg)
