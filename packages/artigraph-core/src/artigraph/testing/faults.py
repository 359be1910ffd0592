"""Storages that fail on purpose, around one that does not: for tests of what uses a storage.

What they do follows from a seed and the order of the calls, so a test that fails fails again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from typing import Literal

from artigraph.errors import ObjectNotFoundError, StorageUnavailable
from artigraph.storage import Storage

__all__ = ["CorruptingStorage", "Corruption", "Fault", "FlakyStorage", "SlowStorage"]

Fault = Literal["none", "before", "after"]
"""Whether a call fails, and whether before it had an effect or after (its reply is lost)."""

Corruption = Literal["flip", "truncate", "extend", "missing"]
"""What is read: with one bit flipped, cut short, with bytes added, or not found at all."""


class _Wrapped(Storage):
    """Passes every call on; what it wraps is not its configuration but its substance."""

    def __init__(self, storage: Storage, name: str | None) -> None:
        self.name: str = storage.name if name is None else name
        self._storage = storage

    async def create(self, data: bytes, *, key: str | None = None) -> str:
        return await self._storage.create(data, key=key)

    async def read(self, location: str) -> bytes:
        return await self._storage.read(location)

    async def delete(self, location: str) -> None:
        await self._storage.delete(location)

    async def exists(self, location: str) -> bool:
        return await self._storage.exists(location)


class FlakyStorage(_Wrapped):
    """Fails with `StorageUnavailable`: by a script first, then at a rate, half of it before the effect, half after."""

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
        self._random = random.Random(seed)  # noqa: S311 (no secret)
        self._script = iter(tuple(script))
        self._faults = 0

    @property
    def faults(self) -> int:
        """How many calls have failed so far."""
        return self._faults

    async def create(self, data: bytes, *, key: str | None = None) -> str:
        fault = self._begin("create")
        location = await super().create(data, key=key)
        self._end(fault, "create")
        return location

    async def read(self, location: str) -> bytes:
        fault = self._begin("read")
        data = await super().read(location)
        self._end(fault, "read")
        return data

    async def delete(self, location: str) -> None:
        fault = self._begin("delete")
        await super().delete(location)
        self._end(fault, "delete")

    async def exists(self, location: str) -> bool:
        fault = self._begin("exists")
        found = await super().exists(location)
        self._end(fault, "exists")
        return found

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
        raise StorageUnavailable(message)


class SlowStorage(_Wrapped):
    """Pauses before and after every call, each time for up to twice the delay in seconds."""

    def __init__(self, storage: Storage, *, delay: float = 0.01, seed: int = 0, name: str | None = None) -> None:
        super().__init__(storage, name)
        self._delay = delay
        self._random = random.Random(seed)  # noqa: S311 (no secret)

    async def create(self, data: bytes, *, key: str | None = None) -> str:
        await self._pause()
        location = await super().create(data, key=key)
        await self._pause()
        return location

    async def read(self, location: str) -> bytes:
        await self._pause()
        data = await super().read(location)
        await self._pause()
        return data

    async def delete(self, location: str) -> None:
        await self._pause()
        await super().delete(location)
        await self._pause()

    async def exists(self, location: str) -> bool:
        await self._pause()
        found = await super().exists(location)
        await self._pause()
        return found

    async def _pause(self) -> None:
        await asyncio.sleep(self._random.uniform(0, 2 * self._delay))


class CorruptingStorage(_Wrapped):
    """Reads something else than what is stored, at a rate; what is stored stays as it is.

    An object without bytes has nothing to flip or cut: it is read with a byte added.
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
        self._random = random.Random(seed)  # noqa: S311 (no secret)

    async def read(self, location: str) -> bytes:
        data = await super().read(location)
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
