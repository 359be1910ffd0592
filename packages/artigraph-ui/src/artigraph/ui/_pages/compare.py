"""Runs side by side: what differs, and charts of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from artigraph.db import on_one_connection
from artigraph.errors import QueryError
from artigraph.printable import quoted
from artigraph.ui._charts import Point, scatter_chart
from artigraph.ui._links import Links
from artigraph.ui._parallel import MOST_WORDS, Coordinate, Line, parallel_chart
from artigraph.ui._query import flag, items, text
from artigraph.ui._render import links_of, respond, wants_json
from artigraph.ui._svg import number_axis, number_text
from artigraph.view import CompareDocument, CompareRow, RunItem, compare_runs

_FEWEST_AXES, _MOST_AXES = 2, 8
_TITLES = {"parameter": "Parameters", "tag": "Tags", "environment": "Environment", "result": "Results"}


@on_one_connection
async def page(request: Request) -> Response:
    """Show in what runs differ; with `all`, also in what they do not."""
    runs, everything = items(request, "run"), flag(request, "all")
    document = await compare_runs(runs, only_differences=not everything)
    if wants_json(request):
        return respond(request, document, "compare.html")
    links = links_of(request)
    numeric = {_key(row): row for row in document.rows if _is_numeric(row)}
    x, y = _chosen(request, numeric)
    parallel = _parallel(document, links)
    return respond(
        request,
        document,
        "compare.html",
        runs=runs,
        everything=everything,
        groups=[(_TITLES[kind], list(rows)) for kind, rows in groupby(document.rows, lambda row: row.kind)],
        numeric=numeric,
        x=x,
        y=y,
        scatter=None if x is None or y is None else _scatter(document.runs, numeric[x], numeric[y], links),
        parallel=parallel,
    )


def _key(row: CompareRow) -> str:
    return f"{row.kind}:{row.name}"


def _is_numeric(row: CompareRow) -> bool:
    """Return whether two runs have different numbers."""
    return bool(row.lowest)


def _numbers(row: CompareRow) -> list[float | None]:
    # A number that is shown as text, NaN or an integer beyond 2**53, is no place in a chart.
    return [value if isinstance(value, (int, float)) and not isinstance(value, bool) else None for value in row.values]


def _chosen(request: Request, numeric: dict[str, CompareRow]) -> tuple[str | None, str | None]:
    """Return the rows of the scatter chart: those that were asked for, or the first parameter and the first result.

    Raises:
        QueryError: a row was asked for that is no number in the runs.
    """
    given = [text(request, name) for name in ("x", "y")]
    for name, key in zip(("x", "y"), given, strict=True):
        if key is not None and key not in numeric:
            known = ", ".join(list(numeric)[:10]) or "none"
            msg = f"{name}={quoted(key[:100])} is no number that differs between these runs. Such numbers are: {known}"
            raise QueryError(msg)
    keys = list(numeric)
    results = [key for key in keys if key.startswith("result:")]
    first = given[0] or next(iter(keys), None)
    second = given[1] or next((key for key in (*results, *keys) if key != first), None)
    return first, second


def _scatter(runs: Sequence[RunItem], x: CompareRow, y: CompareRow, links: Links) -> Markup | None:
    pairs = zip(runs, _numbers(x), _numbers(y), strict=True)
    points = [
        Point(
            across,
            up,
            links.to("run", run_id=run.run_id),
            f"{number}. {run.name or 'unnamed run'}: {number_text(across)}, {number_text(up)}",
            (str(number),),
        )
        for number, (run, across, up) in enumerate(pairs, 1)
        if across is not None and up is not None
    ]
    if not points:
        return None
    axes = number_axis([point.x for point in points], most=6), number_axis([point.y for point in points])
    return scatter_chart(points, *axes, title=f"{y.name} by {x.name}, a point for each run")


def _parallel(document: CompareDocument, links: Links) -> tuple[Markup, int] | None:
    """Return parallel coordinates of what differs, and how many values have no axis. None with fewer than two."""
    found = list(_coordinates(document))
    results = [each for kind, each in found if kind == "result"]
    others = [each for kind, each in found if kind == "parameter"]
    inputs = others[: max(_MOST_AXES - len(results), _MOST_AXES // 2)]
    # The last axis decides the colors, so it is the first result.
    shown = [*inputs, *results[1 : _MOST_AXES - len(inputs)], *results[:1]]
    if len(shown) < _FEWEST_AXES:
        return None
    lines = [
        Line(links.to("run", run_id=run.run_id), f"{number}. {run.name or 'unnamed run'}")
        for number, run in enumerate(document.runs, 1)
    ]
    names = ", ".join(each.name for each in shown)
    return parallel_chart(shown, lines, title=f"A line for each run through {names}"), len(found) - len(shown)


def _coordinates(document: CompareDocument) -> Iterator[tuple[str, Coordinate]]:
    """Yield what differs and can be an axis, with its kind: numbers, and a few different texts."""
    for row in document.rows:
        if not row.differs:
            continue
        numbers = _numbers(row)
        if _is_numeric(row):
            yield row.kind, Coordinate(row.name, tuple(numbers))
        elif not any(number is not None for number in numbers):
            words = tuple(None if not has else str(value) for value, has in zip(row.values, row.present, strict=True))
            if 1 < len(set(words)) <= MOST_WORDS:
                yield row.kind, Coordinate(row.name, words)
