"""The search, which also follows references such as Report/report@production."""

from __future__ import annotations

from itertools import groupby

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from artigraph.db import on_one_connection
from artigraph.errors import NotFoundError, QueryError
from artigraph.ui._query import text
from artigraph.ui._render import links_of, respond, wants_json
from artigraph.view import SearchDocument
from artigraph.view import search as search_store
from artigraph.view.references import find_node


@on_one_connection
async def page(request: Request) -> Response:
    """Show what begins with a text. A reference leads to its run or artifact."""
    asked = text(request, "q")
    document = SearchDocument("", ()) if asked is None else await search_store(asked)
    if asked is not None and not document.hits and not wants_json(request):
        found = await _referred(request, asked)
        if found is not None:
            return RedirectResponse(found, 303)
    groups = {kind: list(hits) for kind, hits in groupby(document.hits, lambda hit: hit.kind)}
    return respond(request, document, "search.html", groups=groups)


async def _referred(request: Request, asked: str) -> str | None:
    """Return the link to the node that a reference names; None if it names none."""
    try:
        node_id = await find_node(asked)
    except (QueryError, NotFoundError):
        return None
    name, parameter = ("artifact", "artifact_id") if "/" in asked else ("run", "run_id")
    return links_of(request).to(name, **{parameter: node_id})
