"""Charts as SVG, made by the server: lines over versions or times, and points of two numbers.

Widths are shares of the page's width, so texts keep their size on every screen. Colors are in the stylesheet. A chart
has a title, and its page has the same numbers in a table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from markupsafe import Markup

from artigraph.ui._svg import Axis, element, joined, number, percent

_TOP, _BOTTOM = 10, 26
"""The heights above the plot and below it. The lower one has the ticks of x."""
_LETTER = 7.2
"""About the width of a letter, in pixels."""
_ROW = 18
"""The height of a row of names above the plot."""
_NARROW = 300
"""The width of a plot on a narrow screen. Names that do not overlap there do so nowhere."""
_MOST_ROWS = 3
_TURN = 0.6
"""The share of the width from which on a name is left of its mark."""
_EDGE = 0.08
"""The share of the width near an end in which a tick must not reach beyond it."""
_WIDE = 1_000
"""The width of the picture that is stretched to the width of the plot."""
MOST_LINKED = 150
"""The most points of a line that are drawn as links of their own. A longer line has only those with names."""


@dataclass(frozen=True, slots=True)
class Point:
    """A place in a chart, with its page."""

    x: float
    y: float
    href: str
    title: str
    """What it is, for the pointer and for screen readers."""
    names: tuple[str, ...] = ()
    """What is written beside it: aliases of a version, the number of a run."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A place where a line is interrupted, since a value is missing."""

    x: float


def line_chart(points: Sequence[Point | Gap], x: Axis, y: Axis, *, title: str, height: int = 180) -> Markup:
    """Return a line through points, which are ordered by x. Those with names are marked, with the names on top."""
    given = [point for point in points if isinstance(point, Point)]
    named = [point for point in given if point.names]
    rows = list(_rows(named, x))
    frame = _Frame(x, y, _TOP + _ROW * (max(rows, default=-1) + 1), height)
    runs = [list(part) for kind, part in groupby(points, type) if kind is Point]
    alone = {part[0].x for part in runs if len(part) == 1}
    dots = given if len(given) <= MOST_LINKED else [point for point in given if point.names or point.x in alone]
    marks = [frame.mark(point, _TOP + _ROW * row) for point, row in zip(named, rows, strict=True)]
    return frame.drawn([*marks, frame.lines(runs), *(frame.dot(point, 3) for point in dots)], title)


def scatter_chart(points: Sequence[Point], x: Axis, y: Axis, *, title: str, height: int = 320) -> Markup:
    """Return points of two numbers, each with its names beside it."""
    frame = _Frame(x, y, _TOP, height)
    names = [
        element("text", _name(point), x=frame.across(point.x), y=frame.down(point.y) - 7, dx=6, class_="name")
        for point in points
    ]
    return frame.drawn([*names, *(frame.dot(point, 5) for point in points)], title)


def _rows(named: Sequence[Point], x: Axis) -> Iterator[int]:
    """Yield the row of the names of each point: the first one in which nothing overlaps on a narrow screen."""
    ends: list[float] = []
    for point in named:
        at, width = x.share(point.x) * _NARROW, len(_name(point)) * _LETTER + 8
        start = at - width if x.share(point.x) > _TURN else at
        row = next((row for row, end in enumerate(ends) if end <= start), len(ends))
        row = min(row, _MOST_ROWS - 1)
        ends[row : row + 1] = [start + width]
        yield row


def _name(point: Point) -> str:
    return ", ".join(point.names)


@dataclass(frozen=True, slots=True)
class _Frame:
    """The plot of a chart, in pixels from top to bottom and in shares of its width from left to right."""

    x: Axis
    y: Axis
    top: int
    height: int

    def down(self, value: float) -> float:
        return self.top + self.height * (1 - self.y.share(value))

    def across(self, value: float) -> str:
        return percent(self.x.share(value))

    def dot(self, point: Point, radius: int) -> Markup:
        circle = element("circle", cx=self.across(point.x), cy=self.down(point.y), r=radius)
        return element(
            "a", element("title", point.title), circle, href=point.href, aria_label=point.title, class_="point"
        )

    def mark(self, point: Point, top: int) -> Markup:
        """Return the names of a point, and a line from there to the x axis."""
        at, left = self.across(point.x), self.x.share(point.x) > _TURN
        name = element(
            "text",
            _name(point),
            x=at,
            y=top + 8,
            dx=-5 if left else 5,
            text_anchor="end" if left else None,
            class_="name",
        )
        return joined(element("line", x1=at, x2=at, y1=top, y2=self.top + self.height, class_="mark"), name)

    def lines(self, runs: Sequence[Sequence[Point | Gap]]) -> Markup:
        """Return a line for each run of points, in a picture that is stretched to the width of the plot."""
        drawn = "".join(
            "M" + "L".join(f"{number(_WIDE * self.x.share(point.x))} {number(self.down(point.y))}" for point in run)
            for each in runs
            if len(run := [point for point in each if isinstance(point, Point)]) > 1
        )
        if not drawn:
            return Markup("")
        path = element("path", d=drawn, class_="line", vector_effect="non-scaling-stroke")
        below = self.top + self.height + _BOTTOM
        return element(
            "svg",
            path,
            width="100%",
            height=below,
            viewBox=f"0 0 {_WIDE} {below}",
            preserveAspectRatio="none",
            class_="stretched",
        )

    def drawn(self, parts: Sequence[Markup], title: str) -> Markup:
        """Return the chart: the ticks of y at the left, and the plot in the rest of the width."""
        bottom = self.top + self.height
        width = max((len(text) for _, text in self.y.ticks), default=1) * _LETTER + 8
        texts = (
            element("text", text, x=width - 8, y=self.down(tick) + 4, text_anchor="end", class_="tick")
            for tick, text in self.y.ticks
        )
        size = {"height": bottom + _BOTTOM}
        left = element("svg", *texts, width=width, **size, class_="chart-y", aria_hidden="true", focusable="false")
        grid = [
            element("line", x1="0", x2="100%", y1=self.down(tick), y2=self.down(tick), class_="grid")
            for tick, _ in self.y.ticks
        ]
        grid.append(element("line", x1="0", x2="100%", y1=bottom, y2=bottom, class_="axis"))
        plot = element(
            "svg",
            element("title", title),
            *grid,
            *self._ticks_of_x(bottom),
            *parts,
            width="100%",
            **size,
            class_="chart-plot",
            role="group" if any("<a " in part for part in parts) else "img",
            aria_label=title,
        )
        return element("div", left, plot, class_="chart")

    def _ticks_of_x(self, bottom: int) -> Iterator[Markup]:
        for index, (tick, text) in enumerate(self.x.ticks):
            share = self.x.share(tick)
            anchor = "start" if share < _EDGE else "end" if share > 1 - _EDGE else "middle"
            name = "tick x" if index % 2 == 0 else "tick x second"  # narrow screens show every other one
            yield element("line", x1=percent(share), x2=percent(share), y1=bottom, y2=bottom + 4, class_="axis")
            yield element("text", text, x=percent(share), y=bottom + 18, text_anchor=anchor, class_=name)
