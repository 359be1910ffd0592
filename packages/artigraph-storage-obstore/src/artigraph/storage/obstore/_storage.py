"""A storage in a bucket of any of the large services."""

from __future__ import annotations

import atexit
import os
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from functools import cache
from itertools import count
from typing import Any, Self, TypeVar

from artigraph.errors import InvalidLocationError, StorageError, StorageUnavailableError
from artigraph.storage import (
    Pieces,
    ProcessLocal,
    Storage,
    StoredEntry,
    check_key,
    check_prefix,
    check_seconds,
    check_whole,
    new_key,
)
from artigraph.storage._retries import ATTEMPTS, SLOWEST, Allow, call_service
from artigraph.storage.obstore import _clients
from artigraph.storage.obstore._bucket import TEMPORARY, Bucket, piece_of
from artigraph.storage.obstore._clients import Clients
from artigraph.storage.obstore._errors import bare, translated, worth_another_try
from artigraph.storage.obstore._place import checked_name, place_of
from artigraph.storage.obstore._upload import IN_FLIGHT, Upload

_SETTLED = 0.2
"""Seconds from the end of the last call to the end of the process. No public name tells when the threads are done."""
_last: dict[int, float] = {}
"""The time of the last call, by process."""


def note_call() -> None:
    """Note that a call has ended now."""
    _register()
    _last[os.getpid()] = time.monotonic()


@cache
def _register() -> None:
    atexit.register(_settle)


def _settle() -> None:
    last = _last.get(os.getpid())
    if last is not None:
        time.sleep(max(0.0, last + _SETTLED - time.monotonic()))


T = TypeVar("T")

_PART = 8 * 1024 * 1024
_SMALLEST_PART = 5 * 1024 * 1024
_MADE_ANEW = frozenset({"_bucket", "_secrets"})
"""The attributes that a pickle leaves out."""
_LARGEST_PART = 4000 * 1024 * 1024  # Azure takes 4,000 MiB, and S3 5 GiB


class ObjectStorage(Storage):
    """Stores objects in a bucket of Google Cloud Storage, Azure Blob Storage, Cloudflare R2 or S3, by obstore.

    The URL is `gs://bucket/prefix`, `az://container/prefix`, `r2://account/bucket/prefix` or `s3://bucket/prefix`.
    `memory://name` keeps objects in this process, for tests. A location is the key below the prefix.

    Other keyword arguments are options of obstore for the service: `account_name=` and `account_key=` for Azure,
    `service_account=` for Google, `access_key_id=`, `secret_access_key=`, `endpoint=` and `region=` for S3 and R2, or a
    `credential_provider=`. What you do not give comes from the service's usual environment variables and the machine's
    role, when the storage is made. The files in `~/.aws` are not read; `S3Storage` reads them.

    An object is never overwritten: each put carries the condition that the key is free. Whether an S3 server other than
    Amazon's honors the condition is tested once, as `S3Storage` does. If it does not, two processes that create other
    bytes under one key at the same moment may not notice it; Artigraph itself never does that.

    A stream, or an object of more than `part_size` bytes, is sent in parts under a temporary name below `_tmp/`, copied
    to its location by the service, and removed there. It has at most 10,000 parts. At most six parts are in memory at a
    time. `gc` removes what a killed process left below `_tmp/` after a week.

    A call that fails for a transient reason is tried several times, until its time ends: `deadline` seconds, plus one
    second for each MiB of the object. After that it raises `StorageUnavailableError`. `connect_timeout` and
    `read_timeout` limit, in seconds, how long one attempt waits without a response. A response that ends too early is
    fetched again. Whether the bytes are the right ones, Artigraph checks itself by its own hashes.

    The name is stored with the data. Without `name=` it is the URL with `:` for `://`, such as `gs:bucket/prefix`. For
    `s3://` it is the same as that of an `S3Storage`, and so are the locations.

    A pickle contains only the options that are configuration. If it leaves any out, register an equal storage in the
    other process: the unpickled one uses its options, too. Without it, each call raises a `StorageError`.

    Raises:
        ConfigurationError: an argument is invalid, or no name can be made from the URL.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str | None = None,
        deadline: float = 120.0,
        connect_timeout: float = 10.0,
        read_timeout: float = 30.0,
        part_size: int = _PART,
        **client_options: Any,
    ) -> None:
        check_seconds(deadline=deadline, connect_timeout=connect_timeout, read_timeout=read_timeout)
        check_whole(_SMALLEST_PART, _LARGEST_PART, part_size=part_size)
        self._place = place_of(url)
        self.url: str = self._place.url
        self.name: str = checked_name(name, self._place)
        self.deadline = deadline
        self.connect_timeout = connect_timeout
        self.read_timeout = read_timeout
        self.part_size = part_size
        self.options: dict[str, Any] = _clients.public_part(client_options)
        """The options that tell this storage from another. None of them is a secret."""
        self._left_out = _clients.staying(self._place, client_options)
        """The names of the options that no pickle contains."""
        self._given = ProcessLocal(client_options)
        """All options. In a storage from another process, it has no value if any was left out."""
        self._use(client_options)
        self._begin()

    def _begin(self) -> None:
        conditions = _clients.heeds_conditions(self._place, self.options)
        self._bucket = Bucket(self._place, part_size=self.part_size, conditions=conditions)

    def __getstate__(self) -> dict[str, Any]:
        state = {name: value for name, value in vars(self).items() if name not in _MADE_ANEW}
        return state | {"_travels": {} if self._left_out else self._given.value}

    def __setstate__(self, state: dict[str, Any]) -> None:
        travels = state.pop("_travels")
        vars(self).update(state)
        if self._given.value is None and not self._left_out:
            self._given = ProcessLocal(travels)
        self._secrets = _clients.secrets_in(self._given.value or {})
        self._begin()

    @classmethod
    def from_url(cls, url: str, *, name: str | None = None, **options: Any) -> Self:
        """Make a storage from a URL; see `artigraph.storage.storage_from_url`."""
        return cls(url, name=name, **options)

    @property
    def _clients(self) -> Clients:
        """The clients. Those of a storage that was unpickled are made when they are first needed."""
        if self._ready.value is None and self._given.value is None:
            self.renew(self.registered())
        if self._ready.value is None:
            if self._given.value is None:
                raise StorageError(_clients.advice_for(repr(self), self._place, self._left_out))
            self._use(self._given.value)
        assert self._ready.value is not None
        return self._ready.value

    def _use(self, options: dict[str, Any]) -> None:
        self._secrets = _clients.secrets_in(options)
        self._ready = ProcessLocal(
            _clients.connect(
                self._place,
                options,
                deadline=self.deadline,
                connect_timeout=self.connect_timeout,
                read_timeout=self.read_timeout,
                spare=self.part_size * IN_FLIGHT / SLOWEST,
            )
        )

    async def create(self, data: bytes, *, key: str | None = None) -> str:
        location = new_key() if key is None else check_key(key)
        if len(data) > self.part_size:
            return await self.create_stream(_all_of(data), key=location)
        await self._put(location, bytes(data))
        return location

    async def create_stream(self, parts: AsyncIterator[bytes | memoryview], *, key: str | None = None) -> str:
        """Put an object in parts as they come; see `SupportsStreams`."""
        location = new_key() if key is None else check_key(key)
        pieces = Pieces(parts)
        first = await pieces.take(self.part_size)
        if await pieces.ended():
            await self._put(location, first)
            return location
        _clients.refuse_in_forked_child(self._place)

        def explain(error: Exception) -> StorageError:
            return translated(error, self, "write", self._where(location), self._place, self._secrets)

        await Upload(self._bucket, location, self._clients, self._call, explain).run(first, pieces)
        return location

    async def _put(self, location: str, data: bytes) -> None:
        piece = await piece_of(data)

        async def put(clients: Clients, allow: Allow) -> None:
            allow(len(data))
            await self._bucket.put(clients, location, data, piece)

        await self._call("write", location, put)

    async def read(self, location: str) -> bytes:
        check_key(location)

        async def get(clients: Clients, allow: Allow) -> bytes:
            return await self._bucket.get(clients, location, allow)

        return await self._call("read", location, get)

    async def read_range(self, location: str, start: int, length: int) -> bytes:
        """Return some bytes of an object; see `SupportsRanges`."""
        check_key(location)

        async def get(clients: Clients, allow: Allow) -> bytes:
            allow(length if length < _LARGEST_ALLOWANCE else 0)
            return await self._bucket.get_range(clients, location, start, length)

        return await self._call("read", location, get)

    async def delete(self, location: str) -> None:
        check_key(location)

        async def delete(clients: Clients, _: Allow) -> None:
            await self._bucket.delete(clients, location)

        await self._call("delete", location, delete)

    async def exists(self, location: str) -> bool:
        check_key(location)

        async def head(clients: Clients, _: Allow) -> bool:
            return await self._bucket.size_of(clients, location) is not None

        return await self._call("look at", location, head)

    async def list(self, prefix: str) -> AsyncIterator[StoredEntry]:
        """Yield the objects below a prefix; see `SupportsListing`. Each page is a call with its own deadline.

        No service tells obstore its time. So an age is the difference between the object's time and that of an object
        which is made below `_tmp/` when the listing begins. If that is not allowed, all ages are zero.
        """
        check_prefix(prefix)
        now = await self._now()
        async for location, size, modified in self._listed(prefix):
            try:
                check_key(location)
            except InvalidLocationError:
                continue
            age = timedelta() if now is None else max(now - modified, timedelta())
            yield StoredEntry(location, size, age)

    async def tidy(self, untouched: timedelta, *, dry_run: bool = False) -> tuple[int, int]:
        """Remove the temporary objects of interrupted uploads; see `SupportsTidying`."""
        now, found, total = await self._now(), 0, 0
        if now is None:
            return 0, 0
        async for path, size, modified in self._listed(TEMPORARY):
            if max(now - modified, timedelta()) < untouched:
                continue

            async def delete(clients: Clients, _: Allow, path: str = path) -> None:
                await self._bucket.delete(clients, path)

            if not dry_run:
                await self._call("delete", path, delete)
            found, total = found + 1, total + size
        return found, total

    async def _now(self) -> datetime | None:
        async def probe(clients: Clients, _: Allow) -> datetime:
            return await self._bucket.now(clients)

        try:
            return await self._call("write", TEMPORARY, probe)
        except StorageUnavailableError:
            raise
        except StorageError:  # we may read, but not write
            return None

    async def _listed(self, prefix: str) -> AsyncIterator[tuple[str, int, datetime]]:
        pages: AsyncIterator[Sequence[Any]] | None = None
        marked: str | None = None
        for number in count(1):

            async def page(clients: Clients, _: Allow) -> Sequence[Any] | None:
                nonlocal pages
                if pages is None:
                    pages = self._bucket.pages(clients, prefix)
                return await anext(pages, None)

            found = await self._call("list", prefix, page, attempts=1)
            if found is None:
                return
            if any(item["path"] == marked for item in found):
                where = self._where(prefix)
                msg = f"The listing of {where} does not end: its pages lead in a circle. The server is at fault."
                raise StorageError(msg)
            if found and number & (number - 1) == 0:  # after 1, 2, 4, ... pages: any cycle reaches one of these again
                marked = found[0]["path"]
            for item in found:
                if item["path"].startswith(prefix):
                    yield item["path"], int(item["size"]), item["last_modified"]

    def renew(self, other: Storage) -> None:
        """Use the credentials of an equal storage from now on, unless a pickle left them out."""
        if not isinstance(other, ObjectStorage) or other._given.value in (None, self._given.value):
            return
        self._use(other._given.value)
        self._given, self._left_out = other._given, other._left_out

    def _where(self, location: str) -> str:
        return f"{self.url}/{location}"

    async def _call(
        self,
        action: str,
        location: str,
        work: Callable[[Clients, Allow], Coroutine[Any, Any, T]],
        /,
        *,
        attempts: int = ATTEMPTS,
    ) -> T:
        """Run a call's work within its deadline, with retries where they can help. Raises only errors of Artigraph."""
        _clients.refuse_in_forked_child(self._place)
        clients, where = self._clients, self._where(location)
        try:
            return await call_service(
                lambda allow: work(clients, allow),
                f"{self!r} cannot {action} {where}",
                self.deadline,
                can_help=worth_another_try,
                translated=lambda error: translated(error, self, action, where, self._place, self._secrets),
                bare=lambda error: bare(error, self._secrets),
                attempts=attempts,
            )
        finally:
            note_call()


_LARGEST_ALLOWANCE = 1 << 40
"""A longer range is cut off by the end of its object. Its length says nothing about the time that it takes."""


async def _all_of(data: bytes) -> AsyncIterator[memoryview]:
    yield memoryview(data)
