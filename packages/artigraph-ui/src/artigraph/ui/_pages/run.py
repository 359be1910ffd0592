"""One run."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from artigraph.ui._render import respond, wants_json
from artigraph.view import run_document


async def page(request: Request) -> Response:
    """Show everything about a run."""
    document = await run_document(request.path_params["run_id"])
    values: Any = {} if wants_json(request) else document.to_dict()["data"]  # as JSON spells them
    return respond(request, document, "run.html", data=values)
