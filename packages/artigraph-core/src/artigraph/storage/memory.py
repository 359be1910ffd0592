"""The reference implementation of a storage."""

from __future__ import annotations

import uuid

from artigraph.errors import ObjectNotFoundError, StorageError
from artigraph.storage.base import Storage

__all__ = ["MemoryStorage"]


class MemoryStorage(Storage):
    """Objects in a dict of this process: complete, and durable as long as the process is.

    What other storages do is compared with this one.
    """

    def __init__(self, name: str = "memory") -> None:
        self.name = name
        self._objects: dict[str, bytes] = {}

    async def create(self, data: bytes, *, key: str | None = None) -> str:
        location = uuid.uuid4().hex if key is None else key
        if self._objects.setdefault(location, data) != data:
            msg = f"{self!r} holds other bytes under the key {location!r}; a key is used for one object only"
            raise StorageError(msg)
        return location

    async def read(self, location: str) -> bytes:
        try:
            return self._objects[location]
        except KeyError as error:
            msg = f"{self!r} has no object at {location!r}"
            raise ObjectNotFoundError(msg) from error

    async def delete(self, location: str) -> None:
        self._objects.pop(location, None)

    async def exists(self, location: str) -> bool:
        return location in self._objects
