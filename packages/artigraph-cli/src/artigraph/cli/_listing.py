"""List artifacts, series and runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from artigraph.cli._output import Column, Output, duration, moment
from artigraph.identifiers import first_id
from artigraph.query import RunSelect, StoredSelect, columns, select
from artigraph.run import Run
from artigraph.view import ArtifactsPage, RunsPage, artifacts_page, runs_page
from artigraph.view import listing as lists
from artigraph.view.expressions import column_of, condition_of
from artigraph.view.references import shortest_prefixes

_STYLES = {"completed": "green", "failed": "red", "lost": "red", "running": "cyan"}


@dataclass(frozen=True, slots=True)
class Request:
    """What `artigraph ls` was asked for."""

    model: str | None
    series: bool
    runs: bool
    where: str | None
    since: timedelta | datetime | None
    status: str | None
    sort: str | None
    limit: int
    columns: list[str] | None
    after: str | None


async def list_runs(output: Output, request: Request) -> None:
    """List runs."""
    c = columns(Run)
    query: RunSelect = select(Run)
    if request.where is not None:
        query = query.where(condition_of(request.where, c))
    if request.status is not None:
        query = query.where(c.status == request.status)
    if request.since is not None:
        query = query.newer_than(_before(request.since))
    chosen = request.columns or []
    page: RunsPage
    if request.sort is not None and request.sort.removeprefix("-").startswith("results."):
        by, descending = request.sort.removeprefix("-"), request.sort.startswith("-")
        page = await lists.runs_by_result(by, descending=descending, query=query, columns=chosen, limit=request.limit)
    elif request.sort is not None:
        query = query.order_by(_order(request.sort, c))
        page = await lists.ordered_runs(query, columns=chosen, limit=request.limit)
    else:
        page = await runs_page(query, columns=chosen, limit=request.limit, after=request.after)
    ids = {each for item in page.items for each in (item.run_id, item.cached_from) if each is not None}
    prefixes = await shortest_prefixes(sorted(ids)) if output.draws else {}
    document = page.to_dict()
    # People see the column only if a run was served. A pipe gets the same columns each time.
    shown = run_columns(chosen, prefixes, served=not output.draws or any(item.cached_from for item in page.items))
    output.table(document, with_cells(document["data"]), shown, "No runs.")


async def list_artifacts(output: Output, request: Request) -> None:
    """List artifacts of a model with their fields, or of all models."""
    since = None if request.since is None else _before(request.since)
    if request.model is None:
        page = await artifacts_page(columns=[], limit=request.limit, after=request.after)
        page = page if since is None else _newer(page, since)
    else:
        page = await _artifacts_of(request.model, request, since)
    prefixes = await shortest_prefixes([item.artifact_id for item in page.items]) if output.draws else {}
    document = page.to_dict()
    fields = request.columns or list(dict.fromkeys(name for item in page.items for name in item.columns))
    shown = artifact_columns(fields, prefixes, model=request.model is None)
    output.table(document, with_cells(document["data"]), shown, "No artifacts.")


async def list_series(output: Output) -> None:
    """List all series."""
    document = (await lists.list_series()).to_dict()
    shown = [Column("model_name", keep=2), Column("label", keep=2), Column("versions", _count, right=True, keep=1)]
    output.table(document, document["data"], shown, "No series.")


async def _artifacts_of(model: str, request: Request, since: UUID | None) -> ArtifactsPage:
    c = columns(model)
    query: StoredSelect = select(model)
    if request.where is not None:
        query = query.where(condition_of(request.where, c))
    if since is not None:
        query = query.newer_than(since)
    if request.sort is not None:
        query = query.order_by(_order(request.sort, c))
        return await lists.ordered_artifacts(query, columns=request.columns, limit=request.limit)
    return await artifacts_page(query, columns=request.columns, limit=request.limit, after=request.after)


def _newer(page: ArtifactsPage, since: UUID) -> ArtifactsPage:
    """Return the items of a page that were made after a moment. If it lacks some, no following page has any."""
    items = tuple(item for item in page.items if item.artifact_id > since)
    return ArtifactsPage(items, page.next if len(items) == len(page.items) else None)


def _before(since: timedelta | datetime) -> UUID:
    """Return the greatest id that is from before a moment."""
    moment = datetime.now(UTC) - since if isinstance(since, timedelta) else since
    return UUID(int=max(first_id(moment).int - 1, 0))


def _order(text: str, of: Any) -> Any:
    """Return the order that `--sort` names."""
    column = column_of(text.removeprefix("-"), of)
    return column.desc() if text.startswith("-") else column.asc()


# Columns --------------------------------------------------------------------------------------------------------------


def run_columns(chosen: Sequence[str], prefixes: Mapping[UUID, str], *, served: bool) -> list[Column]:
    """Return the columns of a table of runs, with that of the cache if a run may have been served."""

    def shortened(text: Any) -> str:
        return "" if text is None else prefixes.get(UUID(text), text)

    return [
        Column("run_id", shortened, keep=9, style="cyan"),
        Column("name", keep=8),
        Column("status", keep=7, styles=_STYLES),
        *(Column(name, keep=6) for name in chosen),
        Column("started_at", moment, keep=5),
        Column("duration", duration, right=True, keep=4),
        Column("child_runs", _count, right=True, keep=1),
        *([Column("cached_from", shortened, keep=3, style="cyan")] if served else []),
        Column("error_type", keep=3, style="red"),
        Column("error_message", keep=2),
    ]


def artifact_columns(fields: Sequence[str], prefixes: Mapping[UUID, str], *, model: bool) -> list[Column]:
    """Return the columns of a table of artifacts, with that of the model if there may be several."""
    return [
        Column("artifact_id", lambda text: prefixes.get(UUID(text), text), keep=9, style="cyan"),
        *([Column("model_name", keep=8)] if model else []),
        Column("label", keep=7),
        *(Column(name, keep=6) for name in fields),
        Column("aliases", keep=5, style="magenta"),
        Column("created_at", moment, keep=4),
    ]


def with_cells(items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return items of a page with their chosen columns beside their own fields.

    Where a value has a problem, the row says so. A field of an item wins over a column of the same name.
    """
    problems = [dict.fromkeys(item["problems"], "(cannot be read)") for item in items]
    return [{**item["columns"], **problem, **item} for item, problem in zip(items, problems, strict=True)]


def _count(number: int) -> str:
    return f"{number:,}"
