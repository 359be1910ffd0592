"""What takes how much."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from artigraph.ui._render import respond
from artigraph.view import storage_document


async def page(request: Request) -> Response:
    """Show how much the storages, the models and the runs take."""
    return respond(request, await storage_document(), "storage.html")
