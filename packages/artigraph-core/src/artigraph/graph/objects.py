"""Objects in storages: put, fetched and removed, several at once, with a bound on the bytes in flight."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager, suppress
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from artigraph.errors import ArtigraphError, StorageError
from artigraph.graph.content import LIGHT, Buffer, Content, Digests, Hasher, Part, checked_chunks, checked_whole, join
from artigraph.graph.stored import StoredObject, call, first_error, read_object
from artigraph.graph.tombstones import Moment
from artigraph.ids import new_id
from artigraph.orm import CHUNK_SIZE
from artigraph.storage import Storage, SupportsStreams

__all__ = ["BYTES_IN_FLIGHT", "Fetch", "fetch", "gather", "put_all", "put_stream", "remove_quietly"]

T = TypeVar("T")

CONCURRENCY = 16
"""How many objects are put or got at once."""
BYTES_IN_FLIGHT = 128 * 1024 * 1024
"""How many bytes of objects are on their way at once; a larger object goes by itself."""
_LONGEST_LOCATION = 512
"""Code points that the column of locations takes."""


async def put_all(
    objects: Mapping[Content, tuple[Storage, Sequence[Part], Digests]], store_id: UUID
) -> dict[Content, str]:
    """Put objects, several at once, and return their locations.

    What is put is what was hashed, or a `SerializationError` where a value changed meanwhile. If one fails, no more are
    begun, those under way come to their end (of one that is cancelled nobody knows whether it is there), all are
    removed again, as far as that is possible, and the first error is raised.
    """
    locations: dict[Content, str] = {}
    errors: list[Exception] = []

    async def put(content: Content) -> None:
        if errors:
            return
        try:
            locations[content] = await put_one(*objects[content])
        except Exception as error:  # noqa: BLE001 (it is raised when nothing is under way any more)
            errors.append(error)

    async def put_one(storage: Storage, parts: Sequence[Part], digests: Digests) -> str:
        key = _new_key(store_id)
        if digests.size > CHUNK_SIZE and isinstance(storage, SupportsStreams):
            async with aclosing(checked_chunks(parts, digests)) as chunks:
                location = await call(storage, storage.create_stream(chunks, key=key))
        else:
            data = await checked_whole(parts, digests)
            location = await call(storage, storage.create(data, key=key))
        return _checked(storage, location)

    try:
        await gather(objects, put)
    finally:
        if len(locations) < len(objects):
            await remove_quietly((objects[content][0], location) for content, location in locations.items())
    if errors:
        raise errors[0]
    return locations


async def put_stream(storage: Storage, parts: Iterator[Part], store_id: UUID) -> tuple[Digests, str, Moment]:
    """Put an object while it is being made; return its hashes, its location, and a moment when it was not there yet.

    Parts are made in one thread of their own, for they may belong to it, each when the one before it was taken. A
    storage that takes no streams gets the object as a whole.
    """
    hasher = Hasher()
    thread = ThreadPoolExecutor(1, "artigraph-stream")
    context = copy_context()
    since = Moment()

    def make() -> Part | None:
        return context.run(lambda: next(parts, None))

    async def hashed() -> AsyncGenerator[Part]:
        nonlocal since
        try:
            while (part := await asyncio.get_running_loop().run_in_executor(thread, make)) is not None:
                await hasher.update(part)
                since = Moment()
                yield part
                del part  # before the next one is made
        finally:
            thread.shutdown(wait=False)

    key = _new_key(store_id)
    async with aclosing(hashed()) as stream:
        if isinstance(storage, SupportsStreams):
            work = storage.create_stream(stream, key=key)
        else:
            work = storage.create(join([part async for part in stream]), key=key)
        location = _checked(storage, await call(storage, work))
    return hasher.digests(), location, since


def _new_key(store_id: UUID) -> str:
    unique = new_id().hex
    return f"{store_id.hex}/{unique[-2:]}/{unique}"


def _checked(storage: Storage, location: object) -> str:
    if not isinstance(location, str) or not 1 <= len(location) <= _LONGEST_LOCATION:
        msg = f"{storage!r} returned {location!r:.100} for a location, which is text of 1-512 code points"
        raise StorageError(msg)
    return location


async def remove_quietly(objects: Iterable[tuple[Storage, str]]) -> None:
    """Remove objects that no row refers to; what cannot be removed now is left to garbage collection."""

    async def remove(item: tuple[Storage, str]) -> None:
        storage, location = item
        with suppress(ArtigraphError):
            await call(storage, storage.delete(location))

    await gather(list(objects), remove)


@dataclass(frozen=True, slots=True)
class Fetch:
    """An object that is wanted, or bytes that are here already, and what is to be done with them."""

    source: StoredObject | bytes
    use: Callable[[Buffer], None]
    """Takes the bytes; called in a thread if there are many."""
    whole: bool = False
    """Whether it takes nothing but `bytes`."""


async def fetch(wanted: Sequence[Fetch]) -> None:
    """Get objects, several at once and each only once, check them and hand their bytes over.

    Raises:
        ObjectNotFoundError, StorageError: an object cannot be read.
        CorruptObjectError: an object is not what was stored.
    """
    by_source: dict[tuple[str, str] | int, list[Fetch]] = {}
    for item in wanted:
        place = (item.source.storage.name, item.source.location) if isinstance(item.source, tuple) else id(item)
        by_source.setdefault(place, []).append(item)
    flight = _Flight()

    async def get(group: list[Fetch]) -> None:
        source = group[0].source
        # What is made of fresh memory may be a view of it: of two, each would see what is written to the other.
        whole = len(group) > 1 or group[0].whole
        async with flight.room(source.size if isinstance(source, StoredObject) else 0):
            data: Buffer = await read_object(source, whole=whole) if isinstance(source, StoredObject) else source
            for item in group:
                if len(data) <= LIGHT:
                    item.use(data)
                else:
                    await asyncio.to_thread(item.use, data)

    await gather(by_source.values(), get)


class _Flight:
    """Lets objects pass as long as there is room for their bytes; one that is too large for it passes alone."""

    def __init__(self) -> None:
        self._free = BYTES_IN_FLIGHT
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def room(self, size: int) -> AsyncGenerator[None]:
        size = min(size, BYTES_IN_FLIGHT)
        async with self._changed:
            await self._changed.wait_for(lambda: self._free >= size)
            self._free -= size
        try:
            yield
        finally:
            self._free += size
            async with self._changed:
                self._changed.notify_all()


async def gather(
    items: Iterable[T], work: Callable[[T], Coroutine[Any, Any, None]], *, at_once: int = CONCURRENCY
) -> None:
    """Work on all items, a bounded number at once; the first error cancels the rest and is raised as it is."""
    pending = list(items)
    if len(pending) == 1:
        await work(pending[0])
        return
    queue = iter(pending)

    async def worker() -> None:
        for item in queue:
            await work(item)

    with first_error():
        async with asyncio.TaskGroup() as tasks:
            for _ in range(min(at_once, len(pending))):
                tasks.create_task(worker())
