"""Objects in storages: hashed, put, fetched and checked."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar, cast
from uuid import UUID

from artigraph.errors import ArtigraphError, CorruptObjectError, ObjectNotFoundError, StorageError
from artigraph.ids import new_id
from artigraph.orm import CHUNK_SIZE
from artigraph.storage import Storage

__all__ = ["Content", "StoredObject", "fetch", "hash_content", "put_all", "remove_quietly"]

K = TypeVar("K")
R = TypeVar("R")

CONCURRENCY = 16
"""How many objects are put or got at once."""
_LONGEST_LOCATION = 512
"""Code points that the column of locations takes."""
_INLINE_HASH = 256 * 1024
"""Bytes that are hashed faster than a thread is reached."""


@dataclass(frozen=True, slots=True)
class Content:
    """What makes two objects equal: where they are kept, and what they hold."""

    storage: str
    sha256: bytes
    size: int


async def hash_content(storage: Storage, data: bytes) -> tuple[Content, bytes | None]:
    """Return an object's identity, and the hashes of its chunks where it has several."""
    if len(data) <= _INLINE_HASH:
        return Content(storage.name, hashlib.sha256(data).digest(), len(data)), None
    digest, chunks = await asyncio.to_thread(_hash, data)
    return Content(storage.name, digest, len(data)), chunks


def _hash(data: bytes) -> tuple[bytes, bytes | None]:
    digest = hashlib.sha256(data).digest()
    if len(data) <= CHUNK_SIZE:
        return digest, None
    view = memoryview(data)
    starts = range(0, len(data), CHUNK_SIZE)
    return digest, b"".join(hashlib.sha256(view[start : start + CHUNK_SIZE]).digest() for start in starts)


async def put_all(objects: Mapping[Content, tuple[Storage, bytes]], store_id: UUID) -> dict[Content, str]:
    """Put objects, several at once, and return their locations.

    If one fails the others are removed again, as far as that is possible, and its error is raised.
    """
    locations: dict[Content, str] = {}

    async def put(content: Content, storage: Storage, data: bytes) -> None:
        unique = new_id().hex
        key = f"{store_id.hex}/{unique[-2:]}/{unique}"
        location = cast("object", await _call(storage, storage.create(data, key=key)))
        if not isinstance(location, str) or not 1 <= len(location) <= _LONGEST_LOCATION:
            msg = f"{storage!r} returned {location!r:.100} for a location, which is text of 1-512 code points"
            raise StorageError(msg)
        locations[content] = location

    try:
        await _gather(objects.items(), lambda item: put(item[0], *item[1]))
    except BaseException:
        await remove_quietly((objects[content][0], location) for content, location in locations.items())
        raise
    return locations


async def remove_quietly(objects: Iterable[tuple[Storage, str]]) -> None:
    """Remove objects that no row refers to; what cannot be removed now is left to garbage collection."""

    async def remove(storage: Storage, location: str) -> None:
        with suppress(ArtigraphError):
            await _call(storage, storage.delete(location))

    await _gather(list(objects), lambda item: remove(*item))


class StoredObject(NamedTuple):
    """An object as its row describes it."""

    storage: Storage
    location: str
    size: int
    sha256: bytes
    owner: str
    """What it is the value of, for an error."""


async def fetch(objects: Mapping[K, StoredObject]) -> dict[K, bytes]:
    """Get objects, several at once, each checked against its recorded size and SHA-256.

    Raises:
        ObjectNotFoundError, StorageError: an object cannot be read.
        CorruptObjectError: an object is not what was stored.
    """
    data: dict[K, bytes] = {}

    async def get(key: K, stored: StoredObject) -> None:
        try:
            data[key] = await _read(stored)
        except ArtigraphError as error:
            error.add_note(f"It holds the value of {stored.owner}.")
            raise

    await _gather(objects.items(), lambda item: get(*item))
    return data


async def _read(stored: StoredObject) -> bytes:
    storage, location, size, sha256, owner = stored
    found = cast("object", await _call(storage, storage.read(location)))
    if not isinstance(found, bytes):
        msg = f"{storage!r} returned {type(found).__name__} for the object at {location!r}; read returns bytes"
        raise StorageError(msg)
    what = f"The value of {owner}, the object at {location!r} in {storage!r},"
    if len(found) != size:
        msg = f"{what} has {len(found)} bytes; {size} were stored"
        raise CorruptObjectError(msg)
    if (await hash_content(storage, found))[0].sha256 != sha256:
        msg = f"{what} is not what was stored: its SHA-256 differs"
        raise CorruptObjectError(msg)
    return found


async def _call(storage: Storage, call: Coroutine[Any, Any, R]) -> R:
    """Await a storage's call; what it raises is of our family."""
    try:
        return await call
    except ArtigraphError:
        raise
    except FileNotFoundError as error:
        msg = f"{storage!r} has lost an object: {error}"
        raise ObjectNotFoundError(msg) from error
    except Exception as error:
        msg = f"{storage!r} failed: {type(error).__name__}: {error}"
        raise StorageError(msg) from error


async def _gather(items: Iterable[K], work: Callable[[K], Coroutine[Any, Any, None]]) -> None:
    """Work on all items, a bounded number at once; the first error cancels the rest and is raised as it is."""
    pending = list(items)
    if len(pending) == 1:
        await work(pending[0])
        return
    queue = iter(pending)

    async def worker() -> None:
        for item in queue:
            await work(item)

    try:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(min(CONCURRENCY, len(pending))):
                tasks.create_task(worker())
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from group.exceptions[0].__cause__
