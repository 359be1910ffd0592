"""The start: it leads to the runs."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from artigraph.ui._render import links_of


async def page(request: Request) -> Response:
    """Redirect to the list of runs."""
    return RedirectResponse(links_of(request).to("runs"), 307)
