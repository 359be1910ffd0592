"""The bytes of a stored value, sent in parts: as a file to save, and images to show."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import AsyncIterator, Mapping
from typing import BinaryIO
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from artigraph.errors import NodeNotFoundError, QueryError
from artigraph.stored import open_stored


async def page(request: Request) -> Response:
    """Return the bytes as an attachment, whatever they are."""
    node_id, path = request.path_params["artifact_id"], _path(request)
    file = await open_stored(node_id, path)
    name = "-".join([str(node_id)[:13], *path])
    return await stream(request, file, {"content-disposition": attachment(name)}, "application/octet-stream")


async def image(request: Request) -> Response:
    """Return the bytes of an image with their own media type, if they begin as one that cannot hold a script."""
    path = _path(request)
    file = await open_stored(request.path_params["artifact_id"], path)
    try:
        media_type = image_type(await asyncio.to_thread(file.read, SIGNATURE))
    except BaseException:
        file.close()
        raise
    if media_type is None:
        file.close()
        msg = f"{'.'.join(path)!r:.100} is no PNG, JPEG, GIF or WebP image; download its content instead"
        raise NodeNotFoundError(msg)
    return await stream(request, file, {}, media_type)


def _path(request: Request) -> list[str]:
    path = request.query_params.getlist("path")
    if not path:
        msg = "path is missing: the labels from the artifact to the value, ?path=data&path=samples say"
        raise QueryError(msg)
    return path


# Sending bytes --------------------------------------------------------------------------------------------------------


_CHUNK = 2**18
_SIGNATURES: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), "image/webp"),
)
"""How the images begin that browsers may show. None of these formats can hold a script."""
SIGNATURE = 16
"""The bytes that tell an image."""
_UNSAFE = re.compile(r"[^\w .()+=,@-]+")
_LONGEST = 100


def image_type(beginning: bytes) -> str | None:
    """Return the media type of an image by its first bytes; None if it is no image that a page may show."""
    return next((media_type for pattern, media_type in _SIGNATURES if pattern.match(beginning)), None)


def attachment(name: str) -> str:
    """Return a header that makes browsers save the answer as a file (RFC 6266).

    The name has letters, digits and a few marks only. It cannot be a path or a hidden file, nor hide its ending. A name
    beyond ASCII is given twice, once for clients that do not know `filename*`.
    """
    safe = _UNSAFE.sub("_", name).strip(" .")[:_LONGEST].rstrip(" .") or "object"
    plain = safe.encode("ascii", "replace").decode().replace("?", "_")
    extended = "" if plain == safe else f"; filename*=UTF-8''{quote(safe, safe='')}"
    return f'attachment; filename="{plain}"{extended}'


async def stream(request: Request, file: BinaryIO, headers: Mapping[str, str], media_type: str) -> Response:
    """Return the bytes of a file as an answer that closes it. For HEAD, return the headers alone.

    The first chunk is read at once, so what is wrong with it is an error of its own and not the end of a connection.
    """
    try:
        size = await asyncio.to_thread(file.seek, 0, io.SEEK_END)
        await asyncio.to_thread(file.seek, 0)
        first = b"" if request.method == "HEAD" else await asyncio.to_thread(file.read, _CHUNK)
    except BaseException:
        file.close()
        raise
    headers = {**headers, "content-length": str(size)}
    if request.method == "HEAD":
        file.close()
        return Response(headers=headers, media_type=media_type)
    return _Stored(file, first, headers, media_type)


class _Stored(StreamingResponse):
    """Sends a file, and closes it however that ends."""

    def __init__(self, file: BinaryIO, first: bytes, headers: Mapping[str, str], media_type: str) -> None:
        self._file = file
        super().__init__(self._chunks(first), headers=headers, media_type=media_type)

    async def _chunks(self, first: bytes) -> AsyncIterator[bytes]:
        chunk = first
        while chunk:
            yield chunk
            chunk = await asyncio.to_thread(self._file.read, _CHUNK)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()
