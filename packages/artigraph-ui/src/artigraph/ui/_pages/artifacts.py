"""The list of artifacts: of one model with its fields as columns, of one run, or all."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from artigraph.db import on_one_connection
from artigraph.errors import ExpressionError, QueryError
from artigraph.query import columns, select
from artigraph.ui._query import PAGE, items, text
from artigraph.ui._render import respond, wants_json
from artigraph.view import ArtifactsPage, artifacts_page
from artigraph.view.expressions import condition_of
from artigraph.view.listing import SeriesItem, list_series


@on_one_connection
async def page(request: Request) -> Response:
    """Show a page of artifacts, the newest first."""
    problem = None
    try:
        document = await _document(request)
    except ExpressionError as error:
        if wants_json(request):
            raise
        document, problem = ArtifactsPage((), None), str(error)
    series: tuple[SeriesItem, ...] = ()
    model = text(request, "model")
    if model is not None and not wants_json(request):
        series = (await list_series(model)).items
    code = 200 if problem is None else 400
    return respond(request, document, "artifacts.html", code, model=model, problem=problem, series=series)


async def _document(request: Request) -> ArtifactsPage:
    model, where, made_by, used_by = (text(request, name) for name in ("model", "w", "made_by", "used_by"))
    chosen, after = items(request, "cols") or None, text(request, "before")
    if where is not None:
        if model is None:
            msg = "w is a condition on the fields of a model, so it needs model, too"
            raise QueryError(msg)
        query = select(model).where(condition_of(where, columns(model)))
        return await artifacts_page(query, made_by=made_by, used_by=used_by, columns=chosen, limit=PAGE, after=after)
    shown = [] if chosen is None and model is None and made_by is None and used_by is None else chosen
    return await artifacts_page(model, made_by=made_by, used_by=used_by, columns=shown, limit=PAGE, after=after)
