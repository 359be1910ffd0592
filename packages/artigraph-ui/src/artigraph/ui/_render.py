"""Pages from templates, and their twins in JSON."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import cache, partial
from importlib.resources import files
from types import MappingProxyType

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from artigraph.errors import QueryError
from artigraph.printable import quoted
from artigraph.release import __version__
from artigraph.ui._filters import FILTERS, TESTS
from artigraph.ui._links import Links
from artigraph.ui._table import WRITERS
from artigraph.view import Document

# Files that pages load ------------------------------------------------------------------------------------------------


TYPES: Mapping[str, str] = MappingProxyType(
    {"app.js": "text/javascript", "detail.css": "text/css", "icon.svg": "image/svg+xml", "style.css": "text/css"}
)
"""The files by name, and their media types."""


@cache
def assets() -> Mapping[str, bytes]:
    """Return the contents of the files by name."""
    folder = files("artigraph.ui").joinpath("static")
    return {name: folder.joinpath(name).read_bytes() for name in TYPES}


@cache
def version() -> str:
    """Return what changes when a file does. It is part of the links, so browsers keep a file until it changes."""
    return hashlib.sha256(b"".join(assets().values())).hexdigest()[:12]


VERSION_HEADER = "X-Artigraph-Version"
_AGO = " data-ago>"
_MOMENT = re.compile(f"{_AGO}[^<]*")  # a text at its start is found faster than one that it looks behind for
_JSON = re.compile(r"\s*application/json\s*(;.*)?", re.IGNORECASE)


def respond(request: Request, document: Document, template: str, code: int = 200, /, **context: object) -> Response:
    """Return a document as a page; or as JSON if the request accepts JSON first, or has `?format=json`.

    Args:
        request: the request.
        document: what is shown. The template has it as `document`.
        template: the name of the template.
        code: the status of the answer.
        context: further values for the template.

    Raises:
        QueryError: the request asks for another format.
    """
    asked = request.query_params.get("format", "html")
    if asked not in ("html", "json"):
        msg = f"format is html or json, not {quoted(asked[:100])}"
        raise QueryError(msg)
    if wants_json(request):
        return JSONResponse(document.to_dict())
    return page_of(request, template, code, document=document, **context)


def wants_json(request: Request) -> bool:
    """Return whether a request asks for a document instead of a page."""
    asked = request.query_params.get("format")
    if asked is not None:
        return asked == "json"
    return _JSON.fullmatch(request.headers.get("accept", "").partition(",")[0]) is not None


def page_of(request: Request, template: str, code: int = 200, /, **context: object) -> Response:
    """Return a page that has no document."""
    links = links_of(request)
    values: Mapping[str, object] = {
        "request": request,
        "url": links.to,
        "here": links.here,
        "root": links.root,
        "in_store": "artigraph.store" in request.scope,
        "store": request.scope.get("artigraph.store"),
        "user": request.scope.get("artigraph.user"),
        "query": request.query_params,
        "release": __version__,
        "asset_version": version(),
        "code": code,
        **{name: partial(write, links) for name, write in WRITERS.items()},
        **context,
    }
    text = _environment().get_template(template).render(values)
    # What a page shows but for the moments, whose words change by themselves. The script asks whether it changed.
    shown = hashlib.sha256(_MOMENT.sub(_AGO, text).encode("utf-8", "replace")).hexdigest()[:16]
    if request.headers.get(VERSION_HEADER) == shown:
        return Response(status_code=204, headers={VERSION_HEADER: shown})
    return HTMLResponse(text.encode("utf-8", "replace"), code, {VERSION_HEADER: shown})


def links_of(request: Request) -> Links:
    """Return what makes the links of a page."""
    from artigraph.ui._app import ROUTES  # which imports the pages, which import this module

    return Links(request, {name: path for path, name, _ in ROUTES})


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("artigraph.ui"),
        autoescape=True,
        auto_reload=False,  # it would look at the files of all templates for each page
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FILTERS)
    environment.tests.update(TESTS)
    return environment
