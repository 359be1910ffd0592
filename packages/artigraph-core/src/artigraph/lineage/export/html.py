"""Draw lineage as SVG, for notebooks in HTML: without scripts and without network access."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Literal, TypeAlias
from uuid import UUID

from artigraph.errors import ArgumentError, QueryError
from artigraph.html import BUDGET
from artigraph.lineage._graph import Lineage
from artigraph.lineage._reachable import Edge
from artigraph.lineage.export._boxes import Box, Boxes, nearest, one_each, one_for_each_series
from artigraph.lineage.export.layout import MOST_PASSING, Distances, Passing, Place, Spot, layout, spots_of
from artigraph.printable import count_text, printable

MOST_DRAWN = 150
"""The most boxes in a drawing. A larger one would be unreadable."""

_WIDTH, _HEIGHT, _ACROSS, _DOWN, _MARGIN = 190, 38, 260, 54, 8
_PASSING = 14
"""The height of the place of a line that passes a column."""
_LETTERS = 25
_STYLE = "font:12px sans-serif;max-width:100%;height:auto"
_DASHES = {"produced": "", "used": ' stroke-dasharray="4 3"', "child": ' stroke-dasharray="1 4"'}
"""How the lines of each kind of edge are dashed."""

Collapse: TypeAlias = Literal["series"]
"""What a drawing has one box for, instead of one for each node."""
_COLLAPSED = "The versions of a series are drawn as one box, and so are the runs of one name."
"""The left and upper end of a box or a line, in pixels."""


def to_html(lineage: Lineage) -> str:
    """Return a graph as HTML: columns of boxes, data flowing left to right.

    A graph too large is drawn with one box for each series and each name of runs. If that is too large, too, only what
    is near is drawn. If even the direct neighbors are too many, it is a sentence.
    """
    for boxes, note in _ways(lineage) if lineage.nodes else ():
        if len(boxes.by_id) <= MOST_DRAWN:
            for most_passing in (MOST_PASSING, 0):  # straight lines take less space
                drawn = (f"<p>{note}</p>" if note else "") + _draw(lineage, boxes, most_passing)
                if len(drawn.encode()) <= BUDGET:
                    return drawn
    hint = "; it is too large to be drawn: to_networkx() has all of it" if lineage.nodes else ""
    return f"<p>{escape(repr(lineage))}{hint}</p>"


def _ways(lineage: Lineage) -> Iterator[tuple[Boxes, str]]:
    """Yield what can be drawn, the most telling first, with a note for the reader."""
    if len(lineage) <= MOST_DRAWN:
        yield one_each(lineage), ""
    yield one_for_each_series(lineage), _COLLAPSED
    near = nearest(lineage, MOST_DRAWN)
    if near is not None:
        boxes, level = near
        yield boxes, f"Only what is at most {count_text(level, 'edge')} away is drawn."


def to_svg(lineage: Lineage, collapse: Collapse | None = None) -> str:
    """Return a graph as an SVG file; `Lineage.to_svg` says how."""
    if collapse not in (None, "series"):
        msg = f'collapse is "series" or None, not {collapse!r:.100}'
        raise ArgumentError(msg)
    if not lineage.nodes:
        msg = "The graph has no nodes to draw"
        raise QueryError(msg)
    boxes = one_each(lineage) if collapse is None else one_for_each_series(lineage)
    if len(boxes.by_id) > MOST_DRAWN:
        ways = "" if collapse else 'draw one box for each series with collapse="series", or '
        msg = f"The drawing has {len(boxes.by_id):,} boxes, more than {MOST_DRAWN}: {ways}ask for a part of the graph"
        raise QueryError(msg)
    return _draw(lineage, boxes, MOST_PASSING)


def _draw(lineage: Lineage, boxes: Boxes, most_passing: int) -> str:
    """Return the drawing. What its lines, boxes and texts share is said once, so that it stays small."""
    columns = layout(list(boxes.by_id), boxes.edges, most_passing=most_passing)
    spots = spots_of(columns, Distances(_MARGIN, _MARGIN, _ACROSS, _DOWN, _PASSING))
    places = {place: spot for place, spot in spots.items() if isinstance(place, UUID)}
    width = max(x for x, _ in places.values()) + _WIDTH + _MARGIN
    height = max(y for _, y in spots.values()) + _HEIGHT + _MARGIN
    items = boxes.by_id.items()
    lines = [_lines(kind, [edge for edge in boxes.edges if edge.kind == kind], spots) for kind in _DASHES]
    tips = "".join(_tip(places[edge.target_id]) for edge in boxes.edges)
    frames = [_frame(box, places[box_id]) for box_id, box in items]
    names = [_line_of_text(places[box_id], 16, escape(_shortened(box.name))) for box_id, box in items]
    below = [_line_of_text(places[box_id], 30, escape(box.below)) for box_id, box in items]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img" style="{_STYLE}"><title>{escape(repr(lineage))}</title>'
        f'<g fill="none" stroke="currentColor" opacity="0.6">{"".join(lines)}<path d="{tips}"/></g>'
        f'<g fill="none" stroke="currentColor" pointer-events="all">{"".join(frames)}</g>'
        f'<g fill="currentColor" pointer-events="none">{"".join(names)}<g opacity="0.6">{"".join(below)}</g></g></svg>'
    )


def _frame(box: Box, place: Spot) -> str:
    x, y = place
    round_by = _HEIGHT // 2 if box.is_run else 3
    thick = ' stroke-width="3"' if box.asked else ""
    return (
        f'<rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="{round_by}"{thick}>'
        f"<title>{escape(box.tip)}</title></rect>"
    )


def _shortened(name: str) -> str:
    # The end may lie between the parts of a joined sign.
    return name if len(name) <= _LETTERS else printable(f"{name[: _LETTERS - 1]}\N{HORIZONTAL ELLIPSIS}")


def _line_of_text(place: tuple[int, int], down: int, markup: str) -> str:
    return f'<text x="{place[0] + 12}" y="{place[1] + down}">{markup}</text>'


def _lines(kind: str, edges: Sequence[Edge], spots: Mapping[Place, Spot]) -> str:
    """Return the edges of one kind as one path."""
    curves = "".join(_curves(edge, spots) for edge in edges)
    return f'<path d="{curves}"{_DASHES[kind]}><title>{kind}</title></path>' if curves else ""


def _curves(edge: Edge, spots: Mapping[Place, Spot]) -> str:
    """Return a line from the right of one box to the left of another, through its places in the columns between."""
    bend = (_ACROSS - _WIDTH) // 2
    x, y = _right(spots[edge.source_id])
    drawn = f"M{x} {y}"
    end_x, end_y = spots[edge.target_id][0], spots[edge.target_id][1] + _HEIGHT // 2
    number = (x - _WIDTH - _MARGIN) // _ACROSS + 1
    while (passing := spots.get(Passing(edge, number))) is not None:
        right, down = passing[0] - x, passing[1] - y
        drawn += f"c{bend} 0 {right - bend} {down} {right} {down}h{_WIDTH}"
        x, y, number = passing[0] + _WIDTH, passing[1], number + 1
    right, down = end_x - x, end_y - y
    if right < 0:  # a line that closes a cycle goes back below its box
        below = _HEIGHT // 2 + (_DOWN - _HEIGHT) // 2
        return f"{drawn}c{bend} 0 {bend} {below} 0 {below}h{right}c{-bend} 0 {-bend} {down - below} 0 {down - below}"
    return f"{drawn}c{bend} 0 {right - bend} {down} {right} {down}"


def _right(spot: Spot) -> Spot:
    return spot[0] + _WIDTH, spot[1] + _HEIGHT // 2


def _tip(end: tuple[int, int]) -> str:
    return f"M{end[0] - 6} {end[1] + _HEIGHT // 2 - 4}l6 4-6 4"
