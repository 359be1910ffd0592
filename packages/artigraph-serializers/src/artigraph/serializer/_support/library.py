"""What all serializers of other libraries do alike: they raise a library's errors as Artigraph's, and make parts."""

from __future__ import annotations

import io
from abc import abstractmethod
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, Generic, TypeVar

import artigraph.errors as errors
from artigraph.serializer.base import Serializer
from artigraph.serializer.preview import Preview

T = TypeVar("T")
P = TypeVar("P", bound=Preview)


class LibrarySerializer(Serializer[T], Generic[T, P]):
    """A serializer of a library's values. The library's errors are raised as Artigraph's.

    A subclass has `_to_bytes`, `_from_bytes` and `_preview`, which may raise any error.
    """

    def serialize(self, value: T) -> bytes:
        with serializing(self.name, value):
            return self._to_bytes(value)

    def deserialize(self, data: bytes) -> T:
        with deserializing(self.name):
            return self._from_bytes(data)

    def preview(self, file: BinaryIO, /, *, rows: int = 50, columns: int = 50, max_bytes: int = 8 * 2**20) -> P:
        """Return the preview of a file; see `SupportsPreview`."""
        with deserializing(self.name):
            return self._preview(file, rows, columns, max_bytes)

    @abstractmethod
    def _to_bytes(self, value: T) -> bytes: ...

    @abstractmethod
    def _from_bytes(self, data: Any) -> T: ...

    @abstractmethod
    def _preview(self, file: BinaryIO, rows: int, columns: int, max_bytes: int) -> P: ...


class PartsSerializer(LibrarySerializer[T, P]):
    """A serializer that makes its file in parts, by `_to_parts`, and joins them if the whole file is asked for."""

    def deserialize(self, data: bytes | bytearray | memoryview) -> T:
        with deserializing(self.name):
            return self._from_bytes(data)

    def serialize_parts(self, value: T) -> Iterator[bytes | memoryview]:
        """Yield the file in parts; see `SupportsParts`."""
        with serializing(self.name, value):
            yield from self._to_parts(value)

    def _to_bytes(self, value: T) -> bytes:
        return joined(self._to_parts(value))

    @abstractmethod
    def _to_parts(self, value: T) -> Iterator[bytes | memoryview]: ...


def joined(parts: Iterable[bytes | memoryview]) -> bytes:
    """Return the parts as one bytes object. It frees each part at once, whereas `bytes.join` would hold them all."""
    buffer = io.BytesIO()
    for part in parts:
        buffer.write(part)
    return buffer.getvalue()


def class_of(value: object) -> str:
    """Return the name of a value's class as messages show it."""
    return errors.class_name(type(value))


def check_class(value: object, cls: type[Any], library: str) -> None:
    """Refuse a value that is not exactly of a class, which has this name in its library.

    Raises:
        SerializationError: says what to do.
    """
    if type(value) is not cls:
        is_near = isinstance(value, cls)
        remedy = f"convert it: {library}.{cls.__name__}(value)" if is_near else "name another serializer"
        msg = f"A {class_of(value)} would not come back as one; {remedy}."
        raise errors.SerializationError(msg)


@contextmanager
def serializing(name: str, value: object) -> Generator[None]:
    """Raise the errors of a library in this block as SerializationError."""
    try:
        yield
    except (*errors.STOPPING, errors.SerializationError):
        raise
    except BaseException as error:  # a panic of polars does not derive from Exception
        msg = f"The serializer {name!r} cannot store this {class_of(value)} exactly: {error}"
        raise errors.SerializationError(msg) from error


@contextmanager
def deserializing(name: str) -> Generator[None]:
    """Raise the errors of a library in this block as DeserializationError. Errors of a stored file pass unchanged."""
    try:
        yield
    except errors.STOPPING:
        raise
    except BaseException as error:
        if isinstance(error, errors.ArtigraphError) and not isinstance(error, errors.SerializationError):
            raise
        msg = (
            f"These bytes are not what the serializer {name!r} writes, or need something that is not here: "
            f"{type(error).__name__}: {error}"
        )
        raise errors.DeserializationError(msg) from error


def attributes_of(value: object) -> set[str]:
    """Return the names of the attributes that the instance itself holds."""
    return set(vars(value))
