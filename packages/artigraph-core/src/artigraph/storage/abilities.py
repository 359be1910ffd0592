"""What a storage may be able to do beyond its contract; the library asks by `isinstance` and does without it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import BinaryIO, Protocol, runtime_checkable

__all__ = ["StoredEntry", "SupportsFiles", "SupportsListing", "SupportsRanges", "SupportsStreams", "SupportsTidying"]


@runtime_checkable
class SupportsStreams(Protocol):
    """A storage that takes an object in parts, so that an object may be larger than memory."""

    async def create_stream(self, parts: AsyncIterator[bytes | memoryview], *, key: str | None = None) -> str:
        """Store the object that the parts make up one after the other, and return its location; see `Storage.create`.

        Parts are of any size, and come once; the memory of one is used again when the next one is asked for. What has
        to be sent again is copied, and kept until it has arrived, but never more than about 32 MiB at a time. The
        object is durable when this returns and not there before. If the iterator raises, or the call is cancelled,
        nothing remains and the error goes on as it is. Other bytes under a key that is taken are a `StorageError`, and
        the first object stays.
        """
        ...


@runtime_checkable
class SupportsRanges(Protocol):
    """A storage that reads a part of an object without the rest."""

    async def read_range(self, location: str, start: int, length: int) -> bytes:
        """Return `length` bytes of the object from the offset `start`, or fewer where the object ends before.

        `start` and `length` count bytes and are not negative. A start at or behind the end of the object gives no
        bytes.
        """
        ...


@runtime_checkable
class SupportsFiles(Protocol):
    """A storage whose objects are files of this machine."""

    def open(self, location: str) -> BinaryIO:
        """Open an object as a file that can be read, sought and memory-mapped (it has a `fileno`).

        The caller closes it. Called in a thread; it may block.
        """
        ...


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """One object of a listing."""

    location: str
    """Where it is, as `create` returned it."""
    size: int
    """Its bytes."""
    age: timedelta
    """How long ago it was stored, by the storage's own clock; never negative, and nothing where that is not known."""


@runtime_checkable
class SupportsListing(Protocol):
    """A storage that can say what is in it, so that what nothing refers to can be found and removed."""

    def list(self, prefix: str) -> AsyncIterator[StoredEntry]:
        """Yield the objects whose locations begin with a prefix, in any order; an asynchronous generator.

        The prefix is a key and a `/` after it (anything else is `InvalidLocation`, before any I/O); all locations below
        it are keys. Each object that is there from the first step to the last comes exactly once, and nothing comes
        that is no object, such as what is still being written. A listing that cannot be completed ends with an error:
        a short one would be taken for all there is.

        Ages are differences between two times of one clock, that of the place where the objects are: the clock of this
        process may be wrong.
        """
        ...


@runtime_checkable
class SupportsTidying(Protocol):
    """A storage in which writes that never came to an end may leave something that is no object."""

    async def tidy(self, untouched: timedelta, *, dry_run: bool = False) -> tuple[int, int]:
        """Remove what such writes left and nobody has touched for this long, by the storage's own clock.

        Returns how many and how many bytes; with `dry_run` nothing is removed.
        """
        ...
