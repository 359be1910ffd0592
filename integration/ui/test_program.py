"""`artigraph ui` as a process: the address that it prints opens the web view, and Ctrl+C ends it."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.async_api import expect

from integration.ui.conftest import Open
from tests.support.small_store import fill

pytestmark = pytest.mark.xdist_group("browser")


async def test_the_printed_address_opens_the_web_view(opened: Open, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    await fill(url, tmp_path / "objects", f"file:program-{uuid4().hex}")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "artigraph", "ui", "--no-open", "--port", "0"),
        cwd=tmp_path,
        env={**os.environ, "ARTIGRAPH_URL": url},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        text = (await asyncio.wait_for(process.stdout.readuntil(b"token="), 60)).decode()
        text += (await asyncio.wait_for(process.stdout.readline(), 60)).decode()
        [address] = re.findall(r"http://\S+", text)
        async with opened() as it:
            await it.page.goto(address)
            await expect(it.page.get_by_role("heading", name="Runs", exact=True)).to_be_visible()
            assert "token" not in it.page.url
            await it.page.reload()
            await it.page.get_by_role("link", name="Models").click()
            await expect(it.page.get_by_role("heading", name="Models", exact=True)).to_be_visible()
            await it.page.go_back()
            assert "token" not in it.page.url
        async with opened() as stranger:
            answer = await stranger.page.goto(address.partition("?")[0])
            assert answer is not None
            assert answer.status == 401
            stranger.complaints.clear()  # Chromium notes the status in the console
    finally:
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), 30) == 0
