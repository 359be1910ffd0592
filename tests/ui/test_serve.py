"""The server of its own: where it listens, and the address that it announces."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import uvicorn

from artigraph.errors import ConfigurationError, MissingTablesError
from artigraph.ui import serve
from artigraph.ui._serve import PORT
from tests.support.small_store import SmallStore
from tests.ui.conftest import client_of, document

Served = Callable[..., tuple[str, Any]]


@pytest.fixture
def served(url: str, store: SmallStore, monkeypatch: pytest.MonkeyPatch) -> Served:
    """Call `serve` with a server that ends at once. Return the address and the application."""
    monkeypatch.setenv("ARTIGRAPH_URL", url)
    ran: list[Any] = []

    def run(self: uvicorn.Server, sockets: list[socket.socket]) -> None:
        assert [each.getsockname()[1] for each in sockets] == [urlsplit(addresses[-1]).port]
        ran.append(self.config.app)
        raise KeyboardInterrupt

    addresses: list[str] = []
    monkeypatch.setattr(uvicorn.Server, "run", run)

    def call(**settings: Any) -> tuple[str, Any]:
        serve(lambda address, once: addresses.extend([once, address]), **settings)
        return addresses[-1], ran[-1]

    return call


async def test_the_announced_address_shows_the_store(served: Served) -> None:
    address, app = served(port=0)
    split = urlsplit(address)
    assert (split.scheme, split.hostname, split.path) == ("http", "127.0.0.1", "/")
    async with client_of(app, f"http://127.0.0.1:{split.port}") as client:
        assert (await client.get("/runs")).status_code == 401
        assert (await client.get(f"/?{split.query}")).status_code == 303
        assert len(await document(client, "/runs")) == 3
        assert (await client.get("/runs", headers={"host": "evil.example"})).status_code == 400
    other, _ = served(port=0)
    assert parse_qs(urlsplit(other).query) != parse_qs(split.query)


async def test_other_names_can_be_allowed(served: Served) -> None:
    address, app = served(host="0.0.0.0", port=0, allowed_hosts=["box.example"])
    assert urlsplit(address).hostname == "127.0.0.1"
    async with client_of(app, "http://box.example") as client:
        assert (await client.get(f"/?{urlsplit(address).query}")).status_code == 303


def test_the_usual_port_gives_way(served: Served) -> None:
    first = urlsplit(served()[0]).port
    assert first is not None
    assert PORT <= first < PORT + 20
    with socket.create_server(("127.0.0.1", first)):
        second = urlsplit(served()[0]).port
        assert second is not None
        assert first < second < PORT + 20
        with pytest.raises(ConfigurationError, match=f"cannot listen on port {first} of '127.0.0.1'"):
            served(port=first)


def test_without_a_store_nothing_listens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ARTIGRAPH_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingTablesError):
        serve(lambda address, _: pytest.fail(address), port=0)
