"""Optional abilities of a serializer. The library checks each with `isinstance` and works without it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, Protocol, TypeVar, runtime_checkable

from artigraph.serializer.preview import Preview

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
T_contra = TypeVar("T_contra", contravariant=True)


@runtime_checkable
class SupportsParts(Protocol[T_contra]):
    """A serializer that yields its bytes in parts instead of joining them, which saves a copy of a large value."""

    def serialize_parts(self, value: T_contra, /) -> Iterator[bytes | memoryview]:
        """Yield parts that, joined, are what `serialize` returns.

        The `deserialize` of such a serializer takes any buffer, also a memoryview. A writable buffer is fresh memory,
        which the value may keep as its own.

        A part is bytes or a read-only view. It may be a view of the value's own memory. The library copies and checks
        the bytes while it stores them, and refuses a value that changes meanwhile.
        """
        ...


@runtime_checkable
class SupportsStreams(Protocol[T]):
    """A serializer of values that may be larger than memory.

    The library writes each part before it asks for the next one, and holds only a few parts. A value may be readable
    only once, like an iterator.
    """

    def serialize_stream(self, value: T, /) -> Iterator[bytes | memoryview]:
        """Yield the object in parts of at most about 8 MiB. A part never changes after it was yielded."""
        ...

    def deserialize_file(self, file: BinaryIO, /) -> T:
        """Return the value of an object, given as an open file. The value may keep the file and read from it later.

        The file can be sought and is checked chunk by chunk as it is read. It raises errors of `artigraph.errors`. It
        is closed when it is garbage-collected.
        """
        ...


@runtime_checkable
class SupportsColumns(Protocol[T_co]):
    """A serializer of tables that can read some columns without the rest."""

    def deserialize_columns(self, file: BinaryIO, columns: Sequence[Any], /) -> T_co:
        """Return the value with only these columns, in this order, from an object given as an open file.

        The result equals what `deserialize` would return with the columns selected (`frame[columns]`). The file can be
        sought, and bytes that are not read are not fetched. The file is not used after this returns.

        Raises:
            DeserializationError: a column is missing, or this serializer did not write the bytes.
        """
        ...


@runtime_checkable
class SupportsMapping(Protocol[T_co]):
    """A serializer whose format can be used in place, as a memory map."""

    def deserialize_mapped(self, buffer: memoryview, /) -> T_co:
        """Return a value over a read-only buffer, without copying its large parts.

        The value keeps the buffer alive and cannot be written to.
        """
        ...


@runtime_checkable
class SupportsDiff(Protocol[T_contra]):
    """A serializer that describes in one line how two large values differ."""

    def describe_change(self, before: T_contra, after: T_contra, /) -> str:
        """Return one line about two values of one class that `equal` says differ: shapes, types, how much differs.

        Its length does not grow with the values, and it holds no line break.
        """
        ...


@runtime_checkable
class SupportsPreview(Protocol):
    """A serializer that shows what a stored value looks like, without loading it."""

    def preview(self, file: BinaryIO, /, *, rows: int = 50, columns: int = 50, max_bytes: int = 8 * 2**20) -> Preview:
        """Return a preview of an object, given as an open file.

        It runs no code of users, looks up none of their classes, and imports only what the serializer itself needs. It
        reads at most `max_bytes`, and decodes about as much at once into memory. If a part of the preview would need
        more, the preview lacks that part: at the least it says how large the object is.

        The file can be sought, and bytes that are not read are not fetched. The file is not used after this returns.

        Args:
            file: the object, as `Lazy.open` or `artigraph.stored.open_stored` returns it. Its bytes are checked as they
                are read.
            rows: the most rows of a table, elements of an array, or lines of a text.
            columns: the most columns of a table.
            max_bytes: the most bytes to read.

        Raises:
            DeserializationError: this serializer did not write the bytes. Bytes that are not read are not checked.
        """
        ...
