"""How much a page transfers, with everything that it loads."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode, urljoin

import pytest

from artigraph import ArtifactModel, Run, RunManager
from artigraph.db import engine_context
from artigraph.ui import create_app
from tests.support.small_store import SmallStore
from tests.ui.conftest import Client, Page, client_of, pages

MOST = 100_000
VERSIONS = 260
"""More than a chart has points, so that each of the three charts is as large as it gets."""
COLUMNS = 40
NO_RUN = "01890000-0000-7000-8000-000000000000"


@dataclass
class Score(ArtifactModel, name="uitransfer.Score"):
    accuracy: float
    loss: float
    seconds: float


async def transferred(client: Client, address: str) -> int:
    """Return the bytes of the answers that a browser needs to show a page for the first time."""
    page = await client.get(address)
    assert page.status_code == 200
    parts = {link.address for link in Page(page.text).links if link.tag in ("link", "script")}
    assert len(parts) == 4
    answers = [await client.get(urljoin(str(page.url), part)) for part in parts]
    return sum(answer.num_bytes_downloaded for answer in [page, *answers])


async def test_each_page_takes_less_than_100_kb(client: Client, store: SmallStore) -> None:
    for address in pages(store):
        assert await transferred(client, address) < MOST, address


async def test_long_pages_take_less_than_100_kb(url: str) -> None:
    async with engine_context(url, create_tables=True):
        for number in range(VERSIONS):
            share = number * 0.3717 % 1
            run = Run(name="a run of a long name", parameters={f"p{each}": share * each for each in range(COLUMNS)})
            async with RunManager(run) as manager:
                await manager.save_artifact("score", Score(share, 1 - share, share * 100))
    chosen = urlencode([("cols", f"parameters.p{each}") for each in range(COLUMNS)])
    async with client_of(create_app(url)) as client:
        several = urlencode([("run", run["run_id"]) for run in (await client.get("/runs?format=json")).json()["data"]])
        series = "/series?model=uitransfer.Score&label=score"
        for address in (
            f"/runs?{chosen}",
            f"{series}&y=accuracy&y=loss&y=seconds",
            f"{series}&numbers=1",
            "/artifacts?model=uitransfer.Score",
            f"/compare?{several}",
        ):
            assert await transferred(client, address) < MOST, address


@pytest.mark.parametrize(
    ("accepted", "is_compressed"),
    [
        *(("gzip", True), ("deflate, gzip;q=0.5, br", True), ("gzip; q=1", True)),
        *(("identity", False), ("", False), ("br", False)),
    ],
)
async def test_only_who_accepts_it_gets_it_compressed(client: Client, accepted: str, *, is_compressed: bool) -> None:
    for address in (
        "/runs",
        "/runs?cols=parameters.rate,tags.team&format=json",
        "/static/style.css",
        f"/runs/{NO_RUN}",
    ):
        answer = await client.get(address, headers={"accept-encoding": accepted})
        assert (answer.headers.get("content-encoding") == "gzip") is is_compressed, address
        assert int(answer.headers["content-length"]) == answer.num_bytes_downloaded
        plain = await client.get(address, headers={"accept-encoding": "identity"})
        assert "Accept-Encoding" in plain.headers["vary"]
        assert answer.content[:20] == plain.content[:20]
        assert (answer.num_bytes_downloaded < plain.num_bytes_downloaded / 2) is is_compressed
    head = await client.head("/runs", headers={"accept-encoding": accepted})
    assert head.content == b""


async def test_what_is_stored_and_short_is_sent_as_it_is(client: Client, store: SmallStore) -> None:
    content = f"/artifacts/{store.reports[1]}/content?path=text"
    for address in (content, "/static/icon.svg"):
        assert "content-encoding" not in (await client.get(address)).headers
