"""What differs between two artifacts or runs."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from artigraph.errors import NodeNotFoundError, QueryError
from artigraph.ui._query import text
from artigraph.ui._render import links_of, respond, wants_json
from artigraph.view import artifact_document, diff_document

_MOST_ROWS = 1_000


async def page(request: Request) -> Response:
    """Show what changed from one artifact to another, value by value. Two runs are shown by the page that compares."""
    before, after = text(request, "a"), text(request, "b")
    if before is None or after is None:
        msg = "Two artifacts differ or not: /diff?a=ID&b=ID"
        raise QueryError(msg)
    document = await diff_document(before, after)
    if wants_json(request):
        return respond(request, document, "diff.html")
    try:
        sides = [await artifact_document(node_id, limit=1) for node_id in (before, after)]
    except NodeNotFoundError:  # both exist, so they are runs, which have a page of their own
        return RedirectResponse(links_of(request).to("compare", run=[before, after]), 303)
    return respond(request, document, "diff.html", sides=sides, rows=document.items[:_MOST_ROWS])
