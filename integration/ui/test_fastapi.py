"""The web view as a part of an application of FastAPI."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from artigraph.ui import create_app
from tests.support.small_store import fill
from tests.ui.conftest import Page

fastapi = pytest.importorskip("fastapi", reason="Prefect, on which an example runs, brings FastAPI")


async def test_it_is_mounted_under_a_path(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    store = await fill(url, tmp_path / "objects", "fastapi")
    site: Any = fastapi.FastAPI()

    def results() -> str:
        return "mine"

    site.add_api_route("/results", results)
    site.mount("/teams/vision", create_app(url))
    transport = httpx.ASGITransport(site)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", follow_redirects=True) as client:
        assert (await client.get("/results")).json() == "mine"
        answer = await client.get("/teams/vision/")
        assert (answer.status_code, answer.url.path) == (200, "/teams/vision/runs")
        addresses = {str(answer.url.join(link.address)) for link in Page(answer.text).links}
        run = f"http://localhost/teams/vision/runs/{store.runs[1]}"
        assert run in addresses
        for address in sorted(addresses):
            found = await client.get(address)
            assert found.status_code == 200 or address.endswith("/compare"), address
        document = (await client.get(run, params={"format": "json"})).json()
        assert (document["schema"], document["data"]["name"]) == ("artigraph.run/1", "train")
        assert (await client.post(run)).status_code == 405
