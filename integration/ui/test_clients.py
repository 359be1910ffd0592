"""Clients that read slowly, go away, or say half of what they want disturb nobody else."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest

from artigraph import ArtifactModel
from artigraph.db import engine_context
from artigraph.storage.file import FileSystem
from integration.ui.conftest import Site

OK = b"HTTP/1.1 200 OK"
SIZE = 48 * 2**20


@dataclass
class Large(ArtifactModel, name="integrationui.Large"):
    content: bytes


@pytest.fixture
async def large(site: Site, tmp_path: Path) -> UUID:
    storage = FileSystem(tmp_path / "large", name=f"file:large-{site.store.runs[0].hex}", durable=False).register()
    async with engine_context(site.url, large_value_storage=storage):
        return await Large(b"a" * SIZE).save("large")


@asynccontextmanager
async def asked(site: Site, path: str, end: bytes = b"\r\n") -> AsyncGenerator[asyncio.StreamReader]:
    """Send a request, or a part of one, and break off the connection at the end of the block."""
    host, _, port = site.root.removeprefix("http://").rstrip("/").partition(":")
    # A small buffer, so that what is not read stays with the server.
    reader, writer = await asyncio.open_connection(host, int(port), limit=2**14)
    try:
        writer.write(f"GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n".encode() + end)
        yield reader
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)


async def status(site: Site, path: str) -> bytes:
    """Return the first line of an answer, which must come soon, and read the rest."""
    async with asyncio.timeout(60), asked(site, path) as reader:
        first = await reader.readline()
        while await reader.read(2**16):
            pass
    return first.strip()


def memory() -> int:
    """Return the resident memory of this process, in bytes."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) * 1024


async def tasks_end(most: int) -> None:
    """Wait until no more tasks run than before."""
    async with asyncio.timeout(60):
        while len(asyncio.all_tasks()) > most:  # noqa: ASYNC110 (a task has no event that says that it ended)
            await asyncio.sleep(0.05)


async def test_slow_and_aborted_downloads_take_little_and_end(site: Site, large: UUID) -> None:
    path = f"artifacts/{large}/content?path=content"
    assert await status(site, "runs") == await status(site, path) == OK
    gc.collect()
    before, tasks = memory(), len(asyncio.all_tasks())
    async with asyncio.TaskGroup() as group:

        async def read_slowly() -> None:
            async with asked(site, path) as reader:
                assert (await reader.readline()).strip() == OK
                await asyncio.sleep(1)  # the server sends what fits into buffers

        for _ in range(8):
            group.create_task(read_slowly())
        await asyncio.sleep(0.5)
        assert await status(site, "runs") == OK
        # Each has one chunk of 8 MiB, which was checked against its hash, and not the whole value.
        assert memory() - before < 8 * SIZE // 3
    await tasks_end(tasks)
    assert await status(site, path) == OK


async def test_requests_that_are_never_finished_hold_up_nobody(site: Site) -> None:
    assert await status(site, "runs") == OK
    tasks = len(asyncio.all_tasks())
    async with asyncio.TaskGroup() as group:

        async def ask_half() -> None:
            async with asked(site, "runs", end=b"X-Half: "):
                await asyncio.sleep(1)

        for _ in range(200):
            group.create_task(ask_half())
        await asyncio.sleep(0.5)
        assert await status(site, f"runs/{site.store.runs[0]}") == OK
    await tasks_end(tasks)


async def test_readers_that_go_away_while_pages_are_made_leave_nothing(site: Site) -> None:
    assert await status(site, "runs") == OK
    tasks, pages = len(asyncio.all_tasks()), site.pages()
    for number in range(100):
        async with asked(site, pages[number % len(pages)]):
            await asyncio.sleep(0.001 * (number % 7))
    await tasks_end(tasks)
    assert await status(site, "storage") == OK
