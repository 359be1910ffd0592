"""All that can be asked for, and links that lead there below any root path."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from artigraph.ui import create_app
from artigraph.ui._app import ROUTES
from tests.support.small_store import SmallStore
from tests.ui.conftest import Client, Page, client_of, document, pages

READ = {
    ("/", "home"),
    ("/runs", "runs"),
    ("/runs/{run_id}", "run"),
    ("/compare", "compare"),
    ("/models", "models"),
    ("/artifacts", "artifacts"),
    ("/artifacts/{artifact_id}", "artifact"),
    ("/artifacts/{artifact_id}/content", "content"),
    ("/artifacts/{artifact_id}/image", "image"),
    ("/series", "series"),
    ("/diff", "diff"),
    ("/lineage/{node_id}", "lineage"),
    ("/search", "search"),
    ("/storage", "storage"),
    ("/static/{name}", "static"),
}
"""What was looked at: each route reads only, shows data as text, and leads nowhere else."""


def test_a_new_route_is_looked_at() -> None:
    assert {(path, name) for path, name, _ in ROUTES} == READ


async def test_every_page_has_a_twin_and_every_route_a_page(client: Client, store: SmallStore) -> None:
    seen: set[str] = set()
    for address in pages(store):
        page = await client.get(address)
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8"), address
        assert page.text.startswith("<!doctype html>")
        data = await document(client, address)
        twin = page.request.url.copy_add_param("format", "json")
        assert (await client.get(twin)).json()["data"] == data
        first = urlsplit(address).path.split("/")
        seen.add("/".join(first[:2]) + ("/{}" if len(first) > 2 else ""))
    wanted = {path.partition("{")[0] + ("{}" if "{" in path else "") for path, _ in READ}
    assert seen == wanted - {"/", "/static/{}"}


@pytest.fixture(params=["mounted", "root path", "stripped"])
async def below(request: pytest.FixtureRequest, url: str, store: SmallStore) -> AsyncGenerator[Client]:
    """The web view at /a/b/: mounted, behind a server with a root path, and behind a proxy that says nothing."""
    app = create_app(url)
    outer: ASGIApp = Starlette(routes=[Mount("/a/b", app)])
    if request.param != "mounted":

        async def proxy(scope: Scope, receive: Receive, send: Send) -> None:
            inner = {**scope, "raw_path": scope["raw_path"].removeprefix(b"/a/b")}
            if request.param == "stripped":
                inner["path"] = scope["path"].removeprefix("/a/b")
            else:
                inner["root_path"] = "/a/b"
            assert scope["path"].startswith("/a/b/")
            await app(inner, receive, send)

        outer = proxy
    async with client_of(outer) as made:
        yield made


async def test_each_link_of_each_page_leads_to_a_page(below: Client, store: SmallStore) -> None:
    waiting = [f"http://localhost/a/b{address}" for address in pages(store)]
    seen = set(waiting)
    while waiting:
        address = waiting.pop()
        answer = await below.get(address)
        assert answer.status_code in (200, 303, 307), address
        found = [answer.headers["location"]] if answer.is_redirect else []
        if answer.headers.get("content-type", "").startswith("text/html"):
            page = Page(answer.text)
            assert not any(link.address.startswith("/") for link in page.links), address
            found = [link.address for link in page.links]
        for target in (urljoin(address, each) for each in found):
            assert target.startswith("http://localhost/a/b/"), (address, target)
            page_of_it = target.partition("#")[0]
            if page_of_it not in seen and not page_of_it.endswith(("/compare", "/series")) and len(seen) < 120:
                seen.add(page_of_it)
                waiting.append(page_of_it)
    assert {urlsplit(address).path.split("/")[3] for address in seen} >= {path.split("/")[1] for path, _ in READ} - {""}


async def test_an_unknown_address_is_an_error(client: Client) -> None:
    for address in ("/none", "/runs/", "/static/none", "/static/../_app.py", "/static/%2e%2e%2f_app.py", "//runs"):
        assert (await client.get(httpx.URL("http://localhost", raw_path=address.encode()))).status_code == 404
    answer = await client.get("/runs?format=xml")
    assert (answer.status_code, "format is html or json" in answer.text) == (400, True)


async def test_files_are_kept_until_they_change(client: Client) -> None:
    page = Page((await client.get("/models")).text)
    for name, kind in (
        ("style.css", "text/css"),
        ("detail.css", "text/css"),
        ("app.js", "text/javascript"),
        ("icon.svg", "image/svg+xml"),
    ):
        [link] = [each.address for each in page.links if name in each.address]
        answer = await client.get(urljoin("http://localhost/models", link))
        assert answer.headers["content-type"].startswith(kind)
        assert "immutable" in answer.headers["cache-control"]
        assert "v=" in link
