"""Pages that show a document as it is, and what leads to pages or is loaded by them."""

from __future__ import annotations

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from artigraph.ui._render import TYPES, assets, links_of, respond, wants_json
from artigraph.view import models_page, run_document, storage_document

_FOREVER = "public, max-age=31536000, immutable"


async def home(request: Request) -> Response:
    """Redirect to the list of runs."""
    return RedirectResponse(links_of(request).to("runs"), 307)


async def run(request: Request) -> Response:
    """Show everything about a run."""
    document = await run_document(request.path_params["run_id"])
    values: Any = {} if wants_json(request) else document.to_dict()["data"]  # as JSON spells them
    return respond(request, document, "run.html", data=values)


async def models(request: Request) -> Response:
    """Show all models by their stored names."""
    return respond(request, await models_page(), "models.html")


async def storage(request: Request) -> Response:
    """Show how much the storages, the models and the runs take."""
    return respond(request, await storage_document(), "storage.html")


async def static(request: Request) -> Response:
    """Return a file that pages load. Its address changes when it does, so a browser asks for it once."""
    name = request.path_params["name"]
    if name not in TYPES:
        raise HTTPException(404)
    return Response(assets()[name], media_type=TYPES[name], headers={"cache-control": _FOREVER})
