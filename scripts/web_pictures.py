"""Take the pictures of the web view for the docs: `just web-pictures`.

It fills a store with the results of a small project, serves the web view on this machine, and photographs its pages in
Chromium. The pictures are not compared by a test, because the browser draws each release's fonts a little differently.
"""

from __future__ import annotations

import asyncio
import socket
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import which
from typing import Literal, NamedTuple
from uuid import UUID

import numpy as np
import pandas as pd
import uvicorn
from playwright.async_api import async_playwright
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph import ArtifactModel, Run, RunManager, series
from artigraph.db import engine_context, write
from artigraph.orm import node_table
from artigraph.ui import create_app

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs/pictures"
_SIZE = 1280, 800


@dataclass
class Houses(ArtifactModel, name="Houses"):
    """The prices of houses."""

    frame: pd.DataFrame
    source: str


@dataclass
class Features(ArtifactModel, name="Features"):
    """What a model learns from."""

    frame: pd.DataFrame
    columns: list[str]


@dataclass
class Report(ArtifactModel, name="Report"):
    """How good a model is."""

    title: str
    accuracy: float
    loss: float
    confusion: list[list[int]]


class Store(NamedTuple):
    """The ids of what the pictures show."""

    runs: list[UUID]
    report: UUID
    houses: UUID


class Picture(NamedTuple):
    """A page to photograph."""

    name: str
    path: str
    scheme: Literal["light", "dark"]


async def fill() -> Store:
    """Save the results of a sweep over rates and depths."""
    drawn = np.random.default_rng(7)
    area = drawn.normal(90, 30, 500).clip(20).round(1)
    frame = pd.DataFrame({"rooms": (area // 22 + 1).astype(int), "area": area, "price": (area * 4100).round(-3)})
    async with RunManager(Run(name="prepare", tags={"team": "housing"})) as preparing:
        houses = await preparing.save_artifact("houses", Houses(frame, "register of 2024"))
        features = Features(frame.assign(price_per_area=frame.price / frame.area), ["rooms", "area", "price_per_area"])
        await preparing.save_artifact("features", features)
    runs: list[UUID] = []
    reports: list[UUID] = []
    async with RunManager(Run(name="sweep", parameters={"runs": 24}, tags={"team": "housing"})):
        for number in range(24):
            rate, depth = float(drawn.choice([0.01, 0.03, 0.1, 0.3])), int(drawn.choice([2, 4, 6, 8]))
            reached = 0.6 + 0.008 * number + 0.012 * depth - abs(rate - 0.1) * 0.3 + drawn.uniform(-0.02, 0.02)
            accuracy = round(float(reached), 4)
            parameters = {"rate": rate, "depth": depth, "optimizer": str(drawn.choice(["adam", "sgd"]))}
            run = Run(name="train", parameters=parameters, tags={"team": "housing", "stage": f"round {number // 8}"})
            async with RunManager(run) as training:
                await training.use(features)
                good = round(500 * accuracy)
                loss = round(1.2 - accuracy, 4)
                report = Report(f"depth {depth}", accuracy, loss, [[good, 500 - good], [31, 469]])
                reports.append(await training.save_artifact("report", report))
            runs.append(run.node_id)
    versions = series(Report, "report")
    await versions.set_alias("production", reports[17])
    await versions.set_alias("candidate", reports[-1])
    await _spread(runs)
    return Store(runs, reports[-1], houses)


async def _spread(runs: list[UUID]) -> None:
    """Give the runs times as if each had trained for some minutes."""
    now = datetime.now(UTC)

    async def work(connection: AsyncConnection) -> None:
        for number, run_id in enumerate(reversed(runs)):
            started = now - timedelta(minutes=26 * (number + 1))
            ended = started + timedelta(seconds=740 + 37 * (number * 7 % 11))
            row = update(node_table).where(node_table.c.node_id == run_id)
            await connection.execute(row.values(run_started_at=started, run_ended_at=ended))

    await write(work)


def pictures(store: Store) -> list[Picture]:
    """Return the pages to photograph."""
    compared = "&".join(f"run={run_id}" for run_id in store.runs[-4:])
    return [
        Picture(
            "web-runs",
            "runs?name=train&cols=parameters.rate,parameters.depth,results.report.accuracy,results.report.loss",
            "light",
        ),
        Picture("web-compare", f"compare?{compared}", "dark"),
        Picture("web-series", "series?model=Report&label=report", "light"),
        Picture("web-artifact", f"artifacts/{store.houses}", "dark"),
        Picture("web-lineage", f"lineage/{store.report}?up=3&down=1", "light"),
    ]


@asynccontextmanager
async def served(url: str) -> AsyncGenerator[str]:
    """Serve the web view of a store, and yield its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(create_app(url), lifespan="off", log_config=None, ws="none")
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        finally:
            server.should_exit = True
            await serving


async def photograph(root: str, asked: list[Picture]) -> None:
    """Write the pictures of pages below an address."""
    width, height = _SIZE
    async with async_playwright() as playwright:
        # The pages are ours and are served on this machine, so Chromium needs no sandbox. In a container it has none.
        browser = await playwright.chromium.launch(executable_path=which("chromium"), args=["--no-sandbox"])
        for name, path, scheme in asked:
            page = await browser.new_page(color_scheme=scheme, viewport={"width": width, "height": height})
            answer = await page.goto(f"{root}{path}")
            if answer is None or not answer.ok:
                msg = f"The page {path} cannot be shown: {answer and answer.status}"
                raise SystemExit(msg)
            await page.screenshot(path=FOLDER / f"{name}.png")
            await page.close()
        await browser.close()


async def main() -> None:
    """Fill a store, and write the pictures of its pages to docs/pictures."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/results.db"
        async with engine_context(url, create_tables=True):
            store = await fill()
        async with served(url) as root:
            await photograph(root, pictures(store))


if __name__ == "__main__":
    asyncio.run(main())
