"""The files that pages load."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from artigraph.ui._assets import TYPES, assets
from artigraph.ui._compress import compressed

_FOREVER = "public, max-age=31536000, immutable"


async def page(request: Request) -> Response:
    """Return a file. Its address changes when it does, so a browser asks for it once."""
    name = request.path_params["name"]
    if name not in TYPES:
        raise HTTPException(404)
    answer = Response(assets()[name], media_type=TYPES[name], headers={"cache-control": _FOREVER})
    return compressed(request, answer, level=9)
