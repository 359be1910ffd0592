"""Pictures of arrays as SVG: a histogram of the numbers, and a small map of a two-dimensional array."""

from __future__ import annotations

import math
from collections import defaultdict

from markupsafe import Markup

from artigraph.serializer.preview import Histogram
from artigraph.ui._axes import number_text
from artigraph.ui._svg import element, percent

_HEIGHT = 72
_MAP, _SMALLEST, _LARGEST = 192, 6, 16
"""About the width of a map in pixels, and the limits for its squares."""
_TONES = 16


def histogram_picture(histogram: Histogram) -> Markup:
    """Return the bins of a histogram as bars, with its limits below."""
    highest, bins = max(histogram.counts, default=0) or 1, len(histogram.counts)
    low, high = number_text(histogram.edges[0]), number_text(histogram.edges[-1])
    title = f"A histogram of {sum(histogram.counts):,} numbers from {low} to {high}"
    bars: list[Markup] = []
    for index, count in enumerate(histogram.counts):
        height = max(_HEIGHT * count / highest, 1) if count else 0
        start, end = number_text(histogram.edges[index]), number_text(histogram.edges[index + 1])
        bars.append(
            element(
                "rect",
                element("title", f"{count:,} from {start} to {end}"),
                x=percent(index / bins),
                y=_HEIGHT - height,
                width=percent(0.9 / bins),
                height=height,
                class_="bin",
            )
        )
    bars.append(element("line", x1="0", x2="100%", y1=_HEIGHT, y2=_HEIGHT, class_="axis"))
    bars.append(element("text", low, x="0", y=_HEIGHT + 16, class_="tick"))
    bars.append(element("text", high, x="100%", y=_HEIGHT + 16, text_anchor="end", class_="tick"))
    size = {"width": "100%", "height": str(_HEIGHT + 22)}
    return element("svg", element("title", title), *bars, class_="histogram", role="img", aria_label=title, **size)


def map_picture(thumbnail: tuple[tuple[float | None, ...], ...]) -> Markup:
    """Return a two-dimensional array as squares: the greater the number, the stronger the color. None is empty."""
    numbers = [value for row in thumbnail for value in row if value is not None and math.isfinite(value)]
    low, high = min(numbers, default=0.0), max(numbers, default=0.0)
    title = f"A map of the array: its rows from top to bottom, {number_text(low)} pale to {number_text(high)} strong"
    rows, columns = len(thumbnail), max(map(len, thumbnail), default=0)
    side = min(max(_MAP // max(rows, columns, 1), _SMALLEST), _LARGEST)
    squares: defaultdict[int, list[str]] = defaultdict(list)
    for row, values in enumerate(thumbnail):
        for column, value in enumerate(values):
            if value is not None and math.isfinite(value):
                share = (value / 2 - low / 2) / (high / 2 - low / 2) if high > low else 0.5
                squares[round(share * _TONES)].append(f"M{column * side} {row * side}h{side}v{side}h-{side}z")
    paths = [
        element("path", d="".join(found), fill_opacity=f"{0.05 + 0.95 * tone / _TONES:.2f}")
        for tone, found in sorted(squares.items())
    ]
    size = {"width": str(columns * side), "height": str(rows * side), "viewBox": f"0 0 {columns * side} {rows * side}"}
    return element("svg", element("title", title), *paths, class_="map", role="img", aria_label=title, **size)
