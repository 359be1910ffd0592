"""A storage in a bucket of S3."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from itertools import count
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

from artigraph.errors import ConfigurationError, StorageError
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
from artigraph.storage._retries import Allow, call_service
from artigraph.storage.aws._calls import Bucket, digest_of
from artigraph.storage.aws._clients import Clients, Credentials, S3Client, Settings, connect
from artigraph.storage.aws._errors import translated, worth_another_try
from artigraph.storage.aws._names import checked_bucket, checked_endpoint, checked_name, checked_prefix
from artigraph.storage.aws._upload import PIECE, Upload

T = TypeVar("T")

LARGEST_PUT = 5 * 1024**3
"""The most bytes that S3 takes in one put."""

_MOST_CONNECTIONS = 10_000


class S3Storage(Storage):
    """Stores objects in a bucket of Amazon S3 or a compatible server. A location is the key below the prefix.

    Values that you do not give come from AWS's usual sources: environment variables, the files in `~/.aws` and the
    machine's role for credentials and region; `AWS_ENDPOINT_URL` for another server. They are read at the first call.

    An object is never overwritten. A put carries the SHA-256 of its bytes, which the server checks, and the condition
    that the key is free. Whether a server other than Amazon's honors the condition is tested once. If it does not, the
    storage asks before each put whether the key is taken. Then two processes that create other bytes under one key at
    the same moment may not notice it; Artigraph itself never does that.

    Each object that is read must have the length that the server reports, and the checksum if the server keeps one.
    Otherwise it is read again.

    A stream, or an object of more than 5 GiB, is sent as a multipart upload of 8 MiB parts if it is longer than one
    part. At most 32 MiB are in memory at a time. After 31 GiB the parts grow, and one part may be larger than that.
    Each request of an upload is a call with its own retries and deadline. If an upload fails, its parts are removed,
    provided that the server responds.

    A call that fails for a transient reason is tried several times, until its time ends: `deadline` seconds, plus one
    second for each MiB of the object. After that it raises `StorageUnavailableError`. `connect_timeout` and
    `read_timeout` limit, in seconds, how long one attempt waits without a response. Each event loop has at most
    `max_connections` open connections.

    The storage keeps one client open on each event loop that uses it. The client is closed when `asyncio.run` or
    similar code ends the loop, by `await storage.close()`, or by `async with storage:`. You can use the storage again
    later.

    The name is stored with the data. Without `name=` it is `s3:bucket/prefix`. Give a name if the data may move to
    another bucket.

    A pickle never contains the credentials that you give. In another process, register an equal storage with
    credentials: the unpickled one uses them, too. Without it, each call raises a `StorageError`.

    Raises:
        ConfigurationError: an argument is invalid, or no name can be made from bucket and prefix.
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
        check_seconds(deadline=deadline, connect_timeout=connect_timeout, read_timeout=read_timeout)
        check_whole(1, _MOST_CONNECTIONS, max_connections=max_connections)
        self.bucket: str = checked_bucket(bucket)
        self.prefix: str = checked_prefix(prefix)
        self.name: str = checked_name(name, self.bucket, self.prefix)
        self.region = region
        self.endpoint_url: str | None = checked_endpoint(endpoint_url)
        self.addressing_style: Literal["auto", "path", "virtual"] | None = addressing_style
        self.deadline = deadline
        self.connect_timeout = connect_timeout
        self.read_timeout = read_timeout
        self.max_connections = max_connections
        given = None if access_key_id is None else Credentials(access_key_id, secret_access_key, session_token)
        self._credentials = None if given is None else ProcessLocal(given)
        """The credentials that were given, if any. In a storage from another process they have no value."""
        self._begin()

    def _begin(self) -> None:
        self._clients = Clients(self._connect)
        self._objects = Bucket(self.bucket, f"{self.prefix}/" if self.prefix else "")

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in {"_clients", "_objects"}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._begin()

    def _connect(self) -> AbstractAsyncContextManager[S3Client]:
        settings = Settings(
            self.region,
            self.endpoint_url,
            self.addressing_style,
            self.connect_timeout,
            self.read_timeout,
            self.max_connections,
        )
        if self._lacks_credentials():
            self.renew(self.registered())
        if self._credentials is None:
            return connect(settings, Credentials())
        if self._credentials.value is None:
            msg = (
                f"{self!r} came to this process in a pickle, which does not contain its credentials. Call "
                "S3Storage(..., access_key_id=..., secret_access_key=...).register() with the same arguments in this "
                "process. Or make the storage without credentials, so that each process takes them from its "
                "environment, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
            )
            raise StorageError(msg)
        return connect(settings, self._credentials.value)

    def _lacks_credentials(self) -> bool:
        return self._credentials is not None and self._credentials.value is None

    @classmethod
    def from_url(cls, url: str, *, name: str | None = None, **options: Any) -> Self:
        """Make a storage from a URL such as `s3://bucket/prefix`; see `artigraph.storage.storage_from_url`.

        Raises:
            ConfigurationError: it is no such URL, or an argument is invalid or unknown.
        """
        scheme, _, place = url.partition("://")
        bucket, _, prefix = place.partition("/")
        if scheme.lower() != "s3":
            msg = "The URL of an S3Storage is like 's3://bucket/prefix'. Correct its scheme"
            raise ConfigurationError(msg)
        known = inspect.signature(cls).parameters
        unknown = [option for option in options if option not in known]
        if unknown:
            msg = f"An S3Storage takes no {', '.join(f'{option}=' for option in unknown)}. It takes {', '.join(known)}"
            raise ConfigurationError(msg)
        return cls(bucket, prefix, name=name, **options)

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

        async def put(client: S3Client, allow: Allow) -> None:
            allow(len(data))
            await self._objects.put(client, location, data, digest)

        await self._call("write", location, put)

    async def read(self, location: str) -> bytes:
        check_key(location)

        async def get(client: S3Client, allow: Allow) -> bytes:
            return await self._objects.get(client, location, allow)

        return await self._call("read", location, get)

    async def read_range(self, location: str, start: int, length: int) -> bytes:
        """Return some bytes of an object; see `SupportsRanges`."""
        check_key(location)

        async def get(client: S3Client, allow: Allow) -> bytes:
            return await self._objects.get_range(client, location, start, length, allow)

        return await self._call("read", location, get)

    async def delete(self, location: str) -> None:
        check_key(location)

        async def delete(client: S3Client, _: Allow) -> None:
            await self._objects.delete(client, location)

        await self._call("delete", location, delete)

    async def exists(self, location: str) -> bool:
        check_key(location)

        async def head(client: S3Client, _: Allow) -> bool:
            return await self._objects.head(client, location) is not None

        return await self._call("look at", location, head)

    async def list(self, prefix: str) -> AsyncIterator[StoredEntry]:
        """Yield the objects below a prefix; see `SupportsListing`. Each page is a call with its own deadline.

        An age is the difference between the server's time, in whole seconds, and the object's time. If the server does
        not send its time, all ages are zero.
        """
        check_prefix(prefix)
        token: str | None = None
        marked: str | None = None
        for number in count(1):

            async def page(
                client: S3Client, _: Allow, token: str | None = token
            ) -> tuple[Sequence[StoredEntry], str | None]:
                return await self._objects.page(client, prefix, token)

            entries, token = await self._call("list", prefix, page)
            for entry in entries:
                yield entry
            if token is None:
                return
            if token == marked:
                where = f"s3://{self.bucket}/{self._objects.prefix}{prefix}"
                msg = f"The listing of {where} does not end: its pages lead in a circle. The server is at fault."
                raise StorageError(msg)
            if number & (number - 1) == 0:  # after 1, 2, 4, ... pages: a cycle of any length reaches one of these again
                marked = token

    def renew(self, other: Storage) -> None:
        """Use the credentials of an equal storage from now on, unless a pickle left them out."""
        if not isinstance(other, S3Storage) or other._lacks_credentials():
            return
        former = None if self._credentials is None else self._credentials.value
        if former != (None if other._credentials is None else other._credentials.value) or self._lacks_credentials():
            self._credentials = other._credentials
            self._clients.retire()

    async def close(self) -> None:
        """Close the running event loop's connections, also those of calls in flight. The next call opens new ones."""
        await self._clients.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, cls: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def _call(self, action: str, location: str, work: Callable[[S3Client, Allow], Awaitable[T]], /) -> T:
        """Run a call's work within its deadline, with retries where they can help. Raises only errors of Artigraph."""
        where = f"s3://{self.bucket}/{self._objects.prefix}{location}"

        async def attempt(allow: Allow) -> T:
            return await work(await self._clients.get(), allow)

        def explained(error: Exception) -> StorageError:
            failure = translated(error, self, action, where, self.bucket)
            failure.__cause__ = error
            return failure

        return await call_service(
            attempt,
            f"{self!r} cannot {action} {where}",
            self.deadline,
            can_help=worth_another_try,
            translated=explained,
        )


async def _all_of(data: bytes) -> AsyncIterator[memoryview]:
    yield memoryview(data)
