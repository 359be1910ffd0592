"""A program that asks the web view for pages many times, and prints how much its memory grew.

python served.py FOLDER REQUESTS
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from pathlib import Path

import httpx
from starlette.types import ASGIApp

from artigraph.ui import create_app
from tests.support.small_store import fill

WARM = 1_000


def resident() -> int:
    """Return the memory of this process, in bytes."""
    return int(Path("/proc/self/status").read_text("ascii").partition("VmRSS:")[2].split()[0]) * 1024


async def main(app: ASGIApp, url: str, folder: Path, requests: int) -> None:
    store = await fill(url, folder / "objects", "file:served")
    report, run = store.reports[1], store.runs[1]
    pages = [
        *("/runs", f"/runs?open={run}&cols=parameters.rate", "/runs?w=parameters.rate>0.05", f"/runs/{run}"),
        *(f"/compare?run={run}&run={store.runs[0]}", f"/artifacts/{report}", "/artifacts?model=Report", "/models"),
        *("/series?model=Report&label=report", f"/lineage/{report}", "/search?q=tr", "/storage", "/runs?format=json"),
        *(f"/artifacts/{report}/content?path=text", "/runs/none", "/nowhere"),
    ]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:

        async def ask(count: int) -> None:
            for number in range(count):
                # Each address differs, as those of many users do, so that a cache by address would grow.
                page = pages[number % len(pages)]
                answer = await client.get(f"{page}{'&' if '?' in page else '?'}n={number}")
                assert answer.status_code == (404 if page in ("/runs/none", "/nowhere") else 200), (page, answer.text)

        await ask(WARM)
        gc.collect()
        before = resident()
        await ask(requests)
        gc.collect()
    print(json.dumps({"growth": resident() - before}))


if __name__ == "__main__":
    at = Path(sys.argv[1])
    database = f"sqlite:///{at}/store.db"
    asyncio.run(main(create_app(database), database, at, int(sys.argv[2])))
