"""Clients with the settings of a storage, and the pool of open ones: one for each event loop."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit

from artigraph.errors import StorageError
from artigraph.storage._retries import ATTEMPTS


class Body(Protocol):
    """The body of a response."""

    async def read(self, amount: int, /) -> bytes:
        """Return the next bytes, at most `amount`. Returns no bytes at the end."""
        ...

    def close(self) -> object:
        """Discard unread bytes and close the connection."""
        ...


class S3Client(Protocol):
    """The calls of botocore's client that a storage makes."""

    @property
    def meta(self) -> Any:
        """What the client was made with, such as its `endpoint_url`."""
        ...

    async def put_object(self, **parameters: object) -> dict[str, Any]:
        """Put an object."""
        ...

    async def get_object(self, **parameters: object) -> dict[str, Any]:
        """Get an object, whose body is still unread."""
        ...

    async def head_object(self, **parameters: object) -> dict[str, Any]:
        """Get the metadata of an object."""
        ...

    async def delete_object(self, **parameters: object) -> dict[str, Any]:
        """Remove an object."""
        ...

    async def list_objects_v2(self, **parameters: object) -> dict[str, Any]:
        """Get one page of a listing."""
        ...

    async def create_multipart_upload(self, **parameters: object) -> dict[str, Any]:
        """Begin to put an object in parts."""
        ...

    async def upload_part(self, **parameters: object) -> dict[str, Any]:
        """Put a part of an object."""
        ...

    async def complete_multipart_upload(self, **parameters: object) -> dict[str, Any]:
        """Join the parts into an object."""
        ...

    async def abort_multipart_upload(self, **parameters: object) -> dict[str, Any]:
        """Remove the parts of an upload that was not completed."""
        ...

    async def head_bucket(self, **parameters: object) -> dict[str, Any]:
        """Ask whether a bucket exists."""
        ...


@dataclass
class _Open:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    client: S3Client | None = None
    holder: AsyncGenerator[S3Client] | None = None


class Clients:
    """Open a client when an event loop first needs one, and close it when the loop ends.

    A client belongs to the loop on which it was opened, and opening one takes 100 ms. An asynchronous generator holds
    it. So `asyncio.run`, and any other code that ends a loop properly (`loop.shutdown_asyncgens`), closes it.
    """

    def __init__(self, connect: Callable[[], AbstractAsyncContextManager[S3Client]]) -> None:
        self._connect = connect
        self._guard = threading.Lock()
        self._open: dict[asyncio.AbstractEventLoop, _Open] = {}
        self._retired: list[tuple[asyncio.AbstractEventLoop, _Open]] = []

    async def get(self) -> S3Client:
        """Return the client of the running loop. Opens one if none is open yet."""
        loop = asyncio.get_running_loop()
        with self._guard:
            entry = self._open.get(loop)
            if entry is None:
                self._forget_closed_loops()
                entry = self._open[loop] = _Open()
        if entry.client is None:
            async with entry.lock:  # if a task is canceled while it opens the client, the next one opens it
                if entry.client is None:
                    holder = self._hold(loop, entry)
                    entry.client = await anext(holder)
                    entry.holder = holder
        return entry.client

    async def close(self) -> None:
        """Close the running loop's clients. The next call opens a new one."""
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
        """Open new clients from now on. Open ones stay open for the calls in flight, until their loop ends."""
        with self._guard:
            self._retired += self._open.items()
            self._open = {}

    async def _hold(self, loop: asyncio.AbstractEventLoop, entry: _Open) -> AsyncGenerator[S3Client]:
        try:
            async with self._connect() as client:
                _refuse_credentials(client)
                yield client
        finally:
            entry.client = entry.holder = None
            with self._guard:
                if self._open.get(loop) is entry:
                    del self._open[loop]
            await asyncio.sleep(0)  # a connection that was discarded just now needs one more step of the loop to close

    def _forget_closed_loops(self) -> None:
        """Drop the clients of loops that were closed without closing their generators. Nothing can close them now."""
        self._open = {loop: entry for loop, entry in self._open.items() if not loop.is_closed()}
        self._retired = [(loop, entry) for loop, entry in self._retired if not loop.is_closed()]


def _refuse_credentials(client: S3Client) -> None:
    """Refuse an endpoint that the environment or `~/.aws` gives with credentials: botocore's errors would show them.

    Raises:
        StorageError: the endpoint has a user or a password.
    """
    if "@" in urlsplit(str(client.meta.endpoint_url)).netloc:
        msg = (
            "The endpoint of the environment or of ~/.aws has a user or a password before its host, which errors would "
            "show (it is not shown here). Correct AWS_ENDPOINT_URL, or pass endpoint_url= and the credentials."
        )
        raise StorageError(msg)


# Opening a client -----------------------------------------------------------------------------------------------------


_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")


@dataclass(frozen=True)
class Credentials:
    """Credentials that the user gave. AWS's usual sources supply a value that is None. They are never shown."""

    access_key_id: str | None = field(default=None, repr=False)
    secret_access_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Settings:
    """Where the server is and how to connect to it. Times are in seconds."""

    region: str | None
    endpoint_url: str | None
    addressing_style: Literal["auto", "path", "virtual"] | None
    connect_timeout: float
    read_timeout: float
    max_connections: int


def connect(settings: Settings, credentials: Credentials) -> AbstractAsyncContextManager[S3Client]:
    """Return a client that is open within its context.

    It imports aioboto3 only now, because that import takes longer than the rest of a program's start.
    """
    import aioboto3
    from aiobotocore.config import AioConfig

    style = settings.addressing_style
    if style is None:  # self-hosted servers seldom have a host name for each bucket
        elsewhere = settings.endpoint_url or any(os.environ.get(name) for name in _ENDPOINTS)
        style = "path" if elsewhere else "auto"
    config: Any = AioConfig(
        connect_timeout=settings.connect_timeout,
        read_timeout=settings.read_timeout,
        max_pool_connections=settings.max_connections,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        s3={"addressing_style": style},
        # Artigraph sends a SHA-256 with each put and checks what it gets, so botocore need not add a CRC.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    session: Any = aioboto3.Session(
        aws_access_key_id=credentials.access_key_id,
        aws_secret_access_key=credentials.secret_access_key,
        aws_session_token=credentials.session_token,
        region_name=settings.region,
    )
    client: AbstractAsyncContextManager[S3Client] = session.client(
        "s3", endpoint_url=settings.endpoint_url, config=config
    )
    return client
