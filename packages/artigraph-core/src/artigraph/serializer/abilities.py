"""What a serializer may be able to do beyond its contract; the library asks by `isinstance` and does without it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, Protocol, TypeVar, runtime_checkable

__all__ = ["SupportsColumns", "SupportsDiff", "SupportsMapping", "SupportsParts", "SupportsStreams"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
T_contra = TypeVar("T_contra", contravariant=True)


@runtime_checkable
class SupportsParts(Protocol[T_contra]):
    """A serializer that need not join what it writes, which saves a copy of a large value."""

    def serialize_parts(self, value: T_contra, /) -> Iterator[bytes | memoryview]:
        """Yield parts that joined are what `serialize` returns.

        Such a serializer's `deserialize` takes any buffer, a memoryview too; one that can be written to is fresh
        memory, which the value may live in.

        A part is bytes, or a read-only view. It may be one of the value's own memory: what is stored is copied and
        checked while it is put, and a value that changes meanwhile is refused.
        """
        ...


@runtime_checkable
class SupportsStreams(Protocol[T]):
    """A serializer of values that may be larger than memory.

    Its values are stored as they come: a part is written before the next one is asked for, and nothing is held but a
    few parts. They may be read only once, as an iterator is.
    """

    def serialize_stream(self, value: T, /) -> Iterator[bytes | memoryview]:
        """Yield the object in parts of at most about 8 MiB; a part never changes after it was yielded."""
        ...

    def deserialize_file(self, file: BinaryIO, /) -> T:
        """Return the value of an object that is open as a file, which the value may keep, and reads as it needs.

        The file can be sought, is checked chunk by chunk as it is read, and raises errors of `artigraph.errors`. It is
        closed when it is garbage.
        """
        ...


@runtime_checkable
class SupportsColumns(Protocol[T_co]):
    """A serializer of tables that reads some columns without the rest."""

    def deserialize_columns(self, file: BinaryIO, columns: Sequence[Any], /) -> T_co:
        """Return the value with these columns alone, in this order, from an object that is open as a file.

        It equals what `deserialize` would return with the columns selected (`frame[columns]`). The file can be sought;
        what is not read of it is not fetched. It is not used after this returns.

        Raises:
            DeserializationError: a column is not there, or the bytes are not of this serializer.
        """
        ...


@runtime_checkable
class SupportsMapping(Protocol[T_co]):
    """A serializer whose format can be used in place, as a memory map."""

    def deserialize_mapped(self, buffer: memoryview, /) -> T_co:
        """Return a value over the buffer, which is read-only, without a copy of what is large in it.

        The value keeps the buffer alive and cannot be written to.
        """
        ...


@runtime_checkable
class SupportsDiff(Protocol[T_contra]):
    """A serializer of values that are too large to be shown, which says in a few words how two of them differ."""

    def describe_change(self, before: T_contra, after: T_contra, /) -> str:
        """Return one line about two values of one class that `equal` tells apart: shapes, types, how much differs.

        It does not grow with the values, and holds no line break.
        """
        ...
