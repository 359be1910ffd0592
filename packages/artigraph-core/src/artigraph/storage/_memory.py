"""The reference implementation of a storage, in memory."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta

from artigraph.errors import ObjectNotFoundError, StorageError
from artigraph.storage._abilities import StoredEntry
from artigraph.storage._shared import ProcessLocal
from artigraph.storage.base import Storage, check_key, check_prefix, new_key


@dataclass
class _Held:
    """The objects of a storage."""

    objects: dict[str, bytes] = field(default_factory=dict[str, bytes])
    stored_at: dict[str, float] = field(default_factory=dict[str, float])
    """When each object was stored, in seconds of the monotonic clock, which no one can set."""


class MemoryStorage(Storage):
    """Keeps objects in a dict of this process. They are durable only as long as the process lives.

    It has all abilities. Tests compare the behavior of other storages with it.

    A copy, and what a pickle becomes in this process, has the same objects. The objects never leave the process.
    So what a pickle becomes in another process raises a `StorageError` at each call.
    """

    def __init__(self, name: str = "memory") -> None:
        self.name = name
        self._held = ProcessLocal(_Held())

    @property
    def _objects(self) -> dict[str, bytes]:
        return self._content().objects

    def _content(self) -> _Held:
        held = self._held.value
        if held is None:
            msg = (
                f"{self!r} came to this process in a pickle, and its objects are in the memory of another process. Use "
                "a storage that both processes reach, such as a FileSystem or an S3Storage."
            )
            raise StorageError(msg)
        return held

    async def create(self, data: bytes, *, key: str | None = None) -> str:
        location = new_key() if key is None else check_key(key)
        if self._objects.setdefault(location, bytes(data)) != data:
            msg = f"{self!r} holds other bytes under the key {location!r}; a key is used for one object only"
            raise StorageError(msg)
        self._content().stored_at.setdefault(location, time.monotonic())
        return location

    async def create_stream(self, parts: AsyncIterator[bytes | memoryview], *, key: str | None = None) -> str:
        """Store the object that the parts make up; see `SupportsStreams`."""
        if key is not None:
            check_key(key)
        data = bytearray()
        async for part in parts:
            data += part
        return await self.create(bytes(data), key=key)

    async def read(self, location: str) -> bytes:
        try:
            return self._objects[check_key(location)]
        except KeyError as error:
            msg = f"{self!r} has no object at {location!r}"
            raise ObjectNotFoundError(msg) from error

    async def read_range(self, location: str, start: int, length: int) -> bytes:
        """Return some bytes of an object; see `SupportsRanges`."""
        return (await self.read(location))[start : start + length]

    async def delete(self, location: str) -> None:
        self._objects.pop(check_key(location), None)
        self._content().stored_at.pop(location, None)

    async def exists(self, location: str) -> bool:
        return check_key(location) in self._objects

    async def list(self, prefix: str) -> AsyncIterator[StoredEntry]:
        """Yield the objects below a prefix; see `SupportsListing`."""
        check_prefix(prefix)
        now = time.monotonic()
        for location, data in tuple(self._objects.items()):
            if location.startswith(prefix):
                age = timedelta(seconds=now - self._content().stored_at.get(location, now))
                yield StoredEntry(location, len(data), max(age, timedelta()))
