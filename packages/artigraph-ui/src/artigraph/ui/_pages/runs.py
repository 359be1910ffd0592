"""The list of runs: filtered, with chosen columns, and as a tree of the runs inside of runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from starlette.requests import Request
from starlette.responses import Response

from artigraph.db import on_one_connection
from artigraph.errors import ExpressionError, QueryError
from artigraph.graph.run_rows import RunStatus
from artigraph.printable import quoted
from artigraph.query import RunSelect, columns, select
from artigraph.run import Run
from artigraph.ui._query import PAGE, items, text
from artigraph.ui._render import respond, wants_json
from artigraph.ui._table import RunLine, RunLines
from artigraph.view import RunItem, RunsPage, runs_page
from artigraph.view.expressions import column_of, condition_of
from artigraph.view.listing import group_by_input, list_run_columns, ordered_runs, runs_by_result

_STATUSES = get_args(RunStatus)
_MOST_OPEN = 20
"""The most runs that show the runs inside them on one page."""
_MOST_PINNED = 3
"""The most columns that stay in view beside the name of a run."""
_WIDE = 6
"""With more chosen columns, the table scrolls in its own box, whose bar is always in view."""
_DEEPEST = 8
"""The most levels of the tree. Deeper runs are reached by their own pages."""


@on_one_connection
async def page(request: Request) -> Response:
    """Show a page of runs, the newest first, or the first ones in another order."""
    chosen, problem = items(request, "cols"), None
    pinned = [name for name in items(request, "pin") if name in chosen][:_MOST_PINNED]
    chosen = list(dict.fromkeys([*pinned, *chosen]))
    try:
        document = await _document(request, chosen)
    except ExpressionError as error:
        if wants_json(request):
            raise
        document, problem = RunsPage((), None), str(error)
    grouped = await group_by_input(document) if _is_grouped(request) else None
    opened = [] if wants_json(request) else items(request, "open")[:_MOST_OPEN]
    parts = [(None, document.items)] if grouped is None else [(part.inputs, part.runs) for part in grouped.items]
    groups = [RunLines(inputs, await _rows(runs, chosen, opened, 0)) for inputs, runs in parts]
    rows = [row for group in groups for row in group.lines]
    offered = [] if wants_json(request) else await list_run_columns([row.item.run_id for row in rows])
    return respond(
        request,
        document if grouped is None else grouped,
        "runs.html",
        200 if problem is None else 400,
        chosen=chosen,
        offered=list(dict.fromkeys([*chosen, *offered])),
        opened=opened,
        pinned=pinned,
        most_pinned=_MOST_PINNED,
        names=dict.fromkeys(row.item.name for row in rows if row.item.name is not None),
        groups=groups,
        problem=problem,
        rows=rows,
        shown=document.items,
        statuses=_STATUSES,
        wide=len(chosen) > _WIDE,
        filtered=any(text(request, name) for name in ("name", "status", "w", "in", "under")),
        live=problem is None and not text(request, "before"),
    )


async def _document(request: Request, chosen: Sequence[str]) -> RunsPage:
    used, under, sort, after = (text(request, name) for name in ("in", "under", "sort", "before"))
    query, filtered = _query(request)
    if used is not None and (filtered or sort is not None or under is not None):
        query, filtered = query.used(used), True
    elif used is not None:
        return await runs_page(used=used, columns=chosen, limit=PAGE, after=after)
    if sort is not None:
        query = query if under is None else query.in_run(under)
        text_of, descending = sort.removeprefix("-"), sort.startswith("-")
        if text_of.startswith("results."):
            among = query if filtered or under is not None else None
            return await runs_by_result(text_of, descending=descending, query=among, columns=chosen, limit=PAGE)
        return await ordered_runs(query.order_by(_order(sort)), columns=chosen, limit=PAGE)
    tree = not filtered and under is None
    return await runs_page(query, under=under, top_only=tree, columns=chosen, limit=PAGE, after=after)


def _is_grouped(request: Request) -> bool:
    group = text(request, "group")
    if group not in (None, "input"):
        msg = f"Runs are grouped by input, group=input, not by {quoted(group[:100])}"
        raise QueryError(msg)
    return group is not None


def _query(request: Request) -> tuple[RunSelect, bool]:
    """Return the query of a request, and whether it leaves out runs."""
    name, status, where = (text(request, key) for key in ("name", "status", "w"))
    c, query = columns(Run), select(Run)
    if name is not None:
        query = query.where(c.name == name)
    if status is not None:
        if status not in _STATUSES:
            msg = f"status is one of {', '.join(_STATUSES)}, not {quoted(status[:100])}"
            raise QueryError(msg)
        query = query.where(c.status == status)
    if where is not None:
        query = query.where(condition_of(where, c))
    return query, any((name, status, where))


def _order(sort: str) -> Any:
    column: Any = column_of(sort.removeprefix("-"), columns(Run))
    return column.desc() if sort.startswith("-") else column.asc()


async def _rows(found: Sequence[RunItem], chosen: Sequence[str], opened: Sequence[str], depth: int) -> list[RunLine]:
    """Return the rows of runs, and below each opened one the newest of the runs inside it."""
    rows: list[RunLine] = []
    for item in found:
        is_open = item.child_runs > 0 and depth < _DEEPEST and str(item.run_id) in opened
        rows.append(RunLine(item, depth, is_open))
        if is_open:
            inside = await runs_page(under=item.run_id, columns=chosen, limit=PAGE)
            rows += await _rows(inside.items, chosen, opened, depth + 1)
            if inside.next is not None:
                rows.append(RunLine(item, depth + 1, is_open=False, more=True))
    return rows
