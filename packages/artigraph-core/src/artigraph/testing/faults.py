"""Storages that wrap another one and fail on purpose, to test code that uses a storage.

Their faults follow from a seed and the order of the calls, so a failing test fails again. They have the abilities of
the wrapped storage: streams, ranges, files and listings.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from functools import cache
from typing import Any, BinaryIO, Literal, TypeVar, cast

from artigraph.errors import ObjectNotFoundError, StorageUnavailableError
from artigraph.storage import Storage, StoredEntry, SupportsFiles, SupportsListing, SupportsRanges, SupportsStreams

__all__ = ["CorruptingStorage", "Corruption", "Fault", "FlakyStorage", "SlowStorage"]

T = TypeVar("T")

Fault = Literal["none", "before", "after"]
"""Whether a call fails, and if so, before it has an effect or after (its reply is lost)."""

Corruption = Literal["flip", "truncate", "extend", "missing"]
"""What a read returns: the bytes with one bit flipped, cut short, or with bytes added; or "not found"."""


class _Wrapped(Storage):
    """Passes every call on to a wrapped storage, which is not part of its configuration. Subclasses add faults."""

    def __init__(self, storage: Storage, name: str | None) -> None:
        self.name: str = storage.name if name is None else name
        self._storage = storage
        able: Any = _able(type(self), *(isinstance(storage, each) for each in _ABILITIES))
        self.__class__ = able  # `isinstance` checks of the abilities look at the class

    async def create(self, data: bytes, *, key: str | None = None) -> str:
        return await self._do("create", lambda: self._storage.create(data, key=key))

    async def read(self, location: str) -> bytes:
        return self._seen(location, await self._do("read", lambda: self._storage.read(location)))

    async def delete(self, location: str) -> None:
        await self._do("delete", lambda: self._storage.delete(location))

    async def exists(self, location: str) -> bool:
        return await self._do("exists", lambda: self._storage.exists(location))

    async def _do(self, call: str, work: Callable[[], Awaitable[T]]) -> T:
        """Run a call's work, with its faults."""
        return await work()

    def _open(self, location: str) -> BinaryIO:
        """Open a file, with the same faults."""
        return cast("SupportsFiles", self._storage).open(location)

    def _seen(self, location: str, data: bytes) -> bytes:
        """Return the bytes that a reader of an object gets."""
        return data

    async def _listed(self, entries: AsyncIterator[StoredEntry]) -> AsyncIterator[StoredEntry]:
        """Yield a listing, with the same faults."""
        async for entry in entries:
            yield entry


class _Streams(_Wrapped):
    async def create_stream(self, parts: AsyncIterator[bytes | memoryview], *, key: str | None = None) -> str:
        streams = cast("SupportsStreams", self._storage)
        return await self._do("create_stream", lambda: streams.create_stream(parts, key=key))


class _Ranges(_Wrapped):
    async def read_range(self, location: str, start: int, length: int) -> bytes:
        ranges = cast("SupportsRanges", self._storage)
        data = await self._do("read_range", lambda: ranges.read_range(location, start, length))
        return self._seen(location, data)


class _Files(_Wrapped):
    def open(self, location: str) -> BinaryIO:
        return self._open(location)


class _Lists(_Wrapped):
    def list(self, prefix: str) -> AsyncIterator[StoredEntry]:
        return self._listed(cast("SupportsListing", self._storage).list(prefix))


_ABILITIES: tuple[Any, ...] = (SupportsStreams, SupportsRanges, SupportsFiles, SupportsListing)


@cache  # one class for each combination, since equal storages have one class
def _able(cls: type[_Wrapped], *able: bool) -> type[_Wrapped]:
    """Return the class with these abilities, under its own name."""
    bases = tuple(each for each, wanted in zip((_Streams, _Ranges, _Files, _Lists), able, strict=True) if wanted)
    return cast("type[_Wrapped]", type(cls.__name__, (cls, *bases), {"__module__": cls.__module__}))


class FlakyStorage(_Wrapped):
    """Fails with `StorageUnavailableError`: by a script first, then at a rate. Half of the failures precede the effect.

    The other half follow it. A listing with a failure after its effect fails after its first object.
    """

    def __init__(
        self,
        storage: Storage,
        *,
        rate: float = 0.1,
        seed: int = 0,
        script: Iterable[Fault] = (),
        name: str | None = None,
    ) -> None:
        super().__init__(storage, name)
        self._rate = rate
        self._random = random.Random(seed)
        self._script = iter(tuple(script))
        self._faults = 0

    @property
    def faults(self) -> int:
        """How many calls have failed so far."""
        return self._faults

    async def _do(self, call: str, work: Callable[[], Awaitable[T]]) -> T:
        fault = self._begin(call)
        result = await work()
        self._end(fault, call)
        return result

    def _open(self, location: str) -> BinaryIO:
        fault = self._begin("open")
        file = super()._open(location)
        if fault == "after":
            file.close()
        self._end(fault, "open")
        return file

    async def _listed(self, entries: AsyncIterator[StoredEntry]) -> AsyncIterator[StoredEntry]:
        fault = self._begin("list")
        async for entry in entries:
            yield entry
            self._end(fault, "list")
        self._end(fault, "list")

    def _begin(self, call: str) -> Fault:
        fault = next(self._script, None)
        if fault is None:
            drawn = self._random.random()
            fault = "none" if drawn >= self._rate else "before" if drawn < self._rate / 2 else "after"
        if fault == "before":
            self._fail(f"{self!r} failed on purpose before {call}")
        return fault

    def _end(self, fault: Fault, call: str) -> None:
        if fault == "after":
            self._fail(f"{self!r} failed on purpose after {call}: it had its effect and the reply is lost")

    def _fail(self, message: str) -> None:
        self._faults += 1
        raise StorageUnavailableError(message)


class SlowStorage(_Wrapped):
    """Pauses before and after every call, each time for a random time of up to twice the delay, in seconds."""

    def __init__(self, storage: Storage, *, delay: float = 0.01, seed: int = 0, name: str | None = None) -> None:
        super().__init__(storage, name)
        self._delay = delay
        self._random = random.Random(seed)

    async def _do(self, call: str, work: Callable[[], Awaitable[T]]) -> T:
        await asyncio.sleep(self._pause())
        result = await work()
        await asyncio.sleep(self._pause())
        return result

    def _open(self, location: str) -> BinaryIO:
        time.sleep(self._pause())
        file = super()._open(location)
        time.sleep(self._pause())
        return file

    async def _listed(self, entries: AsyncIterator[StoredEntry]) -> AsyncIterator[StoredEntry]:
        await asyncio.sleep(self._pause())
        async for entry in entries:
            yield entry
        await asyncio.sleep(self._pause())

    def _pause(self) -> float:
        return self._random.uniform(0, 2 * self._delay)


class CorruptingStorage(_Wrapped):
    """Returns corrupted bytes when it reads, at a given rate. The stored objects stay unchanged.

    An empty object has nothing to flip or cut: it is read with a byte added. A file is opened as a corrupted copy.
    """

    def __init__(
        self,
        storage: Storage,
        *,
        kind: Corruption = "flip",
        rate: float = 1.0,
        seed: int = 0,
        name: str | None = None,
    ) -> None:
        super().__init__(storage, name)
        self._kind: Corruption = kind
        self._rate = rate
        self._random = random.Random(seed)

    def _open(self, location: str) -> BinaryIO:
        with super()._open(location) as file:
            data = self._seen(location, file.read())
        copy = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115 (the caller closes it)
        copy.write(data)
        copy.seek(0)
        return copy

    def _seen(self, location: str, data: bytes) -> bytes:
        if self._random.random() >= self._rate:
            return data
        if self._kind == "missing":
            msg = f"{self!r} hides {location!r} on purpose"
            raise ObjectNotFoundError(msg)
        if self._kind == "extend" or not data:
            return data + self._random.randbytes(self._random.randint(1, 16))
        place = self._random.randrange(len(data))
        if self._kind == "truncate":
            return data[:place]
        flipped = data[place] ^ (1 << self._random.randrange(8))
        return data[:place] + bytes([flipped]) + data[place + 1 :]
