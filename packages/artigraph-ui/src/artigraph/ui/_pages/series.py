"""The versions of a series: charts of their numbers, and a table."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from artigraph.errors import NodeNotFoundError, QueryError
from artigraph.printable import quoted
from artigraph.ui._charts import Gap, Point, line_chart
from artigraph.ui._links import Links
from artigraph.ui._query import PAGE, flag, text
from artigraph.ui._render import links_of, respond, wants_json
from artigraph.ui._svg import Axis, number_axis, number_text, time_axis
from artigraph.view import SeriesDocument, SeriesPoint, SeriesPointsDocument, series_document, series_points

_MOST_POINTS = 240
"""More points than that do not tell more on a screen."""
_CHARTS = 3
"""The charts that are shown if no fields were chosen."""


async def page(request: Request) -> Response:
    """Show charts of the numbers of a series over its versions or over time, and a page of the versions."""
    model, label, x = text(request, "model"), text(request, "label"), text(request, "x") or "version"
    if model is None or label is None:
        msg = "A series has a model and a label: /series?model=Report&label=report"
        raise QueryError(msg)
    if x not in ("version", "time"):
        msg = f"x is version or time, not {quoted(x[:100])}"
        raise QueryError(msg)
    chosen = [name for name in dict.fromkeys(request.query_params.getlist("y")) if name]
    document = await series_document(model, label, limit=PAGE, after=text(request, "before"))
    if not document.total:
        msg = f"No artifact of the model {quoted(model[:100])} has the label {quoted(label[:100])}"
        raise NodeNotFoundError(msg)
    if wants_json(request):
        return respond(request, document, "series.html")
    points = await series_points(model, label, chosen or None, most=_MOST_POINTS)
    shown = points.fields if chosen else points.fields[:_CHARTS]
    links, axis = links_of(request), _axis(points.points, x)
    return respond(
        request,
        document,
        "series.html",
        points=points,
        charts=[(name, *_chart(name, points, axis, x, links)) for name in shown],
        shown=shown,
        options=_options(document, points),
        x=x,
        numbers=flag(request, "numbers"),
    )


def _options(document: SeriesDocument, points: SeriesPointsDocument) -> list[str]:
    """Return the fields that can be drawn: the numbers among the versions of the page, and what is drawn."""
    numbers = (
        name
        for item in document.versions
        for name, value in item.columns.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    )
    return list(dict.fromkeys((*numbers, *points.fields)))


def _axis(points: Sequence[SeriesPoint], x: str) -> Axis:
    places = [_place(point, x) for point in points]
    return time_axis(places, most=6) if x == "time" else number_axis(places, most=6, whole=True)


def _place(point: SeriesPoint, x: str) -> float:
    return point.created_at.timestamp() if x == "time" else point.number


def _chart(name: str, document: SeriesPointsDocument, axis: Axis, x: str, links: Links) -> tuple[Markup | None, str]:
    """Return the chart of a field, or None if no version has a number there; and a summary."""
    values = [point.values[name] for point in document.points if name in point.values]
    if not values:
        return None, "No version has a number here."
    places: list[Point | Gap] = []
    for point in document.points:
        if name not in point.values:
            places.append(Gap(_place(point, x)))
            continue
        about = f"version {point.number}: {number_text(point.values[name])}"
        about += f" ({', '.join(point.aliases)})" if point.aliases else ""
        href = links.to("artifact", artifact_id=point.artifact_id)
        places.append(Point(_place(point, x), point.values[name], href, about, point.aliases))
    least, greatest = number_text(min(values)), number_text(max(values))
    summary = f"newest {number_text(values[-1])}, lowest {least}, highest {greatest}"
    title = f"{name} over {'time' if x == 'time' else 'the versions'}: {summary}"
    return line_chart(places, axis, number_axis(values, most=4), title=title), summary
