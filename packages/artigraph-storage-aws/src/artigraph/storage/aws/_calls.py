"""What each call of the storage asks of the server."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, cast
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from artigraph.errors import InvalidLocation, StorageError
from artigraph.storage import StoredEntry, check_key
from artigraph.storage.aws._clients import Body, S3Client
from artigraph.storage.aws._errors import (
    NOT_FOUND,
    NOT_IMPLEMENTED,
    OUT_OF_RANGE,
    PRECONDITION_FAILED,
    Again,
    code_of,
    status_of,
)

__all__ = ["Bucket", "Known", "digest_of"]

_CHUNK = 1024 * 1024
_RANGE = re.compile(r"bytes (\d{1,20})-\d{1,20}/(\d{1,20})")


@dataclass(frozen=True)
class Known:
    """What the server says of an object without sending it."""

    size: int
    digest: str | None
    """The SHA-256 of the whole object in base64, where the server keeps it."""
    of_parts: str | None
    """That of the SHA-256 of its parts, and their number, where the server keeps that: `base64-number`."""


class Bucket:
    """A bucket, a prefix in it, and what was found out about the server.

    Errors are those of the client, and `Again` where what came is not what was sent.
    """

    def __init__(self, bucket: str, prefix: str) -> None:
        self.bucket = bucket
        self.prefix = prefix
        self._seen = False
        """Whether the bucket is known to be there: then "not found" is about the object."""
        self.conditions: bool | None = None
        """Whether the server heeds the condition that nothing is there; None until that was tried."""

    async def put(self, client: S3Client, location: str, data: bytes, digest: str) -> None:
        """Put an object where nothing is.

        Raises:
            StorageError: something else is there.
        """
        if not (self.conditions or self.is_amazon(client)) and await self._is_taken(client, location, data, digest):
            return
        if not await self._put_new(client, location, data, digest):
            if not await self._is_taken(client, location, data, digest):
                msg = "what was there is there no more"
                raise Again(msg)
        elif self.conditions is None and len(data) <= _CHUNK:
            # Some servers overwrite without a word. Whether this one does is seen by putting the same bytes once more,
            # which does no harm if it does.
            self.conditions = not await self._put_new(client, location, data, digest)

    async def _put_new(self, client: S3Client, location: str, data: bytes, digest: str) -> bool:
        """Put an object, and say whether it was; if something was there, and the server minds, it was not."""
        # A long object goes as a stream (a view, not a copy), with which aiohttp does not hold up the loop.
        body = data if len(data) <= _CHUNK else io.BytesIO(data)
        given = {**self.at(location), "Body": body, "ContentLength": len(data)}
        given |= {"ChecksumAlgorithm": "SHA256", "ChecksumSHA256": digest}
        if self.conditions is not False:
            given["IfNoneMatch"] = "*"
        try:
            answer = await client.put_object(**given)
        except ClientError as error:
            if status_of(error) == PRECONDITION_FAILED:
                self.conditions = self._seen = True
                return False
            if "IfNoneMatch" in given and status_of(error) == NOT_IMPLEMENTED:
                self.conditions = False
                msg = "the server has no conditional puts"
                raise Again(msg) from error
            raise
        self._seen = True
        if answer.get("ChecksumSHA256", digest) != digest:
            msg = "the server stored other bytes than were sent"
            raise Again(msg)
        return True

    async def _is_taken(self, client: S3Client, location: str, data: bytes, digest: str) -> bool:
        """Say whether the very bytes are at a location; other bytes there are a StorageError."""
        known = await self.head(client, location)
        if known is None:
            return False
        same = known.size == len(data)
        if same and known.digest != digest:  # none is kept, or one that is made in another way: of parts, say
            same = await self.get(client, location, lambda _: None) == data
        if not same:
            raise self.taken(location)
        return True

    async def get(self, client: S3Client, location: str, allow: Callable[[int], None]) -> bytes:
        """Return an object; `allow` is told its size first.

        Its length is checked here, and its checksum, if the server keeps one, by the client as it reads.
        """
        answer = await client.get_object(**self.at(location), ChecksumMode="ENABLED")
        return await self._body(answer, allow)

    async def get_range(
        self, client: S3Client, location: str, start: int, length: int, allow: Callable[[int], None]
    ) -> bytes:
        """Return `length` bytes of an object from an offset, fewer where it ends before; see `get`."""
        last = start + max(length, 1) - 1  # no range is empty, and whether there is an object is asked for all the same
        try:
            answer = await client.get_object(**self.at(location), Range=f"bytes={start}-{last}")
        except ClientError as error:
            if status_of(error) != OUT_OF_RANGE:
                raise
            self._seen = True
            return b""
        began, size = _range(answer)
        data = await self._body(answer, allow)
        if began != start or len(data) != min(last + 1, size) - start:
            msg = f"{len(data)} bytes from {began} came for {length} from {start}, of {size}"
            raise Again(msg)
        return data[:length]

    async def _body(self, answer: dict[str, Any], allow: Callable[[int], None]) -> bytes:
        self._seen = True
        size = int(answer["ContentLength"])
        allow(size)
        body = cast("Body", answer["Body"])
        data = io.BytesIO()  # grows in place and gives its bytes away without a copy
        try:
            while chunk := await body.read(_CHUNK):
                data.write(chunk)
        except BaseException:
            body.close()  # with its connection, in which the rest may still come
            raise
        if data.tell() != size:
            msg = f"{data.tell()} bytes came of {size}"
            raise Again(msg)
        return data.getvalue()

    async def head(self, client: S3Client, location: str) -> Known | None:
        """Return what the server says of an object, or None if there is none."""
        try:
            answer = await client.head_object(**self.at(location), ChecksumMode="ENABLED")
        except ClientError as error:
            if status_of(error) != NOT_FOUND:
                raise
            await self._look_for_bucket(client)
            return None
        self._seen = True
        return _known(answer)

    async def page(self, client: S3Client, prefix: str, token: str | None) -> tuple[Sequence[StoredEntry], str | None]:
        """Return some objects of a listing, and the token of the next ones if there are more."""
        given: dict[str, object] = {"Bucket": self.bucket, "Prefix": f"{self.prefix}{prefix}"}
        if token is not None:
            given["ContinuationToken"] = token
        answer = await client.list_objects_v2(**given)
        self._seen = True
        found = cast("list[dict[str, Any]]", answer.get("Contents", []))
        following = cast("str | None", answer.get("NextContinuationToken"))
        if answer.get("KeyCount", len(found)) < len(found) or bool(answer.get("IsTruncated")) != bool(following):
            msg = "the server's page of a listing contradicts itself"
            raise Again(msg)
        if following is not None and following == token:
            msg = f"The listing of s3://{self.bucket}/{self.prefix}{prefix} does not end: a page leads to itself"
            raise StorageError(msg)
        now = _time_of(answer)
        entries = (self._entry(item, now) for item in found)
        return [entry for entry in entries if entry is not None and entry.location.startswith(prefix)], following

    def _entry(self, item: dict[str, Any], now: datetime | None) -> StoredEntry | None:
        """Return an object of a listing, or None for a key that is none of ours."""
        key = str(item["Key"])
        if not key.startswith(self.prefix):
            return None
        try:
            location = check_key(key[len(self.prefix) :])
        except InvalidLocation:
            return None
        age = timedelta() if now is None else max(now - cast("datetime", item["LastModified"]), timedelta())
        return StoredEntry(location, int(item["Size"]), age)

    async def delete(self, client: S3Client, location: str) -> None:
        """Remove an object, if there is one."""
        try:
            await client.delete_object(**self.at(location))
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

    def taken(self, location: str) -> StorageError:
        """Return the error that says that other bytes are at a location."""
        where = f"s3://{self.bucket}/{self.prefix}{location}"
        return StorageError(
            f"{where} holds other bytes already; a key is used for one object only, and the first one stays"
        )

    def is_amazon(self, client: S3Client) -> bool:
        """Say whether the server is known to heed conditions."""
        host = urlsplit(str(client.meta.endpoint_url)).hostname or ""
        return host.endswith((".amazonaws.com", ".amazonaws.com.cn"))

    def at(self, location: str) -> dict[str, object]:
        """Return how to name an object to a call."""
        return {"Bucket": self.bucket, "Key": f"{self.prefix}{location}"}


async def digest_of(data: bytes | memoryview) -> str:
    """Return the SHA-256 of bytes in base64, in a thread where it takes long."""
    if len(data) <= _CHUNK:
        return _base64(hashlib.sha256(data).digest())
    return _base64((await asyncio.to_thread(hashlib.sha256, data)).digest())


def _known(answer: dict[str, Any]) -> Known:
    digest = cast("str | None", answer.get("ChecksumSHA256"))
    whole = digest is not None and "-" not in digest and answer.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT"
    return Known(
        size=int(answer["ContentLength"]), digest=digest if whole else None, of_parts=None if whole else digest
    )


def _range(answer: dict[str, Any]) -> tuple[int, int]:
    """Return where an answer begins in its object, and the object's size; without a range it is all of it."""
    found = _RANGE.fullmatch(str(answer.get("ContentRange", "")))
    return (int(found[1]), int(found[2])) if found else (0, int(answer["ContentLength"]))


def _time_of(answer: dict[str, Any]) -> datetime | None:
    """Return the server's time, in whole seconds, or None if it does not say."""
    try:
        said = parsedate_to_datetime(str(answer["ResponseMetadata"]["HTTPHeaders"]["date"]))
    except (KeyError, ValueError):
        return None
    return said if said.tzinfo is not None else None


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode("ascii")
