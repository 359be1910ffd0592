"""The requests to a bucket that each call of the storage makes. They raise obstore's errors."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import uuid4

import obstore
from artigraph.errors import StorageError
from artigraph.storage.obstore import _errors
from artigraph.storage.obstore._clients import Clients
from artigraph.storage.obstore._errors import DamagedTransferError
from artigraph.storage.obstore._place import Place

_LONG = 1024 * 1024


class Piece(NamedTuple):
    """What is remembered of a part: enough to compare it with stored bytes."""

    size: int
    sha256: bytes


async def piece_of(data: bytes | memoryview) -> Piece:
    """Return what is remembered of bytes. Long ones are hashed in a thread."""
    hashed = await asyncio.to_thread(hashlib.sha256, data) if len(data) > _LONG else hashlib.sha256(data)
    return Piece(len(data), hashed.digest())


TEMPORARY = "_tmp/"
"""Where unfinished uploads are. No key can begin like this, because keys have no underscore."""
_SMALL = 1024 * 1024
_obstore: Any = obstore
"""The module, for the calls whose types need a library that is not installed."""
_LARGEST_RANGE = 1 << 60
_CLOCK = 60.0
"""Seconds for which the time that a service told is continued by the clock of this process."""


class _Moment(NamedTuple):
    told: datetime
    """The time that the service told."""
    here: float
    """The time of this process when the answer was there. It stands still while the machine sleeps."""


class Bucket:
    """A bucket, and the discovered abilities of its service."""

    def __init__(self, place: Place, *, part_size: int, conditions: bool | None) -> None:
        self.place = place
        self.part_size = part_size
        self.conditions = conditions
        """Whether the service honors the condition that the key is free. None until that was tried."""
        self._seen = place.scheme == "memory"
        """Whether the bucket is known to exist. Then "not found" is about the object."""
        self._moment: _Moment | None = None

    async def put(self, clients: Clients, location: str, data: bytes, piece: Piece) -> None:
        """Put an object under a key that is free. Do nothing if the same bytes are there already.

        Raises:
            StorageError: the key holds other bytes.
        """
        if not self.conditions and await self.holds(clients, location, [piece]):
            return
        if not await self._put_new(clients, location, data):
            if not await self.holds(clients, location, [piece]):
                msg = "what was there is there no more"
                raise DamagedTransferError(msg)
        elif self.conditions is None and len(data) <= _SMALL:
            # Some servers ignore the condition and overwrite. Putting the same bytes once more shows whether this
            # server does, and does no harm if it does.
            self.conditions = not await self._put_new(clients, location, data)

    async def _put_new(self, clients: Clients, location: str, data: bytes) -> bool:
        """Put an object, and say whether it was stored: not if the service refused because the key is taken."""
        mode: Any = "overwrite" if self.conditions is False else "create"
        client = clients.one_try if len(data) <= _SMALL else clients.patient  # which gives a long body more time
        try:
            await obstore.put_async(client, location, data, mode=mode, use_multipart=False)
        except _errors.TAKEN:
            self._seen = True
            if self.conditions is None:
                self.conditions = True
            return False
        except Exception as error:
            if mode != "create" or not _errors.is_unsupported(error):
                raise
            self.conditions = False
            msg = "the server has no conditional puts"
            raise DamagedTransferError(msg) from error
        self._seen = True
        return True

    async def holds(self, clients: Clients, location: str, pieces: Sequence[Piece]) -> bool:
        """Say whether exactly these bytes are at a location, which is compared piece by piece.

        Raises:
            StorageError: other bytes are there.
        """
        size = await self.size_of(clients, location)
        if size is None:
            return False
        same, start = size == sum(piece.size for piece in pieces), 0
        for piece in pieces if same else ():
            if piece.size:
                there = await self.get_range(clients, location, start, piece.size)
                if await piece_of(there) != piece:
                    same = False
                    break
            start += piece.size
        if not same:
            where = f"{self.place.url}/{location}"
            msg = f"{where} holds other bytes already; a key is used for one object only, and the first one stays"
            raise StorageError(msg)
        return True

    async def get(self, clients: Clients, location: str, allow: Callable[[int], None]) -> bytes:
        """Return the bytes of an object. Calls `allow` with its size before it reads them."""
        try:
            response = await obstore.get_async(clients.one_try, location)
        except FileNotFoundError:
            await self._look_for_bucket(clients)
            raise
        self._seen = True
        size = int(response.meta["size"])
        allow(size)
        data = await response.bytes_async()
        if len(data) != size:
            msg = f"{len(data)} bytes came of {size}"
            raise DamagedTransferError(msg)
        return data.to_bytes()

    async def get_range(self, clients: Clients, location: str, start: int, length: int) -> bytes:
        """Return `length` bytes of an object from an offset, or fewer if it ends before."""
        asked = min(max(length, 1), _LARGEST_RANGE)  # a range cannot be empty; a length of 0 still asks for the object
        try:
            data = await obstore.get_range_async(clients.one_try, location, start=start, length=asked)
        except FileNotFoundError:
            await self._look_for_bucket(clients)
            raise
        except Exception as error:
            if not _errors.is_beyond_the_end(error):
                raise
            size = await self.size_of(clients, location)
            if size is None:
                msg = f"{location} does not exist"
                raise FileNotFoundError(msg) from error
            if start < size:
                raise
            return b""
        if len(data) < asked:  # the object ends there, or the server sent less than it should
            size = await self.size_of(clients, location)
            if size is None or len(data) != min(start + asked, size) - start:
                msg = f"{len(data)} bytes from {start} came for {asked}, of {size}"
                raise DamagedTransferError(msg)
        self._seen = True
        return data.to_bytes()[:length]

    async def size_of(self, clients: Clients, location: str) -> int | None:
        """Return the size of an object, or None if it does not exist."""
        try:
            meta = await obstore.head_async(clients.one_try, location)
        except FileNotFoundError:
            await self._look_for_bucket(clients)
            return None
        self._seen = True
        return int(meta["size"])

    async def delete(self, clients: Clients, location: str) -> None:
        """Remove an object, if it exists."""
        try:
            await obstore.delete_async(clients.one_try, location)
        except Exception as error:
            if not _errors.is_missing(error):
                raise
            await self._look_for_bucket(clients)
        self._seen = True

    def pages(self, clients: Clients, prefix: str) -> AsyncIterator[Sequence[Any]]:
        """Return an iterator over the pages of a listing."""
        return aiter(_obstore.list(clients.patient, prefix, chunk_size=1000))

    async def now(self, clients: Clients) -> datetime:
        """Return the time by the service's clock: that of an object which is made for it, and removed.

        It is never ahead of that clock. `gc` and `fsck` ask with each of many listings, so it is kept for a while.
        """
        if self._moment is not None and (passed := time.monotonic() - self._moment.here) < _CLOCK:
            return self._moment.told + timedelta(seconds=passed)
        probe = f"{TEMPORARY}{uuid4().hex}"
        await obstore.put_async(clients.patient, probe, b"", mode="overwrite", use_multipart=False)
        try:
            told = (await obstore.head_async(clients.one_try, probe))["last_modified"]
        finally:
            await self.delete(clients, probe)
        self._moment = _Moment(told, time.monotonic())
        return told

    async def _look_for_bucket(self, clients: Clients) -> None:
        """Raise an error if the bucket is missing, because a missing object may be reported like that."""
        if self._seen:
            return
        try:
            await _obstore.list_with_delimiter_async(clients.one_try, TEMPORARY)
        except Exception as error:
            if _errors.no_bucket(error):
                msg = f"NoSuchBucket: {error}"
                raise FileNotFoundError(msg) from error
            if _errors.worth_another_try(error):
                raise
            return  # we may lack permission to list, and then the bucket exists
        self._seen = True
