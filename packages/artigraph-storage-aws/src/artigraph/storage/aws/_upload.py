"""Multipart uploads: putting one object in parts."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from botocore.exceptions import ClientError

from artigraph.errors import StorageUnavailableError
from artigraph.storage import Pieces
from artigraph.storage.aws import _errors
from artigraph.storage.aws._calls import Bucket, digest_of
from artigraph.storage.aws._clients import S3Client
from artigraph.storage.aws._errors import DamagedTransferError, code_of, status_of

PIECE = 8 * 1024 * 1024
"""The bytes of a part. S3 requires at least 5 MiB."""

_ALIKE, _GROW_EVERY, _LARGEST = 4000, 500, 4 * 1024**3


def size_of_piece(number: int) -> int:
    """Return the bytes of a part, counted from 1.

    S3 takes at most 10,000 parts of at most 5 GiB. The first 4,000 have the same size (31 GiB together), because some
    servers require that. The size then doubles for each 500 parts, so that 10,000 parts can hold the largest object.
    """
    return min(PIECE << max(0, (number - 1 - _ALIKE) // _GROW_EVERY + 1), _LARGEST)


T = TypeVar("T")

_IN_FLIGHT = 32 * 1024 * 1024
"""The most bytes in memory that are being sent or may be sent again. At least one part is allowed."""
_CLEANING = 10.0
"""The seconds that the removal of a failed upload may take. After that it is left to the server."""

_cleaning: set[asyncio.Task[None]] = set()
"""Keeps the tasks alive, because a loop holds them only weakly."""


class Call(Protocol):
    """Runs work with a client within a deadline, with retries where they can help. Raises only errors of Artigraph."""

    async def __call__(
        self, action: str, location: str, work: Callable[[S3Client, Callable[[int], None]], Awaitable[T]], /
    ) -> T:
        """Return what `work` returns. `work` gets a client, and a function that it calls with the object's size."""
        ...


@dataclass(frozen=True)
class _Part:
    number: int
    size: int
    digest: str
    """The SHA-256 in base64."""
    tag: str


class Upload:
    """The upload of one object in parts, each of which is retried by itself.

    The location is empty until the last step. If the upload fails or is canceled before, its parts are removed,
    provided that the server responds within 10 seconds. A rule of the bucket (AbortIncompleteMultipartUpload) removes
    what is left.
    """

    def __init__(self, bucket: Bucket, location: str, call: Call) -> None:
        self._bucket = bucket
        self._location = location
        self._call = call

    async def run(self, first: bytes, pieces: Pieces) -> None:
        """Send the first part and the following ones, and complete the upload.

        Raises:
            StorageError: other bytes are at the location, or the server failed.
        """
        begin = asyncio.ensure_future(self._call("write", self._location, self._begin))
        completed = False
        try:
            upload = await asyncio.shield(begin)
            parts = await self._send_all(upload, first, pieces)

            async def complete(client: S3Client, allow: Callable[[int], None]) -> bool:
                return await self._complete(client, upload, parts, allow)

            completed = await self._call("write", self._location, complete)
        finally:
            if not completed:
                await _settled(self._clean_up(begin))

    async def _begin(self, client: S3Client, _: Callable[[int], None]) -> str:
        answer = await client.create_multipart_upload(**self._bucket.at(self._location), ChecksumAlgorithm="SHA256")
        return str(answer["UploadId"])

    async def _send_all(self, upload: str, piece: bytes, pieces: Pieces) -> list[_Part]:
        tasks: list[asyncio.Task[_Part]] = []
        under_way: dict[asyncio.Task[_Part], int] = {}
        try:
            while piece:
                task = asyncio.create_task(self._send(upload, len(tasks) + 1, piece))
                under_way[task] = len(piece)
                tasks.append(task)
                size = size_of_piece(len(tasks) + 1)
                while under_way and sum(under_way.values()) + size > _IN_FLIGHT:
                    await _first_of(under_way)
                piece = await pieces.take(size)
            while under_way:
                await _first_of(under_way)
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)
        return [task.result() for task in tasks]

    async def _send(self, upload: str, number: int, piece: bytes) -> _Part:
        size = len(piece)
        digest = await digest_of(piece)

        async def send(client: S3Client, allow: Callable[[int], None]) -> str:
            allow(size)
            given = {**self._bucket.at(self._location), "UploadId": upload, "PartNumber": number}
            given |= {
                "Body": io.BytesIO(piece),
                "ContentLength": size,
                "ChecksumAlgorithm": "SHA256",
                "ChecksumSHA256": digest,
            }
            answer = await client.upload_part(**given)
            if answer.get("ChecksumSHA256", digest) != digest:
                msg = "the server stored other bytes than were sent"
                raise DamagedTransferError(msg)
            return str(answer["ETag"])

        return _Part(number, size, digest, await self._call("write", self._location, send))

    async def _complete(self, client: S3Client, upload: str, parts: list[_Part], allow: Callable[[int], None]) -> bool:
        """Join the parts into an object and return True, or return False if the location already holds the bytes."""
        # A server that honors the condition for puts may ignore it here. This is one request for many bytes.
        if not self._bucket.is_amazon(client) and await self._is_taken(client, parts, allow):
            return False
        listed = [{"PartNumber": part.number, "ETag": part.tag, "ChecksumSHA256": part.digest} for part in parts]
        given = {**self._bucket.at(self._location), "UploadId": upload, "MultipartUpload": {"Parts": listed}}
        if self._bucket.conditions is not False:
            given["IfNoneMatch"] = "*"
        try:
            await client.complete_multipart_upload(**given)
        except ClientError as error:
            if status_of(error) == _errors.NOT_IMPLEMENTED and "IfNoneMatch" in given:
                self._bucket.conditions = False
                msg = "the server does not complete uploads on a condition"
                raise DamagedTransferError(msg) from error
            if (
                status_of(error) not in {_errors.NOT_FOUND, _errors.PRECONDITION_FAILED}
                or code_of(error) == "NoSuchBucket"
            ):
                raise
            if await self._is_taken(client, parts, allow):  # a call whose reply was lost may have completed it
                return False
            if status_of(error) == _errors.NOT_FOUND:
                msg = "the server has lost the parts of an upload, or somebody ended it: save again"
                raise StorageUnavailableError(msg) from error
            msg = "what was there is there no more"
            raise DamagedTransferError(msg) from error
        return True

    async def _is_taken(self, client: S3Client, parts: list[_Part], allow: Callable[[int], None]) -> bool:
        """Say whether these exact bytes are at the location. Raises StorageError if other bytes are there."""
        known = await self._bucket.head(client, self._location)
        if known is None:
            return False
        size = sum(part.size for part in parts)
        same = known.size == size
        if same and known.of_parts != _of_parts(parts):  # put in other parts, or the server keeps no checksum
            allow(size)
            start = 0
            for part in parts:
                there = await self._bucket.get_range(client, self._location, start, part.size, lambda _: None)
                if await digest_of(there) != part.digest:
                    same = False
                    break
                start += part.size
        if not same:
            raise self._bucket.taken(self._location)
        return True

    async def _clean_up(self, begin: asyncio.Future[str]) -> None:
        try:
            async with asyncio.timeout(_CLEANING):
                upload = await begin

                async def abort(client: S3Client, _: Callable[[int], None]) -> None:
                    await client.abort_multipart_upload(**self._bucket.at(self._location), UploadId=upload)

                await self._call("write", self._location, abort)
        except Exception:  # noqa: S110 (what went wrong first is told, and the upload may be no more)
            pass


def _of_parts(parts: list[_Part]) -> str:
    """Return the checksum that S3 keeps for an object that was put in these parts."""
    digests = b"".join(base64.b64decode(part.digest) for part in parts)
    return f"{base64.b64encode(hashlib.sha256(digests).digest()).decode('ascii')}-{len(parts)}"


async def _first_of(under_way: dict[asyncio.Task[Any], int]) -> None:
    """Wait until one task has ended, and raise its error."""
    done, _ = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()
        del under_way[task]


async def _settled(work: Coroutine[Any, Any, None]) -> None:
    """Run work to its end, even if the caller is canceled. Only a second cancellation stops waiting for it."""
    task = asyncio.create_task(work)
    _cleaning.add(task)
    task.add_done_callback(_cleaning.discard)
    await asyncio.wait([task])
