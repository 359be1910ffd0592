"""Concurrent puts, fetches and removals of objects in storages, with a bound on the bytes fetched at once."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

from artigraph.db import reserve_memory
from artigraph.errors import ArtigraphError, StorageError
from artigraph.graph import hashing
from artigraph.graph.stored_object import StoredObject, call_storage, raise_first_error, read_object
from artigraph.identifiers import new_id
from artigraph.orm import CHUNK_SIZE
from artigraph.printable import quoted
from artigraph.progress import Meter
from artigraph.storage import Storage, SupportsStreams

T = TypeVar("T")
_log = logging.getLogger("artigraph.storage")

CONCURRENCY = 16
"""How many objects are put or fetched at once."""
LONGEST_LOCATION = 512
"""The most code points that the column of locations can hold."""


async def put_all(
    objects: Mapping[hashing.Content, tuple[Storage, Sequence[hashing.Part], hashing.Digests]],
    store_id: UUID,
    meter: Meter,
) -> dict[hashing.Content, tuple[str, hashing.Digests]]:
    """Put objects concurrently, and return their locations and all their hashes. The meter counts their bytes.

    The stored bytes are those that were hashed; if a value changed meanwhile, it raises a `SerializationError`.

    If one object fails, no more are started, and those in flight run to their end. Then all are removed as far as
    possible, and the first error is raised. A canceled put may or may not have left an object.
    """
    put_there: dict[hashing.Content, tuple[str, hashing.Digests]] = {}
    errors: list[Exception] = []

    async def put(content: hashing.Content) -> None:
        if errors:
            return
        try:
            storage, parts, digests = objects[content]
            checked = hashing.CheckedParts(parts, digests)
            location, uncounted = await put_one(storage, checked)
            put_there[content] = location, checked.digests
            meter.add(uncounted)
        except Exception as error:  # it is raised when no put is in flight
            errors.append(error)

    async def put_one(storage: Storage, parts: hashing.CheckedParts) -> tuple[str, int]:
        """Return the location, and the number of bytes that the meter has not counted yet."""
        key = _new_key(store_id)
        size = parts.digests.size
        if size > CHUNK_SIZE and isinstance(storage, SupportsStreams):
            async with aclosing(_metered(parts.chunks(), meter)) as chunks:
                return _checked(storage, await call_storage(storage, storage.create_stream(chunks, key=key))), 0
        data = await parts.whole()
        return _checked(storage, await call_storage(storage, storage.create(data, key=key))), size

    try:
        await run_concurrently(objects, put)
    finally:
        if errors or len(put_there) < len(objects):
            await remove_quietly((objects[content][0], location) for content, (location, _) in put_there.items())
    if errors:
        raise errors[0]
    return put_there


async def put_stream(
    storage: Storage, parts: Iterator[hashing.Part], store_id: UUID, meter: Meter
) -> tuple[hashing.Digests, str, Stopwatch]:
    """Put an object while it is being encoded; return its hashes, its location, and a moment when it did not exist yet.

    One thread makes all parts, since they may belong to it; each is made when the one before it was consumed. A storage
    that takes no streams gets the whole object at once.
    """
    hasher = hashing.Hasher()
    thread = ThreadPoolExecutor(1, "artigraph-stream")
    context = copy_context()
    since = Stopwatch()

    def make() -> hashing.Part | None:
        return context.run(lambda: next(parts, None))

    async def hashed() -> AsyncGenerator[hashing.Part]:
        nonlocal since
        try:
            while (part := await asyncio.get_running_loop().run_in_executor(thread, make)) is not None:
                await hasher.update(part)
                since = Stopwatch()
                yield part
                meter.add(len(part))
                del part  # frees its memory before the next one is made
        finally:
            thread.shutdown(wait=False)

    key = _new_key(store_id)
    async with aclosing(hashed()) as stream:
        if isinstance(storage, SupportsStreams):
            work = storage.create_stream(stream, key=key)
        else:
            work = storage.create(hashing.join([part async for part in stream]), key=key)
        location = _checked(storage, await call_storage(storage, work))
    return hasher.digests(), location, since


async def _metered(chunks: AsyncGenerator[hashing.Part], meter: Meter) -> AsyncGenerator[hashing.Part]:
    async with aclosing(chunks):
        async for chunk in chunks:
            yield chunk
            meter.add(len(chunk))


def _new_key(store_id: UUID) -> str:
    unique = new_id().hex
    return f"{store_id.hex}/{unique[-2:]}/{unique}"


def _checked(storage: Storage, location: object) -> str:
    if not isinstance(location, str) or not 1 <= len(location) <= LONGEST_LOCATION:
        msg = f"{storage!r} returned {location!r:.100} for a location, which is text of 1-512 code points"
        raise StorageError(msg)
    return location


async def remove_quietly(objects: Iterable[tuple[Storage, str]]) -> None:
    """Remove objects that no row refers to. Those that cannot be removed now are left to garbage collection."""

    async def remove(item: tuple[Storage, str]) -> None:
        storage, location = item
        try:
            await call_storage(storage, storage.delete(location))
        except ArtigraphError as error:
            left.append((storage.name, error))

    left: list[tuple[str, ArtigraphError]] = []
    await run_concurrently(list(objects), remove)
    report_leftovers(left)


def report_leftovers(left: Sequence[tuple[str, Exception]], count: int | None = None) -> None:
    """Log how many objects without a row could not be removed, with the first error.

    `count` says how many there are, if `left` does not hold all of them.
    """
    if left:
        storage, error = left[0]
        _log.warning(
            "%d objects that nothing refers to could not be removed and are left to gc. Storage %s: %s",
            len(left) if count is None else count,
            quoted(storage),
            quoted(str(error)),
        )


def _raise(error: ArtigraphError) -> None:
    raise error


@dataclass(frozen=True, slots=True)
class Fetch:
    """An object to fetch, or bytes that are in memory already, and the functions that receive them."""

    source: StoredObject | bytes
    use: Callable[[hashing.Buffer], None]
    """Receives the bytes. If there are many, it is called in a thread."""
    needs_bytes: bool = False
    """Whether `use` accepts only `bytes`."""
    fail: Callable[[ArtigraphError], None] = _raise
    """Receives the error if the object cannot be read or used. It may raise it to stop all fetches."""


async def fetch(wanted: Sequence[Fetch], meter: Meter | None = None) -> None:
    """Fetch objects concurrently, each only once, check them, and pass on their bytes. The meter counts them.

    Raises:
        ObjectNotFoundError, StorageError: an object cannot be read.
        CorruptObjectError: an object's bytes differ from the stored ones.
    """
    by_source: dict[tuple[str, str] | int, list[Fetch]] = {}
    for item in wanted:
        place = (item.source.storage.name, item.source.location) if isinstance(item.source, tuple) else id(item)
        by_source.setdefault(place, []).append(item)

    async def get(group: list[Fetch]) -> None:
        source = group[0].source
        if not isinstance(source, StoredObject):
            await use(group, source)
            return
        # A value may be a view of fresh memory. If two values shared it, a write to one would change the other.
        as_bytes = len(group) > 1 or group[0].needs_bytes
        async with reserve_memory(source.size):
            try:
                data = await read_object(source, as_bytes=as_bytes, meter=meter)
            except ArtigraphError as error:
                for item in group:
                    item.fail(error)
                return
            await use(group, data)
            del data  # frees its memory before other fetches get the bytes

    async def use(group: list[Fetch], data: hashing.Buffer) -> None:
        for item in group:
            try:
                if len(data) <= hashing.THREAD_THRESHOLD:
                    item.use(data)
                else:
                    await asyncio.to_thread(item.use, data)
            except ArtigraphError as error:
                item.fail(error)

    await run_concurrently(by_source.values(), get)


async def run_concurrently(
    items: Iterable[T], work: Callable[[T], Coroutine[Any, Any, None]], *, at_once: int = CONCURRENCY
) -> None:
    """Call `work` for all items, `at_once` at a time. The first error cancels the rest and is raised unchanged."""
    pending = list(items)
    if len(pending) == 1:
        await work(pending[0])
        return
    queue = iter(pending)

    async def worker() -> None:
        for item in queue:
            await work(item)

    with raise_first_error():
        async with asyncio.TaskGroup() as tasks:
            for _ in range(min(at_once, len(pending))):
                tasks.create_task(worker())


def _time_awake_or_not() -> float:
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


@dataclass(frozen=True, slots=True)
class Stopwatch:
    """A moment in this process. The time since then is never underestimated, even after a suspend or a clock change."""

    _boot: float = field(default_factory=_time_awake_or_not)
    _wall: float = field(default_factory=time.time)

    def is_past(self, limit: timedelta) -> bool:
        """Return whether more time than `limit` has passed, by the clock that shows the most."""
        elapsed = max(_time_awake_or_not() - self._boot, time.time() - self._wall)
        return elapsed > limit.total_seconds()
