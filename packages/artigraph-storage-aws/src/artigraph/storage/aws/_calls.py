"""The requests to the server that each call of the storage makes."""

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
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from artigraph.errors import InvalidLocationError, StorageError
from artigraph.storage import StoredEntry, check_key
from artigraph.storage.aws import _errors
from artigraph.storage.aws._clients import Body, S3Client
from artigraph.storage.aws._errors import DamagedTransferError, code_of, status_of

_CHUNK = 1024 * 1024
_RANGE = re.compile(r"bytes (\d{1,20})-\d{1,20}/(\d{1,20})")


@dataclass(frozen=True)
class ObjectFacts:
    """What the server reports about an object without sending it."""

    size: int
    digest: str | None
    """The SHA-256 of the whole object in base64, if the server keeps it."""
    of_parts: str | None
    """The checksum of the SHA-256 of its parts, and their number, as `base64-number`, if the server keeps it."""


class Bucket:
    """A bucket, a prefix in it, and the discovered abilities of the server.

    Its methods raise the client's errors. If the received bytes are not those that were sent, they raise
    `DamagedTransferError`.
    """

    def __init__(self, bucket: str, prefix: str) -> None:
        self.bucket = bucket
        self.prefix = prefix
        self._seen = False
        """Whether the bucket is known to exist. Then "not found" is about the object."""
        self.conditions: bool | None = None
        """Whether the server honors the condition that the key is free. None until that was tried."""

    async def put(self, client: S3Client, location: str, data: bytes, digest: str) -> None:
        """Put an object under a key that is free. Do nothing if the same bytes are there already.

        Raises:
            StorageError: the key holds other bytes.
        """
        if not (self.conditions or self.is_amazon(client)) and await self._is_taken(client, location, data, digest):
            return
        if not await self._put_new(client, location, data, digest):
            if not await self._is_taken(client, location, data, digest):
                msg = "what was there is there no more"
                raise DamagedTransferError(msg)
        elif self.conditions is None and len(data) <= _CHUNK:
            # Some servers ignore the condition and overwrite. Putting the same bytes once more shows whether this
            # server does, and does no harm if it does.
            self.conditions = not await self._put_new(client, location, data, digest)

    async def _put_new(self, client: S3Client, location: str, data: bytes, digest: str) -> bool:
        """Put an object, and say whether it was stored: not if the server refused because the key is taken."""
        # A long object is sent as a stream (a view, not a copy), so that aiohttp does not block the loop.
        body = data if len(data) <= _CHUNK else io.BytesIO(data)
        given = {**self.at(location), "Body": body, "ContentLength": len(data)}
        given |= {"ChecksumAlgorithm": "SHA256", "ChecksumSHA256": digest}
        if self.conditions is not False:
            given["IfNoneMatch"] = "*"
        try:
            answer = await client.put_object(**given)
        except ClientError as error:
            if status_of(error) == _errors.PRECONDITION_FAILED:
                self.conditions = self._seen = True
                return False
            if "IfNoneMatch" in given and status_of(error) == _errors.NOT_IMPLEMENTED:
                self.conditions = False
                msg = "the server has no conditional puts"
                raise DamagedTransferError(msg) from error
            raise
        self._seen = True
        if answer.get("ChecksumSHA256", digest) != digest:
            msg = "the server stored other bytes than were sent"
            raise DamagedTransferError(msg)
        return True

    async def _is_taken(self, client: S3Client, location: str, data: bytes, digest: str) -> bool:
        """Say whether these exact bytes are at a location. Raises StorageError if other bytes are there."""
        known = await self.head(client, location)
        if known is None:
            return False
        same = known.size == len(data)
        if same and known.digest != digest:  # the server keeps none, or one made in another way: of parts, say
            same = await self.get(client, location, lambda _: None) == data
        if not same:
            raise self.taken(location)
        return True

    async def get(self, client: S3Client, location: str, allow: Callable[[int], None]) -> bytes:
        """Return the bytes of an object. Calls `allow` with its size before it reads them.

        The length is checked here. The client checks the checksum as it reads, if the server keeps one.
        """
        answer = await client.get_object(**self.at(location), ChecksumMode="ENABLED")
        return await self._body(answer, allow)

    async def get_range(
        self, client: S3Client, location: str, start: int, length: int, allow: Callable[[int], None]
    ) -> bytes:
        """Return `length` bytes of an object from an offset, or fewer if it ends before; see `get`."""
        last = start + max(length, 1) - 1  # a range cannot be empty; a length of 0 still asks whether the object exists
        try:
            answer = await client.get_object(**self.at(location), Range=f"bytes={start}-{last}")
        except ClientError as error:
            if status_of(error) != _errors.OUT_OF_RANGE:
                raise
            self._seen = True
            return b""
        began, size = _range(answer)
        data = await self._body(answer, allow)
        if began != start or len(data) != min(last + 1, size) - start:
            msg = f"{len(data)} bytes from {began} came for {length} from {start}, of {size}"
            raise DamagedTransferError(msg)
        return data[:length]

    async def _body(self, answer: dict[str, Any], allow: Callable[[int], None]) -> bytes:
        self._seen = True
        size = int(answer["ContentLength"])
        allow(size)
        body: Body = answer["Body"]
        data = io.BytesIO()  # grows in place and returns its bytes without a copy
        try:
            while chunk := await body.read(_CHUNK):
                data.write(chunk)
        except BaseException:
            body.close()  # with its connection, on which the rest may still arrive
            raise
        if data.tell() != size:
            msg = f"{data.tell()} bytes came of {size}"
            raise DamagedTransferError(msg)
        return data.getvalue()

    async def head(self, client: S3Client, location: str) -> ObjectFacts | None:
        """Return what the server reports about an object, or None if it does not exist."""
        try:
            answer = await client.head_object(**self.at(location), ChecksumMode="ENABLED")
        except ClientError as error:
            if status_of(error) != _errors.NOT_FOUND:
                raise
            await self._look_for_bucket(client)
            return None
        self._seen = True
        return _facts_of(answer)

    async def page(self, client: S3Client, prefix: str, token: str | None) -> tuple[Sequence[StoredEntry], str | None]:
        """Return one page of a listing, and the token of the next page, or None after the last."""
        given: dict[str, object] = {"Bucket": self.bucket, "Prefix": f"{self.prefix}{prefix}"}
        if token is not None:
            given["ContinuationToken"] = token
        answer = await client.list_objects_v2(**given)
        self._seen = True
        found: list[dict[str, Any]] = answer.get("Contents", [])
        following: str | None = answer.get("NextContinuationToken")
        if answer.get("KeyCount", len(found)) < len(found) or bool(answer.get("IsTruncated")) != bool(following):
            msg = "the server's page of a listing contradicts itself"
            raise DamagedTransferError(msg)
        now = _time_of(answer)
        entries = (self._entry(item, now) for item in found)
        return [entry for entry in entries if entry is not None and entry.location.startswith(prefix)], following

    def _entry(self, item: dict[str, Any], now: datetime | None) -> StoredEntry | None:
        """Return an object of a listing, or None if its key is not one of Artigraph's."""
        key = str(item["Key"])
        if not key.startswith(self.prefix):
            return None
        try:
            location = check_key(key[len(self.prefix) :])
        except InvalidLocationError:
            return None
        age = timedelta() if now is None else max(now - item["LastModified"], timedelta())
        return StoredEntry(location, int(item["Size"]), age)

    async def delete(self, client: S3Client, location: str) -> None:
        """Remove an object, if it exists."""
        try:
            await client.delete_object(**self.at(location))
        except ClientError as error:
            if status_of(error) != _errors.NOT_FOUND or code_of(error) == "NoSuchBucket":
                raise
        self._seen = True

    async def _look_for_bucket(self, client: S3Client) -> None:
        """Raise an error if the bucket is missing, because a HEAD request reports that like a missing object."""
        if self._seen:
            return
        try:
            await client.head_bucket(Bucket=self.bucket)
        except ClientError as error:
            if status_of(error) == _errors.NOT_FOUND:
                answer = {**error.response, "Error": {"Code": "NoSuchBucket", "Message": ""}}
                raise ClientError(answer, "HeadBucket") from error
            if status_of(error) not in {400, 403}:  # we may lack permission to ask, and then the bucket exists
                raise
        self._seen = True

    def taken(self, location: str) -> StorageError:
        """Return the error that says that other bytes are at a location."""
        where = f"s3://{self.bucket}/{self.prefix}{location}"
        return StorageError(
            f"{where} holds other bytes already; a key is used for one object only, and the first one stays"
        )

    def is_amazon(self, client: S3Client) -> bool:
        """Say whether the server is Amazon's, which honors conditions."""
        host = urlsplit(str(client.meta.endpoint_url)).hostname or ""
        return host.endswith((".amazonaws.com", ".amazonaws.com.cn"))

    def at(self, location: str) -> dict[str, object]:
        """Return the parameters that name an object in a request."""
        return {"Bucket": self.bucket, "Key": f"{self.prefix}{location}"}


async def digest_of(data: bytes | memoryview) -> str:
    """Return the SHA-256 of bytes in base64. Long input is hashed in a thread."""
    if len(data) <= _CHUNK:
        return _base64(hashlib.sha256(data).digest())
    return _base64((await asyncio.to_thread(hashlib.sha256, data)).digest())


def _facts_of(answer: dict[str, Any]) -> ObjectFacts:
    digest: str | None = answer.get("ChecksumSHA256")
    whole = digest is not None and "-" not in digest and answer.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT"
    return ObjectFacts(
        size=int(answer["ContentLength"]), digest=digest if whole else None, of_parts=None if whole else digest
    )


def _range(answer: dict[str, Any]) -> tuple[int, int]:
    """Return the offset at which a response starts, and the size of its object.

    A response without a range holds the whole object.
    """
    found = _RANGE.fullmatch(str(answer.get("ContentRange", "")))
    return (int(found[1]), int(found[2])) if found else (0, int(answer["ContentLength"]))


def _time_of(answer: dict[str, Any]) -> datetime | None:
    """Return the server's time, in whole seconds, or None if the response does not have it."""
    try:
        said = parsedate_to_datetime(str(answer["ResponseMetadata"]["HTTPHeaders"]["date"]))
    except (KeyError, ValueError):
        return None
    return said if said.tzinfo is not None else None


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode("ascii")
