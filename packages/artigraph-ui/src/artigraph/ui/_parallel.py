"""Parallel coordinates as SVG: an axis for each value, and a line through the values of each run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from markupsafe import Markup

from artigraph.ui._svg import element, joined, number, number_text, percent

_TOP, _BOTTOM = 34, 294
"""The ends of the axes, in pixels from the top."""
_BELOW = 14
_WIDE = 1_000
_SHADES = 5
"""How many colors of lines the stylesheet has, from the least value of the last axis to the greatest."""
_LETTERS = 17
MOST_WORDS = 12
"""The most different texts of an axis."""


@dataclass(frozen=True, slots=True)
class Coordinate:
    """An axis with the value of each line. None where a line has no value there."""

    name: str
    values: tuple[float | str | None, ...]
    """Numbers, or texts."""


@dataclass(frozen=True, slots=True)
class Line:
    """A run, with its page."""

    href: str
    title: str


def parallel_chart(coordinates: Sequence[Coordinate], lines: Sequence[Line], *, title: str) -> Markup:
    """Return a line for each run through its values. Its color is by the value of the last axis.

    An axis of numbers goes up from the least to the greatest. One of texts has each at a height of its own.
    """
    scales = [_scale(coordinate.values) for coordinate in coordinates]
    across = [(index + 0.5) / len(coordinates) for index in range(len(coordinates))]
    last = [_share(scales[-1], value) for value in coordinates[-1].values]
    shades = [-1 if share is None else min(int(share * _SHADES), _SHADES - 1) for share in last]
    drawn: list[Markup] = []
    for index in sorted(range(len(lines)), key=lambda index: shades[index]):  # the greatest on top
        shares = [
            _share(scale, coordinate.values[index]) for scale, coordinate in zip(scales, coordinates, strict=True)
        ]
        drawn.append(_line(lines[index], list(zip(across, shares, strict=True)), shades[index]))
    stretched = element(
        "svg",
        *drawn,
        width="100%",
        height=_BOTTOM + _BELOW,
        viewBox=f"0 0 {_WIDE} {_BOTTOM + _BELOW}",
        preserveAspectRatio="none",
    )
    axes = [_axis(each, scale, share) for each, scale, share in zip(coordinates, scales, across, strict=True)]
    return element(
        "svg",
        element("title", title),
        stretched,
        *axes,
        width="100%",
        height=_BOTTOM + _BELOW,
        class_=f"parallel axes-{len(coordinates)}",
        role="group",
        aria_label=title,
    )


_Scale = dict[float | str, float]
"""The values that are written at an axis, with how far up each is: from 0 to 1."""


def _scale(values: Sequence[float | str | None]) -> _Scale:
    numbers = [value for value in values if isinstance(value, (int, float))]
    if numbers:
        low, high = min(numbers), max(numbers)
        return {low: 0.5} if low == high else {low: 0.0, high: 1.0}
    words = sorted({value for value in values if isinstance(value, str)})
    return {word: (index + 0.5) / len(words) for index, word in enumerate(words)}


def _share(scale: _Scale, value: float | str | None) -> float | None:
    if value is None:
        return None
    if value in scale:
        return scale[value]
    low, high = (end for end in scale if not isinstance(end, str))
    return (float(value) / 2 - low / 2) / (high / 2 - low / 2)


def _down(share: float) -> float:
    return _BOTTOM - share * (_BOTTOM - _TOP)


def _line(line: Line, places: Sequence[tuple[float, float | None]], shade: int) -> Markup:
    data = "".join(_parts(places))
    paths = [
        element("path", d=data, class_=name, vector_effect="non-scaling-stroke")
        for name in ("reach", f"line shade-{shade if shade >= 0 else 'none'}")
    ]
    return element("a", element("title", line.title), *paths, href=line.href, aria_label=line.title)


def _parts(places: Sequence[tuple[float, float | None]]) -> Iterator[str]:
    """Yield each part of a line without a missing value. A single value is a short dash."""
    for missing, each in groupby(places, lambda place: place[1] is None):
        part = [(share, _down(up)) for share, up in each if up is not None]
        if missing or not part:
            continue
        if len(part) == 1:
            yield f"M{number(_WIDE * part[0][0] - 8)} {number(part[0][1])}h16"
        else:
            yield "M" + "L".join(f"{number(_WIDE * share)} {number(down)}" for share, down in part)


def _axis(coordinate: Coordinate, scale: _Scale, across: float) -> Markup:
    at = percent(across)
    words = (
        element(
            "text",
            _cut(value if isinstance(value, str) else number_text(value)),
            x=at,
            y=_down(up) + 4,
            dx=6,
            class_="tick",
        )
        for value, up in scale.items()
    )
    name = element(
        "text",
        element("title", coordinate.name),
        _cut_front(coordinate.name),
        x=at,
        y=14,
        text_anchor="middle",
        class_="name",
    )
    return joined(element("line", x1=at, x2=at, y1=_TOP, y2=_BOTTOM, class_="axis"), name, *words)


def _cut(text: str) -> str:
    return text if len(text) <= _LETTERS else f"{text[: _LETTERS - 1]}…"


def _cut_front(name: str) -> str:
    """Return the end of a long path, which tells more than its beginning."""
    return name if len(name) <= _LETTERS else f"…{name[1 - _LETTERS :]}"
