"""One run."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from artigraph.ui._render import respond
from artigraph.view import run_document


async def page(request: Request) -> Response:
    """Show everything about a run."""
    return respond(request, await run_document(request.path_params["run_id"]), "run.html")
