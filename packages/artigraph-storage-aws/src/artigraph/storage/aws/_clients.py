"""Open clients: one for each event loop that a storage is used on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

__all__ = ["Body", "Clients", "S3Client"]


class Body(Protocol):
    """What is read of a response."""

    async def read(self, amount: int, /) -> bytes:
        """Return the next bytes, at most that many; none at the end."""
        ...

    def close(self) -> object:
        """Give up what was not read, with its connection."""
        ...


class S3Client(Protocol):
    """The calls of botocore's client that a storage makes."""

    @property
    def meta(self) -> Any:
        """What the client was made with; its `endpoint_url` for one."""
        ...

    async def put_object(self, **parameters: object) -> dict[str, Any]:
        """Put an object."""
        ...

    async def get_object(self, **parameters: object) -> dict[str, Any]:
        """Get an object, its body still to be read."""
        ...

    async def head_object(self, **parameters: object) -> dict[str, Any]:
        """Ask for what is known of an object."""
        ...

    async def delete_object(self, **parameters: object) -> dict[str, Any]:
        """Remove an object."""
        ...

    async def list_objects_v2(self, **parameters: object) -> dict[str, Any]:
        """Ask for a page of a listing."""
        ...

    async def create_multipart_upload(self, **parameters: object) -> dict[str, Any]:
        """Begin to put an object in parts."""
        ...

    async def upload_part(self, **parameters: object) -> dict[str, Any]:
        """Put a part of an object."""
        ...

    async def complete_multipart_upload(self, **parameters: object) -> dict[str, Any]:
        """Make parts an object."""
        ...

    async def abort_multipart_upload(self, **parameters: object) -> dict[str, Any]:
        """Remove parts that are no object yet."""
        ...

    async def head_bucket(self, **parameters: object) -> dict[str, Any]:
        """Ask whether there is a bucket."""
        ...


@dataclass
class _Open:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    client: S3Client | None = None
    holder: AsyncGenerator[S3Client] | None = None


class Clients:
    """Opens a client when a loop first needs one, and closes it with the loop.

    A client belongs to the loop it was opened on, and opening one costs 100 ms. It is held by an asynchronous
    generator, so `asyncio.run`, and whoever else ends a loop as it should be (`loop.shutdown_asyncgens`), closes it.
    """

    def __init__(self, connect: Callable[[], AbstractAsyncContextManager[S3Client]]) -> None:
        self._connect = connect
        self._guard = threading.Lock()
        self._open: dict[asyncio.AbstractEventLoop, _Open] = {}
        self._retired: list[tuple[asyncio.AbstractEventLoop, _Open]] = []

    async def get(self) -> S3Client:
        """Return the client of the running loop, opened if need be."""
        loop = asyncio.get_running_loop()
        with self._guard:
            entry = self._open.get(loop)
            if entry is None:
                self._forget_closed_loops()
                entry = self._open[loop] = _Open()
        if entry.client is None:
            async with entry.lock:  # a task that is cancelled while it opens leaves it to the next one
                if entry.client is None:
                    holder = self._hold(loop, entry)
                    entry.client = await anext(holder)
                    entry.holder = holder
        return entry.client

    async def close(self) -> None:
        """Close the running loop's clients; the next call opens one again."""
        loop = asyncio.get_running_loop()
        with self._guard:
            entries = [entry for owner, entry in self._retired if owner is loop]
            if loop in self._open:
                entries.append(self._open.pop(loop))
            self._retired = [(owner, entry) for owner, entry in self._retired if owner is not loop]
        for entry in entries:
            if entry.holder is not None:
                await entry.holder.aclose()

    def retire(self) -> None:
        """Open new clients from now on; those that are open stay so for the calls under way, until their loop ends."""
        with self._guard:
            self._retired += self._open.items()
            self._open = {}

    async def _hold(self, loop: asyncio.AbstractEventLoop, entry: _Open) -> AsyncGenerator[S3Client]:
        try:
            async with self._connect() as client:
                yield client
        finally:
            entry.client = entry.holder = None
            with self._guard:
                if self._open.get(loop) is entry:
                    del self._open[loop]
            await asyncio.sleep(0)  # a connection that was given up just now needs the loop once more to be closed

    def _forget_closed_loops(self) -> None:
        """Let go of the clients of loops that were closed without closing what they held; nothing else can be done."""
        self._open = {loop: entry for loop, entry in self._open.items() if not loop.is_closed()}
        self._retired = [(loop, entry) for loop, entry in self._retired if not loop.is_closed()]
