"""The models."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from artigraph.ui._render import respond
from artigraph.view import models_page


async def page(request: Request) -> Response:
    """Show all models by their stored names."""
    return respond(request, await models_page(), "models.html")
