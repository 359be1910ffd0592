"""Calls that must end in time, and the models and proxies of their tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine

from artigraph import ArtifactModel, Run, RunManager, delete
from artigraph.db import session_context
from artigraph.testing.proxy import FaultProxy

PATIENT = 15.0
"""Seconds in which every call must end here: several times the limits, because a machine may be slow."""


@dataclass
class Item(ArtifactModel):
    value: int
    data: bytes = b""


@asynccontextmanager
async def behind_proxy(url: URL) -> AsyncGenerator[tuple[URL, FaultProxy]]:
    assert url.host is not None
    assert url.port is not None
    async with FaultProxy(url.host, url.port) as proxy:
        behind = url.set(host=proxy.host, port=proxy.port)
        if url.get_backend_name() == "postgresql":
            behind = behind.update_query_dict({"ssl" if url.get_driver_name() == "asyncpg" else "sslmode": "disable"})
        yield behind, proxy


async def save(_node_id: UUID) -> None:
    await Item(2).save("new")


async def load(node_id: UUID) -> None:
    await Item.load(node_id)


async def run(_node_id: UUID) -> None:
    async with RunManager(Run()) as manager:
        await manager.save_artifact("new", Item(3))


async def session(_node_id: UUID) -> None:
    async with session_context():
        await Item(4).save("new")


async def read_in_session(node_id: UUID) -> None:
    async with session_context():
        await Item.load(node_id)


async def remove(node_id: UUID) -> None:
    await delete(node_id)


async def goes_on(engine: AsyncEngine) -> None:
    async with asyncio.timeout(PATIENT):
        node_id = await Item(9).save("after")
        assert await Item.load(node_id) == Item(9)
    await asyncio.sleep(0)
    pool: Any = engine.pool
    assert pool.checkedout() == 0
