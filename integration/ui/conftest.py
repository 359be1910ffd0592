"""The web view on a server of its own, and Debian's Chromium to look at it."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import zlib
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which
from typing import Any
from uuid import UUID, uuid4

import pytest
import uvicorn
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from artigraph import ArtifactModel, Run, RunManager, artifact_field
from artigraph.db import engine_context
from artigraph.storage import MemoryStorage
from artigraph.ui import create_app
from tests.support.small_store import Data, SmallStore, fill

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u202e"


memory = MemoryStorage("ui-browser")


@dataclass
class Picture(ArtifactModel, name="uibrowser.Picture"):
    image: bytes = artifact_field(storage=memory)


def png(width: int, height: int) -> bytes:
    """Return an image of one color."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress((b"\0" + b"\x40\x80\xc0" * width) * height)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@dataclass(frozen=True)
class Site:
    """The web view of a store."""

    root: str
    """Its address, with a slash at its end."""
    url: str
    """The database."""
    store: SmallStore
    hostile_run: UUID
    hostile_artifact: UUID
    image_artifact: UUID

    def pages(self) -> list[str]:
        """Return at least one address of each page, and the empty ones."""
        store = self.store
        return [
            f"runs?cols=parameters.rate,tags.team,results.report.accuracy&open={store.runs[1]}",
            "runs?name=nobody",
            "runs?sort=-results.report.accuracy&cols=parameters.rate,results.report.accuracy&group=input",
            f"runs/{store.runs[1]}",
            f"runs/{store.runs[2]}",
            f"runs/{self.hostile_run}",
            f"compare?run={store.runs[0]}&run={store.runs[1]}",
            "models",
            "artifacts",
            "artifacts?model=Report",
            f"artifacts/{store.reports[1]}",
            f"artifacts/{self.hostile_artifact}",
            f"artifacts/{self.image_artifact}",
            f"lineage/{self.hostile_artifact}",
            "series?model=Report&label=report",
            f"diff?a={store.reports[0]}&b={store.reports[1]}",
            f"lineage/{store.reports[1]}?up=2&down=2",
            "search",
            "search?q=tr",
            "search?q=nothing",
            "storage",
        ]


@pytest.fixture
async def site(tmp_path: Path) -> AsyncGenerator[Site]:
    url = f"sqlite:///{tmp_path}/store.db"
    store = await fill(url, tmp_path / "objects", f"file:browser-{uuid4().hex}")
    async with engine_context(url):
        run = Run(name=HOSTILE, parameters={HOSTILE: HOSTILE, "many": [HOSTILE] * 40}, tags={HOSTILE: HOSTILE})
        async with RunManager(run) as manager:
            artifact_id = await manager.save_artifact(HOSTILE, Data(HOSTILE, 1))
        image_id = await Picture(png(3, 2)).save("picture")
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(create_app(url), lifespan="off", log_config=None, ws="none", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    yield Site(f"http://127.0.0.1:{listening.getsockname()[1]}/", url, store, run.node_id, artifact_id, image_id)
    server.should_exit = True
    await serving
    listening.close()


@pytest.fixture
async def browser() -> AsyncGenerator[Browser]:
    program = which("chromium")
    if program is None:
        if os.environ.get("ARTIGRAPH_TEST_REQUIRE_SERVERS"):
            pytest.fail("chromium is not installed")
        pytest.skip("chromium is not installed")
    async with async_playwright() as playwright:
        # The pages are ours and are served on this machine, so Chromium needs no sandbox. In a container it has none.
        made = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield made
        await made.close()


@dataclass
class Watched:
    """A page of the browser, and everything that it complained about."""

    page: Page
    context: BrowserContext
    complaints: list[str] = field(default_factory=list[str])

    def note_failure(self, url: str, failure: str | None) -> None:
        if failure != "net::ERR_ABORTED":  # the test went to another page before the icon was loaded
            self.complaints.append(f"{url}: {failure}")

    async def violations(self) -> list[str]:
        """Return what axe-core finds on the page."""
        axe: Any = Axe()
        found = await axe.run(self.page)
        return [
            f"{each['id']}: {node['html'][:200]}: {node['failureSummary']}"
            for each in found.response["violations"]
            for node in each["nodes"]
        ]

    async def overflow(self) -> int:
        """Return by how many pixels the page is wider than its window."""
        wider: int = await self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        return wider


Open = Callable[..., AbstractAsyncContextManager[Watched]]


@pytest.fixture
def opened(browser: Browser) -> Open:
    """Open a page. At its end, it must have complained about nothing."""

    @asynccontextmanager
    async def open_page(*, scheme: Any = "light", width: int = 1600, script: bool = True) -> AsyncGenerator[Watched]:
        viewport: Any = {"width": width, "height": 900}
        context = await browser.new_context(color_scheme=scheme, viewport=viewport, java_script_enabled=script)
        context.set_default_timeout(20_000)
        page = await context.new_page()
        watched = Watched(page, context)
        page.on("console", lambda message: watched.complaints.append(f"{page.url}: {message.text}"))
        page.on("pageerror", lambda error: watched.complaints.append(f"{page.url}: {error}"))
        page.on("dialog", lambda dialog: watched.complaints.append(f"{page.url}: opened {dialog.message}"))
        page.on("requestfailed", lambda request: watched.note_failure(request.url, request.failure))
        yield watched
        await context.close()
        assert watched.complaints == []

    return open_page
