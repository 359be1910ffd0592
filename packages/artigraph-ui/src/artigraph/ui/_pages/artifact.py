"""One artifact."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from artigraph.serializer.preview import ArrayPreview, Histogram, ImagePreview
from artigraph.ui._render import respond
from artigraph.ui._svg import element, number_text, percent
from artigraph.view import ArtifactDocument, FieldItem, artifact_document

_USERS = 20
"""The runs that used it which are shown."""
_PREVIEW = 2**20
"""The most bytes that are read for a preview."""
_LARGEST_IMAGE, _MOST_PIXELS = 20 * 2**20, 50_000_000
"""The largest image that a page loads by itself."""
_DEEPEST = 8
"""The deepest level that is indented further than the one above."""


async def page(request: Request) -> Response:
    """Show everything about an artifact, with previews of its objects."""
    document = await artifact_document(request.path_params["artifact_id"], limit=_USERS, preview_bytes=_PREVIEW)
    fields = list(_fields(document))
    return respond(
        request, document, "artifact.html", fields=fields, objects=[field for field in fields if field.shown]
    )


@dataclass(frozen=True, slots=True)
class _Field:
    """A field as the page shows it."""

    item: FieldItem
    value: Any
    """A plain value as JSON values."""
    anchor: str
    """The id of its element, which links lead to."""
    parts: int
    """How many of the fields are directly below it."""
    depth: int
    shown: bool
    """Whether it has a part of the page for itself, since it is an object."""
    is_image: bool
    histogram: Markup | None
    thumbnail: Markup | None


def _fields(document: ArtifactDocument) -> Iterator[_Field]:
    values: list[Mapping[str, Any]] = document.to_dict()["data"]["fields"]
    parts = Counter(item.path[:-1] for item in document.fields)
    for item, spelled in zip(document.fields, values, strict=True):
        preview = item.preview
        array = preview if isinstance(preview, ArrayPreview) else None
        yield _Field(
            item=item,
            value=spelled["value"],
            anchor=f"field.{'.'.join(quote(label, safe='') for label in item.path)}",
            parts=parts[item.path],
            depth=min(len(item.path) - 1, _DEEPEST),
            shown=item.kind == "object",
            is_image=isinstance(preview, ImagePreview)
            and preview.size <= _LARGEST_IMAGE
            and preview.width * preview.height <= _MOST_PIXELS,
            histogram=histogram_picture(array.histogram) if array is not None and array.histogram else None,
            thumbnail=map_picture(array.thumbnail) if array is not None and array.thumbnail else None,
        )


# Pictures -------------------------------------------------------------------------------------------------------------


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
