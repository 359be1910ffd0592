"""Each application reads its own database, and leaves alone those of others."""

from __future__ import annotations

import asyncio
from contextvars import copy_context
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from artigraph import Run, RunManager
from artigraph.db import engine_context, get_engine
from artigraph.errors import ConfigurationError
from artigraph.ui import create_app
from artigraph.ui._store import InStore
from tests.support.replicas import make_pair
from tests.support.small_store import SmallStore
from tests.ui.conftest import Page, client_of, document, error


async def test_two_views_and_their_host_have_a_database_each(url: str, store: SmallStore, tmp_path: Path) -> None:
    urls = [f"sqlite:///{tmp_path}/{name}.db" for name in ("one", "two")]
    for each in urls:
        async with engine_context(each, create_tables=True), RunManager(Run(name=each)):
            pass
    async with engine_context(url), client_of(create_app(urls[0])) as one, client_of(create_app(urls[1])) as two:
        host = get_engine()
        found = await asyncio.gather(*(document(client, "/runs") for client in (one, two) * 5))
        assert [[run["name"] for run in data] for data in found] == [[each] for each in urls] * 5
        assert get_engine() is host


@pytest.fixture
def several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder whose configuration has two stores."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARTIGRAPH_URL", "sqlite:///unused.db")
    stores = [f'[store.{name}]\nurl = "sqlite:///{name}.db"' for name in ("vision", "audio-2")]
    Path("artigraph.toml").write_text("\n".join(['[database]\nurl = "sqlite:///unused.db"', *stores]))


@pytest.mark.usefixtures("several")
async def test_the_stores_of_a_configuration_are_below_their_names() -> None:
    for name in ("vision", "audio-2"):
        async with engine_context(f"sqlite:///{name}.db", create_tables=True), RunManager(Run(name=name)):
            pass
    app = create_app(token="x" * 20)
    for place, view in (("", app), ("/a/b", Starlette(routes=[Mount("/a/b", app)]))):
        async with client_of(view, authorization="Bearer " + "x" * 20) as client:
            assert [item["name"] for item in await document(client, f"{place}/")] == ["audio-2", "vision"]
            start = await client.get(f"{place}/")
            assert [link.address for link in Page(start.text).links if link.tag == "a"][1:] == [
                *("./", "audio-2/", "vision/", "./?format=json")
            ]
            for name in ("vision", "audio-2"):
                assert [run["name"] for run in await document(client, f"{place}/{name}/runs")] == [name]
                page = await client.get(f"{place}/{name}/", follow_redirects=True)
                assert page.url.path == f"{place}/{name}/runs"
                for link in Page(page.text).links:
                    if link.tag != "form" and not link.address.startswith("#"):
                        address = urljoin(str(page.url), link.address)
                        assert (await client.get(address)).status_code == 200, address
                assert 'href="./../"' in page.text
            await error(client, f"{place}/none/runs", 404)
    async with client_of(app) as stranger:
        assert {(await stranger.get(path)).status_code for path in ("/", "/vision/runs", "/none")} == {401}
        assert (await stranger.get("/static/style.css")).status_code == 200


@pytest.mark.parametrize("table", ["database", "store.only"])
async def test_the_pages_read_from_the_replica(table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARTIGRAPH_URL", raising=False)
    pair = await make_pair(tmp_path)
    file = tmp_path / "artigraph.toml"
    file.write_text(f'[{table}]\nurl = "sqlite:///{pair.primary}"\nread_url = "sqlite:///{pair.replica}"\n')
    async with client_of(create_app(config=file)) as client:
        path = "/runs" if table == "database" else "/only/runs"
        assert [run["name"] for run in await document(client, path)] == ["replica"]


async def test_a_program_names_the_replica(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = await make_pair(tmp_path)
    for replica in (pair.replica, f"sqlite:///{pair.replica}"):
        async with client_of(create_app(pair.primary, read_url=replica)) as client:
            assert [run["name"] for run in await document(client, "/runs")] == ["replica"]
    monkeypatch.setenv("ARTIGRAPH_URL", f"sqlite:///{pair.primary}")
    with pytest.raises(ConfigurationError, match="read_url needs source"):
        create_app(read_url=pair.replica)
    with pytest.raises(ConfigurationError, match="read_url"):
        create_app(pair.primary, read_url="nothing://")


@pytest.mark.parametrize("name", ["static", "a b", "a/b", "ä", ".."])
def test_a_store_has_a_name_for_addresses(name: str, tmp_path: Path) -> None:
    file = tmp_path / "artigraph.toml"
    file.write_text(f'[store."{name}"]\nurl = "sqlite:///a.db"')
    with pytest.raises(ConfigurationError, match="becomes a part of addresses"):
        create_app(config=file)
    for text, reason in (("", "no key 'url'"), ("url = 1", "no text"), ('uri = "a"', "unknown")):
        file.write_text(f"[store.a]\n{text}")
        with pytest.raises(ConfigurationError, match=reason):
            create_app(config=file)


async def test_an_engine_of_the_caller_is_used_as_it_is(url: str, store: SmallStore) -> None:
    async with engine_context(url) as engine, client_of(create_app(engine)) as client:
        assert len(await document(client, "/runs")) == 3


async def test_a_request_that_is_given_up_ends() -> None:
    ends: list[str] = []
    started = asyncio.Event()

    async def never(*_: Any) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ends.append("ended")

    async def nothing(*_: Any) -> Any:
        return None

    asked = asyncio.create_task(InStore(never, context=copy_context())({"type": "http"}, nothing, nothing))
    await started.wait()
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert ends == ["ended"]
