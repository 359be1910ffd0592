"""A storage in a bucket of S3."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from types import TracebackType
from typing import Literal, Self, TypeVar

from artigraph.errors import ConfigurationError, StorageError, StorageUnavailable
from artigraph.storage import Storage, StoredEntry, check_key, check_prefix, new_key
from artigraph.storage.aws._calls import Bucket, digest_of
from artigraph.storage.aws._clients import Clients, S3Client
from artigraph.storage.aws._connect import ATTEMPTS, Credentials, Settings, connect
from artigraph.storage.aws._errors import Again, translated, worth_another_try
from artigraph.storage.aws._names import checked_bucket, checked_endpoint, checked_name, checked_prefix
from artigraph.storage.aws._pieces import PIECE, Pieces
from artigraph.storage.aws._upload import Upload

__all__ = ["S3Storage"]

T = TypeVar("T")

LARGEST_PUT = 5 * 1024**3
"""Bytes that S3 takes in one put."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
_SLOWEST = 1024 * 1024
"""Bytes a second: the deadline of a call grows by what an object takes at this speed."""


class S3Storage(Storage):
    """Objects in a bucket of Amazon S3 or of a server that speaks its protocol; a location is the key below the prefix.

    What is not given is looked for in the usual places of AWS: environment variables, the files in `~/.aws` and the
    machine's role for credentials and region, `AWS_ENDPOINT_URL` for another server. Nothing is looked for before the
    first call.

    A put carries the SHA-256 of its bytes, for the server to check, and the condition that nothing is under the key: an
    object is never overwritten. Another server than Amazon's is tried once for whether it heeds the condition; one that
    does not is asked before each put whether something is there (then two that create other bytes under one key at the
    same moment may not notice; Artigraph itself never does that). What is got has the length, and the checksum if the
    server keeps one, that the server says, or is got again.

    A stream, and an object of more than 5 GiB, goes in parts of 8 MiB (a multipart upload) if it is longer than one; at
    most 32 MiB are held at a time. Parts grow behind 31 GiB, and then one may be more than that. Each of its requests
    is a call in the sense of what follows. If it fails, its parts are removed as far as the server answers.

    A call that fails for a reason that passes is tried again, up to 8 times and until `deadline` seconds are over (and
    one more for each MiB of the object); then it is `StorageUnavailable`. `connect_timeout` and `read_timeout` bound
    the silence within one try. At most `max_connections` are open on each event loop.

    One client is kept open on each event loop that the storage is used on. It is closed when the loop is ended by
    `asyncio.run` and its like, or by `await storage.close()`, or by `async with storage:`; the storage can be used
    afterwards.

    The name is stored with the data. Without `name=` it is `s3:bucket/prefix`: give one if the data may move to another
    bucket.

    Raises:
        ConfigurationError: an argument cannot be what it should be, or no name can be made of them.
    """

    def __init__(  # noqa: PLR0913
        self,
        bucket: str,
        prefix: str = "",
        *,
        name: str | None = None,
        region: str | None = None,
        endpoint_url: str | None = None,
        access_key_id: str | None = None,
        secret_access_key: str | None = None,
        session_token: str | None = None,
        addressing_style: Literal["auto", "path", "virtual"] | None = None,
        deadline: float = 120.0,
        connect_timeout: float = 10.0,
        read_timeout: float = 30.0,
        max_connections: int = 64,
    ) -> None:
        if (access_key_id is None) != (secret_access_key is None) or (session_token and not access_key_id):
            msg = "Give both access_key_id= and secret_access_key= (and session_token= with them), or none of them"
            raise ConfigurationError(msg)
        if min(deadline, connect_timeout, read_timeout, max_connections) <= 0:
            msg = "deadline, connect_timeout, read_timeout and max_connections have to be greater than 0"
            raise ConfigurationError(msg)
        self.bucket: str = checked_bucket(bucket)
        self.prefix: str = checked_prefix(prefix)
        self.name: str = checked_name(name, self.bucket, self.prefix)
        self.region = region
        self.endpoint_url: str | None = checked_endpoint(endpoint_url)
        self.addressing_style = addressing_style
        self.deadline = deadline
        self.connect_timeout = connect_timeout
        self.read_timeout = read_timeout
        self.max_connections = max_connections
        self._credentials = Credentials(access_key_id, secret_access_key, session_token)
        settings = Settings(region, self.endpoint_url, addressing_style, connect_timeout, read_timeout, max_connections)
        self._clients = Clients(lambda: connect(settings, self._credentials))
        self._objects = Bucket(self.bucket, f"{self.prefix}/" if self.prefix else "")

    async def create(self, data: bytes, *, key: str | None = None) -> str:
        location = new_key() if key is None else check_key(key)
        if len(data) > LARGEST_PUT:
            return await self.create_stream(_all_of(data), key=location)
        await self._put(location, data)
        return location

    async def create_stream(self, parts: AsyncIterator[bytes | memoryview], *, key: str | None = None) -> str:
        """Put an object in parts as they come; see `SupportsStreams`."""
        location = new_key() if key is None else check_key(key)
        pieces = Pieces(parts)
        first = await pieces.take(PIECE)
        if await pieces.ended():
            await self._put(location, first)
        else:
            await Upload(self._objects, location, self._call).run(first, pieces)
        return location

    async def _put(self, location: str, data: bytes) -> None:
        digest = await digest_of(data)

        async def put(client: S3Client, allow: Callable[[int], None]) -> None:
            allow(len(data))
            await self._objects.put(client, location, data, digest)

        await self._call("write", location, put)

    async def read(self, location: str) -> bytes:
        check_key(location)

        async def get(client: S3Client, allow: Callable[[int], None]) -> bytes:
            return await self._objects.get(client, location, allow)

        return await self._call("read", location, get)

    async def read_range(self, location: str, start: int, length: int) -> bytes:
        """Get some bytes of an object; see `SupportsRanges`."""
        check_key(location)

        async def get(client: S3Client, allow: Callable[[int], None]) -> bytes:
            return await self._objects.get_range(client, location, start, length, allow)

        return await self._call("read", location, get)

    async def delete(self, location: str) -> None:
        check_key(location)

        async def delete(client: S3Client, _: Callable[[int], None]) -> None:
            await self._objects.delete(client, location)

        await self._call("delete", location, delete)

    async def exists(self, location: str) -> bool:
        check_key(location)

        async def head(client: S3Client, _: Callable[[int], None]) -> bool:
            return await self._objects.head(client, location) is not None

        return await self._call("look at", location, head)

    async def list(self, prefix: str) -> AsyncIterator[StoredEntry]:
        """Yield the objects below a prefix; see `SupportsListing`. Each page is a call with a deadline of its own.

        Ages are those that the server tells: its time, in whole seconds, against the time of the object. Of one that
        does not say its time all ages are nothing.
        """
        check_prefix(prefix)
        token: str | None = None
        while True:

            async def page(
                client: S3Client, _: Callable[[int], None], token: str | None = token
            ) -> tuple[Sequence[StoredEntry], str | None]:
                return await self._objects.page(client, prefix, token)

            entries, token = await self._call("list", prefix, page)
            for entry in entries:
                yield entry
            if token is None:
                return

    def renew(self, other: Storage) -> None:
        """Use the credentials of an equal storage from now on."""
        if isinstance(other, S3Storage) and other._credentials != self._credentials:  # noqa: SLF001 (of its own class)
            self._credentials = other._credentials  # noqa: SLF001
            self._clients.retire()

    async def close(self) -> None:
        """Close the running event loop's connections, those of calls under way too; the next call opens others."""
        await self._clients.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, cls: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def _call(
        self, action: str, location: str, work: Callable[[S3Client, Callable[[int], None]], Awaitable[T]], /
    ) -> T:
        """Do a call's work within the deadline, again where that can help, with the errors of Artigraph."""
        where = f"s3://{self.bucket}/{self._objects.prefix}{location}"
        ends = asyncio.get_running_loop().time() + self.deadline
        timeout = asyncio.timeout_at(ends)
        nothing = Again("no answer came")
        last: Exception = nothing
        try:
            async with timeout:
                for attempt in range(ATTEMPTS):
                    try:
                        client = await self._clients.get()
                        return await work(client, lambda size: timeout.reschedule(ends + size / _SLOWEST))
                    except Exception as error:
                        if isinstance(error, StorageError) or not worth_another_try(error):
                            raise
                        last = error
                    longest = min(_FIRST_PAUSE * 2**attempt, _LONGEST_PAUSE)
                    await asyncio.sleep(random.uniform(0, longest))  # noqa: S311 (no secret)
        except StorageError:
            raise
        except Exception as error:  # botocore lets errors of its settings and parsers through as they are
            if not timeout.expired():
                raise translated(error, self, action, where, self.bucket) from error
            msg = (
                f"{self!r} cannot {action} {where}: the deadline of {self.deadline:g} s is over. Check the endpoint "
                "and the network, or give the storage a longer deadline=."
            )
            raise StorageUnavailable(msg) from (error if last is nothing else last)
        raise translated(last, self, action, where, self.bucket) from last


async def _all_of(data: bytes) -> AsyncIterator[memoryview]:
    yield memoryview(data)
