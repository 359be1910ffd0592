"""Putting an object that comes in parts: first under a temporary name, then at its location."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import suppress
from typing import Any, Protocol, TypeVar
from uuid import uuid4

import obstore
from artigraph.errors import StorageError
from artigraph.storage import Pieces
from artigraph.storage.obstore import _errors
from artigraph.storage.obstore._bucket import TEMPORARY, Bucket, Piece, piece_of
from artigraph.storage.obstore._clients import Clients
from artigraph.storage.obstore._errors import DamagedTransferError

T = TypeVar("T")

IN_FLIGHT = 3
"""The parts of an upload that are sent at once. Three more may be in memory: cut, waiting and being hashed."""
MOST_PARTS = 10_000
"""The most parts that S3 and Google take."""
_LARGEST_COPY = 5 * 1024**3
"""The most bytes that S3 copies in one request."""
_CLEANING = 10.0
"""The seconds that the removal of a failed upload may take. What is left, `gc` removes when it is a week old."""

_cleaning: set[asyncio.Task[None]] = set()
"""Keeps the tasks alive, because a loop holds them only weakly."""


class Call(Protocol):
    """Runs work with clients within a deadline, with retries where they can help. Raises only errors of Artigraph."""

    async def __call__(
        self, action: str, location: str, work: Callable[[Clients, Callable[[int], None]], Coroutine[Any, Any, T]], /
    ) -> T:
        """Return what `work` returns. `work` gets the clients, and a function that it calls with the object's size."""
        ...


class _AbandonedError(Exception):
    """Ends an upload whose source failed or was canceled, so that obstore removes the parts that were sent."""


class Upload:
    """The upload of one object in parts.

    No service completes a multipart upload on the condition that the key is free, as far as obstore can ask. So the
    parts become an object under a temporary name, which is copied on that condition and then removed.
    """

    def __init__(
        self, bucket: Bucket, location: str, clients: Clients, call: Call, explain: Callable[[Exception], StorageError]
    ) -> None:
        self._bucket = bucket
        self._location = location
        self._clients = clients
        self._call = call
        self._explain = explain
        self._temporary = f"{TEMPORARY}{uuid4().hex}"
        self._pieces: list[Piece] = []
        self._all_sent = False
        """Whether all parts were handed over, so that only the end of the upload may be missing."""

    async def run(self, first: bytes, pieces: Pieces) -> None:
        """Send the first part and the following ones, and put the object at its location.

        Raises:
            StorageError: other bytes are at the location, or the service failed.
        """
        try:
            await self._send(first, pieces)
            await self._call("write", self._location, self._publish)
        finally:
            await _settled(self._remove())

    # Sending ----------------------------------------------------------------------------------------------------

    async def _send(self, piece: bytes, pieces: Pieces) -> None:
        feed = _Feed()
        sending = asyncio.create_task(self._put(self._temporary, feed.parts()))
        try:
            while piece:
                if len(self._pieces) == MOST_PARTS:
                    msg = (
                        f"{self._bucket.place.url}/{self._location} would have more than {MOST_PARTS:,} parts of "
                        f"{self._bucket.part_size:,} bytes, which no service takes. Give the storage a larger "
                        "part_size=."
                    )
                    raise StorageError(msg)
                self._pieces.append(await piece_of(piece))
                await feed.offer(piece, sending)
                piece = await pieces.take(self._bucket.part_size)
            self._all_sent = True
            await feed.offer(None, sending)
            await asyncio.shield(sending)
        finally:
            if not sending.done():
                feed.abandon()
                await _settled(_ended(sending))

    async def _put(self, location: str, parts: AsyncGenerator[bytes]) -> None:
        """Send parts as one object. obstore sends each part again where that helps, until its deadline."""
        try:
            await obstore.put_async(
                self._clients.patient,
                location,
                parts,
                mode="overwrite",
                use_multipart=True,
                chunk_size=self._bucket.part_size,
                max_concurrency=IN_FLIGHT,
            )
        except (_AbandonedError, StorageError):
            raise
        except Exception as error:
            failure = self._explain(error)
        else:
            return
        # If the reply to the last request was lost, the request that repeats it finds no upload: it was completed.
        if not self._all_sent or not await self._is_at(location):
            raise failure

    async def _is_at(self, location: str) -> bool:
        async def holds(clients: Clients, allow: Callable[[int], None]) -> bool:
            allow(sum(piece.size for piece in self._pieces))
            return await self._bucket.holds(clients, location, self._pieces)

        return await self._call("read", location, holds)

    # Publishing -------------------------------------------------------------------------------------------------

    async def _publish(self, clients: Clients, allow: Callable[[int], None]) -> None:
        """Copy the temporary object to its location, if that is free or holds the same bytes."""
        size = sum(piece.size for piece in self._pieces)
        allow(size)
        # A server that honors the condition for puts may ignore it here. This is one request for many bytes.
        if self._bucket.place.scheme == "s3" and await self._bucket.holds(clients, self._location, self._pieces):
            return
        if size > _LARGEST_COPY and self._bucket.place.scheme in {"s3", "r2"}:
            await self._send_again()
        else:
            await self._copy(clients)
        if await self._bucket.size_of(clients, self._location) != size:
            msg = "the copy is not complete yet"
            raise DamagedTransferError(msg)

    async def _copy(self, clients: Clients) -> None:
        try:
            await obstore.copy_async(clients.one_try, self._temporary, self._location, overwrite=False)
        except _errors.TAKEN as error:  # perhaps by a call of our own whose reply was lost
            if not await self._bucket.holds(clients, self._location, self._pieces):
                msg = "what was there is there no more"
                raise DamagedTransferError(msg) from error
        except FileNotFoundError as error:
            msg = "the temporary object is not there"
            raise DamagedTransferError(msg) from error
        except Exception as error:
            if not _errors.is_unsupported(error):
                raise
            if not await self._bucket.holds(clients, self._location, self._pieces):
                await obstore.copy_async(clients.one_try, self._temporary, self._location, overwrite=True)

    async def _send_again(self) -> None:
        """Put an object that is too large for a copy: read the temporary one and send it to the free location."""

        async def parts() -> AsyncGenerator[bytes]:
            start = 0
            for piece in self._pieces:

                async def read(
                    clients: Clients, allow: Callable[[int], None], start: int = start, size: int = piece.size
                ) -> bytes:
                    allow(size)
                    return await self._bucket.get_range(clients, self._temporary, start, size)

                yield await self._call("read", self._temporary, read)
                start += piece.size

        await self._put(self._location, parts())

    async def _remove(self) -> None:
        async def delete(clients: Clients, _: Callable[[int], None]) -> None:
            await self._bucket.delete(clients, self._temporary)

        with suppress(Exception):  # what went wrong first is told, and gc removes what is left
            async with asyncio.timeout(_CLEANING):
                await self._call("write", self._temporary, delete)


class _Feed:
    """Hands parts from the task that cuts them to the one that sends them."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[bytes | _AbandonedError | None] = asyncio.Queue(1)

    async def parts(self) -> AsyncGenerator[bytes]:
        """Yield the parts that are offered."""
        while (part := await self._queue.get()) is not None:
            if isinstance(part, _AbandonedError):
                raise part
            yield part
            del part  # frees its memory before the next one comes

    async def offer(self, part: bytes | None, sending: asyncio.Task[None]) -> None:
        """Wait until a part, or the end, can be handed over. If the sending ends before, raise its error."""
        putting = asyncio.ensure_future(self._queue.put(part))
        try:
            await asyncio.wait({putting, sending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            putting.cancel()
        if sending.done() and not putting.done():
            sending.result()
            msg = "obstore ended an upload before its source did"
            raise StorageError(msg)

    def abandon(self) -> None:
        """End the parts by an error."""
        while not self._queue.empty():
            self._queue.get_nowait()
        self._queue.put_nowait(_AbandonedError())


async def _ended(sending: asyncio.Task[None]) -> None:
    await asyncio.wait({sending}, timeout=_CLEANING)
    if not sending.cancel():
        with suppress(Exception):
            sending.result()  # so that its error does not count as never retrieved


async def _settled(work: Coroutine[Any, Any, None]) -> None:
    """Run work to its end, even if the caller is canceled. Only a second cancellation stops waiting for it."""
    task = asyncio.create_task(work)
    _cleaning.add(task)
    task.add_done_callback(_cleaning.discard)
    await asyncio.wait([task])
