"""The bytes of a stored value: as a file to save, and images to show."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from artigraph.errors import NodeNotFoundError, QueryError
from artigraph.stored import open_stored
from artigraph.ui._download import SIGNATURE, attachment, image_type, stream


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
