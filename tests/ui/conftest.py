"""A small store, and the web view on it, called without a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import Engine, Pool, event
from starlette.types import ASGIApp

from artigraph.cli import json_schema
from artigraph.ui import create_app
from tests.support.documents import check_document
from tests.support.small_store import SmallStore, fill

Client = httpx.AsyncClient


@dataclass(frozen=True)
class Link:
    """An address that a page loads or leads to."""

    tag: str
    address: str


class Page(HTMLParser):
    """What a test looks at in a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[Link] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.text = ""
        self.feed(text)

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.append((tag, name, value))
            if name in ("href", "src", "action") and value is not None:
                self.links.append(Link(tag, value))


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/store.db"


@pytest.fixture
def store(url: str, tmp_path: Path) -> SmallStore:
    return asyncio.run(fill(url, tmp_path / "objects", f"file:ui-{uuid4().hex}"))


@pytest.fixture
async def client(store: SmallStore, url: str) -> AsyncGenerator[Client]:
    async with client_of(create_app(url)) as made:
        yield made


def client_of(app: ASGIApp, base: str = "http://localhost", *, raises: bool = True, **headers: str) -> Client:
    """Return a client of the application. With `raises`, what it raises reaches the test; else as a server does."""
    return Client(transport=httpx.ASGITransport(app, raise_app_exceptions=raises), base_url=base, headers=headers)


async def document(client: Client, address: str) -> Any:
    """Return the JSON twin of a page, checked against its schema."""
    answer = await client.get(address, headers={"accept": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json"), answer.text
    made = answer.json()
    check_document(made, json_schema(made["schema"]))
    return made["data"]


async def error(client: Client, address: str, status: int) -> Any:
    """Return the document of an error, and check that the page shows the same."""
    answer = await client.get(address, headers={"accept": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json"), answer.text
    made = answer.json()
    check_document(made, json_schema("artigraph.error/1"))
    page = await client.get(address)
    assert (page.status_code, page.headers["content-type"]) == (status, "text/html; charset=utf-8")
    return made["error"]


@contextmanager
def statements() -> Generator[list[str]]:
    """Note each statement that any engine sends meanwhile."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


@contextmanager
def connections() -> Generator[list[object]]:
    """Note each connection that leaves any pool meanwhile."""
    seen: list[object] = []

    def note(connection: Any, *_: Any) -> None:
        seen.append(connection)

    event.listen(Pool, "checkout", note)
    try:
        yield seen
    finally:
        event.remove(Pool, "checkout", note)


def pages(store: SmallStore) -> list[str]:
    """Return the addresses of pages about what the store has: at least one of each route."""
    first, second, failed, _ = store.runs
    return [
        "/runs",
        f"/runs?cols=parameters.rate,tags.team,results.report.accuracy&open={second}",
        "/runs?name=train&status=completed&w=parameters.rate>0.05",
        "/runs?sort=-parameters.rate",
        f"/runs?in={store.data}",
        f"/runs?under={second}",
        f"/runs/{second}",
        f"/runs/{failed}",
        f"/compare?run={first}&run={second}",
        "/models",
        "/artifacts",
        "/artifacts?model=Report",
        "/artifacts?model=Report&w=accuracy>0.6&cols=accuracy,data.name",
        f"/artifacts?made_by={second}",
        f"/artifacts?used_by={second}",
        f"/artifacts/{store.reports[1]}",
        "/series?model=Report&label=report",
        f"/diff?a={store.reports[0]}&b={store.reports[1]}",
        f"/lineage/{store.data}",
        "/search",
        "/search?q=tr",
        f"/search?q={str(store.data)[:8]}",
        "/storage",
    ]
