"""The application: its pages, and what surrounds them."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from artigraph.errors import ArtigraphError, ConfigurationError
from artigraph.ui import _errors as errors
from artigraph.ui._log import write_without_handlers
from artigraph.ui._pages import artifact, artifacts, compare, content, diff, lineage, plain, runs, search, series
from artigraph.ui._render import respond
from artigraph.ui._security import LOOPBACK, Authorize, Security
from artigraph.ui._store import InStore, Replica, Source, configured, context_of, dialect_of, source_of
from artigraph.view.configuration import Configuration
from artigraph.view.listing import list_stores

Page = Callable[[Request], Awaitable[Response]]

ROUTES: Sequence[tuple[str, str, Page]] = (
    ("/", "home", plain.home),
    ("/runs", "runs", runs.page),
    ("/runs/{run_id}", "run", plain.run),
    ("/compare", "compare", compare.page),
    ("/models", "models", plain.models),
    ("/artifacts", "artifacts", artifacts.page),
    ("/artifacts/{artifact_id}", "artifact", artifact.page),
    ("/artifacts/{artifact_id}/content", "content", content.page),
    ("/artifacts/{artifact_id}/image", "image", content.image),
    ("/series", "series", series.page),
    ("/diff", "diff", diff.page),
    ("/lineage/{node_id}", "lineage", lineage.page),
    ("/search", "search", search.page),
    ("/storage", "storage", plain.storage),
    ("/static/{name}", "static", plain.static),
)
"""Everything that can be asked for: the path, the name for links, and the page."""
_AS_STORED = ("content", "image")
"""The names of the routes whose answers are stored values. They go out as they are stored, with their lengths."""
_COMPRESSION = [Middleware(GZipMiddleware, minimum_size=1_024, compresslevel=1)]
"""Makes pages of many columns ten times smaller, in a hundredth of the time that making a page takes."""

_HANDLERS: Mapping[Any, Callable[[Request, Exception], Awaitable[Response]]] = {
    ArtigraphError: errors.on_error,
    HTTPException: errors.on_http_error,
    Exception: errors.on_unexpected_error,
}


def create_app(
    source: Source | None = None,
    *,
    authorize: Authorize | None = None,
    allowed_hosts: Collection[str] = LOOPBACK,
    token: str | None = None,
    config: str | os.PathLike[str] | None = None,
    read_url: Replica | None = None,
) -> ASGIApp:
    """Return the web view as an ASGI application.

        app = FastAPI()
        app.mount("/artigraph", create_app(url, authorize=user_of, allowed_hosts=["results.example.com"]))

    It runs at any root path. It answers GET and HEAD only, and its connections refuse to write, unless you pass an
    engine of your own. Without `authorize` and `token`, everyone who can reach it sees everything in the store.

    Args:
        source: the database, as `set_engine` takes it. By default the stores of `artigraph.toml`, each below its name;
            without any the database that the command line uses. The storages of the file are registered for the whole
            process.
        authorize: an async function of the request that returns the name of its user. Anything else refuses it, such as
            None or an empty text.
        allowed_hosts: the names under which browsers may ask for it, without ports; "*" allows all. The default is
            the names of this machine, because a page of another site could otherwise read the store.
        token: a secret that a visitor must present once, as `?token=` in the address, or in each request, as
            `Authorization: Bearer`. It becomes a cookie.
        config: the file to read instead of `artigraph.toml`. It needs `source` to be None.
        read_url: a read replica of `source`, as `set_engine` takes it. Every page reads there. The replica of
            `artigraph.toml` is named in the file.

    Raises:
        ConfigurationError: the database or the configuration cannot be used, or `read_url` is given without `source`.
        MissingTablesError: no database is set, and there is no embedded store.
        MissingDependencyError: the driver of the database, or the library of a storage, is not installed.
    """
    if source is not None and config is not None:
        msg = "config excludes source: both say which database is shown"
        raise ConfigurationError(msg)
    if source is None and read_url is not None:
        msg = "read_url needs source, the database of the replica. In artigraph.toml, write read_url beside url"
        raise ConfigurationError(msg)
    app = app_of(configured(config)) if source is None else _pages_of(source, read_url=read_url)
    return Security(app, authorize=authorize, allowed_hosts=allowed_hosts, token=token)


def app_of(configuration: Configuration) -> Starlette:
    """Return the pages of the only store of a configuration, or those of all its stores, each below its name."""
    if not configuration.stores:
        return _pages_of(source_of(configuration), read_url=configuration.read_url)
    listed = list_stores(configuration)

    async def stores(request: Request) -> Response:
        return respond(request, listed, "stores.html")

    replicas = configuration.read_urls
    stores_of = configuration.stores.items()
    mounts = [Mount(f"/{name}", _pages_of(url, name, read_url=replicas.get(name))) for name, url in stores_of]
    return _application([_route("/", "stores", stores), _route("/static/{name}", "static", plain.static), *mounts])


def _pages_of(source: Source, name: str | None = None, *, read_url: Replica | None = None) -> Starlette:
    """Return the pages of a store, which has a name if it is one of several."""
    pages = _application([_route(*route) for route in ROUTES])
    pages.add_middleware(InStore, context=context_of(source, read_url), name=name, dialect=dialect_of(source))
    return pages


def _route(path: str, name: str, page: Page) -> Route:
    return Route(path, page, name=name, middleware=() if name in _AS_STORED else _COMPRESSION)


def _application(routes: list[BaseRoute]) -> Starlette:
    write_without_handlers()
    made = Starlette(routes=routes, exception_handlers=_HANDLERS)
    made.router.redirect_slashes = False  # it redirects to an address that is wrong behind a proxy
    return made
