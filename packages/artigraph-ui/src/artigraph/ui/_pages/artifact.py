"""One artifact."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from artigraph.serializer.preview import ArrayPreview, ImagePreview
from artigraph.ui._pictures import histogram_picture, map_picture
from artigraph.ui._render import respond
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
