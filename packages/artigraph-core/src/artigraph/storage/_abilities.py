"""Optional abilities of a storage. The library checks each with `isinstance` and works without it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import BinaryIO, Protocol, runtime_checkable


@runtime_checkable
class SupportsStreams(Protocol):
    """A storage that takes an object in parts, so that an object may be larger than memory."""

    async def create_stream(self, parts: AsyncIterator[bytes | memoryview], *, key: str | None = None) -> str:
        """Store the object that the parts make up in order, and return its location; see `Storage.create`.

        Parts have any size, and each comes once. The memory of a part is used again when the next part is requested. So
        the storage copies what it may have to send again, and keeps the copy until it has arrived. It keeps at most
        about 32 MiB at a time.

        The object is durable when this returns, and does not exist before. If the iterator raises, or the call is
        canceled, nothing remains and the error propagates unchanged. If the key is taken by other bytes, it raises
        `StorageError` and the first object stays.
        """
        ...


@runtime_checkable
class SupportsRanges(Protocol):
    """A storage that can read a part of an object without the rest."""

    async def read_range(self, location: str, start: int, length: int) -> bytes:
        """Return `length` bytes of the object from the offset `start`, or fewer if the object ends before.

        `start` and `length` count bytes and are not negative. If `start` is at or after the end of the object, returns
        no bytes.
        """
        ...


@runtime_checkable
class SupportsFiles(Protocol):
    """A storage whose objects are files of this machine."""

    def open(self, location: str) -> BinaryIO:
        """Open an object as a file that can be read, sought and memory-mapped (it has a `fileno`).

        The caller closes it. This is called in a thread and may block.
        """
        ...


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """One object of a listing."""

    location: str
    """The location, as `create` returned it."""
    size: int
    """The size in bytes."""
    age: timedelta
    """The time since the object was stored, by the storage's own clock. Never negative; zero if it is unknown."""


@runtime_checkable
class SupportsListing(Protocol):
    """A storage that can list its objects, so that orphans can be found and removed."""

    def list(self, prefix: str) -> AsyncIterator[StoredEntry]:
        """Yield the objects whose locations begin with a prefix, in any order. An asynchronous generator.

        The prefix is a key followed by a `/`; anything else raises `InvalidLocationError` before any I/O. All locations
        below it are keys. Each object that exists from the first step to the last is listed exactly once. Only complete
        objects are listed, never one that is still being written. A listing that cannot be completed raises an error,
        because a caller would take a partial listing for a full one.

        Ages are differences between two times of one clock, the one of the place that holds the objects. The clock of
        this process may be wrong.
        """
        ...


@runtime_checkable
class SupportsTidying(Protocol):
    """A storage in which unfinished writes may leave remains that are not objects."""

    async def tidy(self, untouched: timedelta, *, dry_run: bool = False) -> tuple[int, int]:
        """Remove the remains of unfinished writes that have not changed for `untouched`, by the storage's own clock.

        Returns their number and their bytes. With `dry_run` nothing is removed.
        """
        ...
