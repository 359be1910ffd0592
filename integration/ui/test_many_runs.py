"""The list of runs in a browser, with many runs in the store: 20,000, and 1,000,000 in the long run."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.async_api import Page, expect
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import engine_context, insert_rows, write
from artigraph.identifiers import new_ids
from artigraph.orm import node_table, run_value_table
from artigraph.serializer.search_key import search_key
from artigraph.ui import create_app
from integration.ui.conftest import Open

pytestmark = pytest.mark.xdist_group("browser")

MANY, MILLION = 20_000, 1_000_000
PART = 20_000
FAILED = 2 * MANY // 5 + 321
"""Each run of such a number failed, at first two."""
MOMENT = datetime(2026, 1, 2, tzinfo=UTC)


async def fill(count: int) -> None:
    """Insert runs that belong to no other. Each thousandth has a parameter."""
    for start in range(0, count, PART):
        ids = new_ids(PART)
        runs: list[dict[str, Any]] = []
        values: list[dict[str, Any]] = []
        for number, run_id in enumerate(ids, start):
            name = f"train {number}" if number % 10 else "nightly"
            runs.append(
                {
                    "node_id": run_id.bytes,
                    "node_type": "run",
                    "run_name": name,
                    "search_key": search_key(name),
                    "run_status": "failed" if number % FAILED == FAILED - 1 else "completed",
                    "run_started_at": str((MOMENT + timedelta(seconds=number)).replace(tzinfo=None)),
                    "run_ended_at": str((MOMENT + timedelta(seconds=number + 5)).replace(tzinfo=None)),
                }
            )
            if number % 1_000 == 0:
                value = {"value": str(number).encode(), "search_key": search_key(number)}
                values.append({"run_id": run_id, "kind": "parameter", "name": "number", **value})

        async def work(connection: AsyncConnection, runs: Any = runs, values: Any = values) -> None:
            await insert_rows(connection, node_table, runs)
            await connection.execute(insert(run_value_table), values)

        await write(work)


@asynccontextmanager
async def served(url: str) -> AsyncGenerator[str]:
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(create_app(url), lifespan="off", log_config=None, ws="none", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
    finally:
        server.should_exit = True
        await serving
        listening.close()


async def names(page: Page) -> list[str]:
    return [(await each.inner_text()) for each in await page.locator("tbody tr th .run > a:first-of-type").all()]


@pytest.mark.parametrize(
    "count",
    [MANY, pytest.param(MILLION, marks=[pytest.mark.long, pytest.mark.timeout(1_200)], id="a million")],
)
async def test_many_runs_have_pages_and_filters(count: int, opened: Open, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    async with engine_context(url, create_tables=True):
        await fill(count)
    expected = [f"train {number}" if number % 10 else "nightly" for number in range(count)][::-1]
    async with served(url) as root, opened() as it:
        page = it.page
        page.set_default_timeout(10_000)
        await page.goto(f"{root}runs")
        for number in range(3):
            assert await names(page) == expected[50 * number : 50 * number + 50]
            await page.get_by_role("link", name="Older").click()
            await page.wait_for_load_state()
        await page.get_by_role("link", name="Newest").click()
        await page.get_by_label("Name", exact=True).fill("train 12345")
        await page.get_by_role("button", name="Show").click()
        await expect(page.get_by_role("link", name="train 12345", exact=True)).to_be_visible()
        assert await names(page) == ["train 12345"]
        await page.get_by_role("link", name="Clear").click()
        await page.get_by_label("Where", exact=True).fill("parameters.number > 4000 and parameters.number <= 6000")
        await page.get_by_role("button", name="Show").click()
        await expect(page).to_have_url(re.compile(r"parameters\.number"))
        assert await names(page) == ["nightly", "nightly"]
        await page.get_by_role("link", name="Clear").click()
        await page.locator("select[name=status]").select_option("failed")
        await page.get_by_role("button", name="Show").click()
        await expect(page).to_have_url(re.compile("status=failed"))
        assert await names(page) == expected[::-1][FAILED - 1 :: FAILED][::-1][:50]
        await page.goto(f"{root}runs?sort=-parameters.number&cols=parameters.number")
        have_it = min(50, count // 1_000)
        assert (await names(page))[:have_it] == ["nightly"] * have_it  # before those that have no such number
        await expect(page.locator("tbody tr").first).to_contain_text(f"{count - 1_000:,}")
        await page.goto(f"{root}runs?name=nightly")
        assert await names(page) == ["nightly"] * 50
        await page.get_by_role("link", name="Older").click()
        await expect(page.get_by_role("link", name="Newest")).to_be_visible()
        assert await names(page) == ["nightly"] * 50
