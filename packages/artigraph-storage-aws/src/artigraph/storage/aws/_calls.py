"""What each call of the storage asks of the server."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from botocore.exceptions import ClientError

from artigraph.errors import StorageError
from artigraph.storage.aws._clients import Body, S3Client
from artigraph.storage.aws._errors import NOT_FOUND, NOT_IMPLEMENTED, PRECONDITION_FAILED, Again, code_of, status_of

__all__ = ["Bucket", "Known", "digest_of"]

_CHUNK = 1024 * 1024
_LARGEST = 5 * 1024**3
"""Bytes that S3 takes in one put."""


@dataclass(frozen=True)
class Known:
    """What the server says of an object without sending it."""

    size: int
    digest: str | None
    """The SHA-256 of the whole object in base64, where the server keeps it."""


class Bucket:
    """A bucket, a prefix in it, and what was found out about the server.

    Errors are those of the client, and `Again` where what came is not what was sent.
    """

    def __init__(self, bucket: str, prefix: str) -> None:
        self.bucket = bucket
        self.prefix = prefix
        self._seen = False
        """Whether the bucket is known to be there: then "not found" is about the object."""
        self._conditions = True
        """Whether the server takes conditional puts."""

    async def put(self, client: S3Client, location: str, data: bytes, digest: str) -> None:
        """Put an object where nothing is.

        Raises:
            StorageError: something else is there, or the object is too large.
        """
        if len(data) > _LARGEST:
            msg = f"S3 takes {_LARGEST} bytes in one put and the object has {len(data)}: save it in parts"
            raise StorageError(msg)
        condition = {"IfNoneMatch": "*"} if self._conditions else {}
        try:
            if not self._conditions and await self._is_taken(client, location, data, digest):
                return
            answer = await client.put_object(
                **self._at(location),
                # A long object as a stream (a view, not a copy), in which aiohttp does not hold up the loop.
                Body=data if len(data) <= _CHUNK else io.BytesIO(data),
                ContentLength=len(data),
                ChecksumSHA256=digest,
                **condition,
            )
        except ClientError as error:
            if status_of(error) == PRECONDITION_FAILED:
                if not await self._is_taken(client, location, data, digest):
                    msg = "what was there is there no more"
                    raise Again(msg) from error
                return
            if condition and (status_of(error) == NOT_IMPLEMENTED or code_of(error) == "NotImplemented"):
                self._conditions = False
                await self.put(client, location, data, digest)
                return
            raise
        self._seen = True
        if answer.get("ChecksumSHA256", digest) != digest:
            msg = "the server stored other bytes than were sent"
            raise Again(msg)

    async def _is_taken(self, client: S3Client, location: str, data: bytes, digest: str) -> bool:
        """Say whether the very bytes are at a location; other bytes there are a StorageError."""
        known = await self.head(client, location)
        if known is None:
            return False
        same = known.size == len(data)
        if same and known.digest is not None:
            same = known.digest == digest
        elif same:
            same = await self.get(client, location, lambda _: None) == data
        if not same:
            where = f"s3://{self.bucket}/{self.prefix}{location}"
            msg = f"{where} holds other bytes already; a key is used for one object only, and the first one stays"
            raise StorageError(msg)
        return True

    async def get(self, client: S3Client, location: str, allow: Callable[[int], None]) -> bytes:
        """Return an object, checked as far as the server says what it is; `allow` is told its size first."""
        answer = await client.get_object(**self._at(location), ChecksumMode="ENABLED")
        self._seen = True
        known = _known(answer)
        allow(known.size)
        body = cast("Body", answer["Body"])
        sha256 = hashlib.sha256()
        data = io.BytesIO()
        try:
            while chunk := await body.read(_CHUNK):
                data.write(chunk)
                sha256.update(chunk)
        except BaseException:
            body.close()  # with its connection, in which the rest may still come
            raise
        if data.tell() != known.size:
            msg = f"{data.tell()} bytes came of {known.size}"
            raise Again(msg)
        if known.digest not in {None, _base64(sha256.digest())}:
            msg = "the bytes that came do not have the SHA-256 that the server keeps"
            raise Again(msg)
        return data.getvalue()

    async def head(self, client: S3Client, location: str) -> Known | None:
        """Return what the server says of an object, or None if there is none."""
        try:
            answer = await client.head_object(**self._at(location), ChecksumMode="ENABLED")
        except ClientError as error:
            if status_of(error) != NOT_FOUND:
                raise
            await self._look_for_bucket(client)
            return None
        self._seen = True
        return _known(answer)

    async def delete(self, client: S3Client, location: str) -> None:
        """Remove an object, if there is one."""
        try:
            await client.delete_object(**self._at(location))
        except ClientError as error:
            if status_of(error) != NOT_FOUND or code_of(error) == "NoSuchBucket":
                raise
        self._seen = True

    async def _look_for_bucket(self, client: S3Client) -> None:
        """Tell a missing bucket from a missing object, which a HEAD does not."""
        if self._seen:
            return
        try:
            await client.head_bucket(Bucket=self.bucket)
        except ClientError as error:
            if status_of(error) == NOT_FOUND:
                answer = {**cast("dict[str, Any]", error.response), "Error": {"Code": "NoSuchBucket", "Message": ""}}
                raise ClientError(answer, "HeadBucket") from error
            if status_of(error) not in {400, 403}:  # we may not be allowed to ask, and then it is there
                raise
        self._seen = True

    def _at(self, location: str) -> dict[str, str]:
        return {"Bucket": self.bucket, "Key": f"{self.prefix}{location}"}


async def digest_of(data: bytes) -> str:
    """Return the SHA-256 of bytes in base64, in a thread where it takes long."""
    if len(data) <= _CHUNK:
        return _base64(hashlib.sha256(data).digest())
    return _base64((await asyncio.to_thread(hashlib.sha256, data)).digest())


def _known(answer: dict[str, Any]) -> Known:
    digest = cast("str | None", answer.get("ChecksumSHA256"))
    whole = digest is not None and "-" not in digest and answer.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT"
    return Known(size=int(answer["ContentLength"]), digest=digest if whole else None)


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode("ascii")
