"""The drawing of a lineage as SVG: boxes that are links, in columns, data flowing from left to right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from markupsafe import Markup

from artigraph.lineage import Edge
from artigraph.lineage.export.layout import MOST_PASSING, Distances, Passing, Place, Spot, layout, spots_of
from artigraph.ui._svg import element, joined

_WIDTH, _HEIGHT = 196, 46
_ACROSS, _DOWN = 278, 62
_MARGIN, _SIDE = 4, 58
"""The space around the drawing, and the space for stubs at its left and right."""
_PASSING = 16
"""The height of the place of a line that passes a column."""
_LETTERS = 24
_STUB_WIDTH, _STUB_HEIGHT = 50, 20
_MANY = 10_000
"""From here on, a number has room in thousands only."""


@dataclass(frozen=True, slots=True)
class Stub:
    """Neighbors of a box that are not drawn."""

    count: int
    href: str
    title: str


@dataclass(frozen=True, slots=True)
class Box:
    """A node of the drawing, or several that are drawn as one."""

    name: str
    below: str
    """The second line."""
    href: str
    title: str
    is_run: bool
    is_root: bool
    status: str | None
    before: Stub | None
    """What it was made from and is not drawn."""
    after: Stub | None


"""The upper left corner of a place, in pixels."""


def graph_picture(boxes: Mapping[UUID, Box], edges: Sequence[Edge], title: str) -> Markup:
    """Return a drawing of boxes and the edges between them."""
    columns = layout(list(boxes), edges, most_passing=MOST_PASSING)
    spots = spots_of(columns, Distances(_MARGIN + _SIDE, _MARGIN, _ACROSS, _DOWN, _PASSING))
    width = 2 * (_MARGIN + _SIDE) + (len(columns) - 1) * _ACROSS + _WIDTH
    height = max(y for _, y in spots.values()) + _HEIGHT + _MARGIN
    return element(
        "svg",
        element("title", title),
        *_lines(edges, spots),
        *(_box(box, spots[node_id]) for node_id, box in boxes.items()),
        width=width,
        height=height,
        viewBox=f"0 0 {width} {height}",
        class_="graph",
        role="group",
        aria_label=title,
    )


def _box(box: Box, spot: Spot) -> Markup:
    x, y = spot
    frame = element("rect", x=x, y=y, width=_WIDTH, height=_HEIGHT, rx=_HEIGHT // 2 if box.is_run else 6)
    name = box.name if len(box.name) <= _LETTERS else f"{box.name[: _LETTERS - 1]}…"
    start = x + (20 if box.is_run else 12)
    texts = [
        element("text", name, x=start, y=y + 19),
        element("text", box.below, x=start + (14 if box.status else 0), y=y + 36, class_="below"),
    ]
    if box.status:
        texts.append(element("circle", cx=start + 4, cy=y + 32, r=4, class_=f"dot {box.status}"))
    kind = f"{'run' if box.is_run else 'artifact'}{' root' if box.is_root else ''}"
    link = element(
        "a",
        element("title", box.title),
        frame,
        *texts,
        href=box.href,
        class_=kind,
        aria_label=box.title,
        aria_current="true" if box.is_root else None,
    )
    return joined(link, *_stubs(box, spot))


def _stubs(box: Box, spot: Spot) -> Iterator[Markup]:
    """Yield the numbers beside a box that lead to what is not drawn, below the lines to its neighbors."""
    x, y = spot
    for stub, left in ((box.before, x - _STUB_WIDTH - 8), (box.after, x + _WIDTH + 8)):
        if stub is not None:
            top = y + (_HEIGHT - _STUB_HEIGHT) // 2 + 13
            text = f"+{stub.count:,}" if stub.count < _MANY else f"+{stub.count // 1_000:,}k"
            yield element(
                "a",
                element("title", stub.title),
                element("rect", x=left, y=top, width=_STUB_WIDTH, height=_STUB_HEIGHT, rx=_STUB_HEIGHT // 2),
                element("text", text, x=left + _STUB_WIDTH // 2, y=top + 14, text_anchor="middle"),
                href=stub.href,
                class_="stub",
                aria_label=stub.title,
            )


def _lines(edges: Sequence[Edge], spots: Mapping[Place, Spot]) -> Iterator[Markup]:
    for edge in edges:
        yield element("path", d=_curve(edge, spots), class_=f"edge {edge.kind}")
    ends = {spots[edge.target_id] for edge in edges}
    tips = "".join(f"M{x - 7} {y + _HEIGHT // 2 - 4}l7 4-7 4" for x, y in sorted(ends))
    if tips:
        yield element("path", d=tips, class_="tip")


def _curve(edge: Edge, spots: Mapping[Place, Spot]) -> str:
    """Return a line from the right of one box to the left of another, through its places in the columns between."""
    bend = (_ACROSS - _WIDTH) // 2
    x, y = spots[edge.source_id][0] + _WIDTH, spots[edge.source_id][1] + _HEIGHT // 2
    end_x, end_y = spots[edge.target_id][0], spots[edge.target_id][1] + _HEIGHT // 2
    drawn = f"M{x} {y}"
    number = (x - _WIDTH - _MARGIN - _SIDE) // _ACROSS + 1
    while (passing := spots.get(Passing(edge, number))) is not None:
        next_y = passing[1] + _PASSING // 2
        drawn += f"C{x + bend} {y} {passing[0] - bend} {next_y} {passing[0]} {next_y}h{_WIDTH}"
        x, y, number = passing[0] + _WIDTH, next_y, number + 1
    if end_x < x:  # a line that closes a cycle goes back below its box
        below, left = y + _DOWN // 2, end_x - bend
        back = f"C{x + bend} {y} {x + bend} {below} {x} {below}H{end_x}"
        return f"{drawn}{back}C{left} {below} {left} {end_y} {end_x} {end_y}"
    return f"{drawn}C{x + bend} {y} {end_x - bend} {end_y} {end_x} {end_y}"
