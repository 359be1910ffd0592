"""Rows and tables that another connection has locked: calls end within their limits, in a typed error."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import URL, Select, make_url, select, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from artigraph import ArtifactModel, Run, RunManager, artifact_field, delete
from artigraph.db import Timeouts, engine_context, session_context
from artigraph.errors import DatabaseUnavailableError, RetryableError
from artigraph.orm import blob_table, node_table
from artigraph.storage import MemoryStorage
from integration.support.databases import SERVERS, fresh_database
from integration.support.deadlines import PATIENT, goes_on

LIMITS = Timeouts(lock=1, retry=1, cancel=1)
objects = MemoryStorage("held-locks")


@dataclass
class HeldItem(ArtifactModel):
    value: int
    data: bytes = artifact_field(default=b"some bytes", storage=objects)


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[URL]:
    with fresh_database(request.param, tmp_path) as url:
        yield make_url(url)


@asynccontextmanager
async def holding(url: URL, rows: Select[Any]) -> AsyncGenerator[None]:
    """Hold exclusive locks on rows, from another connection."""
    engine = create_async_engine(url)
    try:
        async with engine.begin() as connection:
            assert (await connection.execute(rows.with_for_update())).all()
            yield
    finally:
        await engine.dispose()


async def save_under_it(run: Run, _node_id: UUID) -> None:
    await HeldItem(2).save("new", run)


async def save_under_it_in_a_session(run: Run, _node_id: UUID) -> None:
    async with session_context():
        await HeldItem(2).save("new", run)


async def run_under_it(run: Run, _node_id: UUID) -> None:
    async with RunManager(Run(run)):
        pass


async def save_equal_content(_run: Run, _node_id: UUID) -> None:
    await HeldItem(1).save("equal")


async def remove(_run: Run, node_id: UUID) -> None:
    await delete(node_id)


Call = Callable[[Run, UUID], Awaitable[None]]
CALLS: list[Call] = [save_under_it, save_under_it_in_a_session, run_under_it, save_equal_content, remove]


@asynccontextmanager
async def everything_held(server: URL, engine: AsyncEngine) -> AsyncGenerator[tuple[Run, UUID]]:
    """Save a run and an artifact, and hold every row of both, and those of what is stored for them."""
    del engine
    async with RunManager(Run()) as manager:
        node_id = await manager.save_artifact("first", HeldItem(1))
    async with holding(server, select(node_table.c.node_id)), holding(server, select(blob_table.c.blob_id)):
        yield manager.run, node_id


@pytest.mark.parametrize(
    ("call", "own"),
    [*((call, False) for call in CALLS), (save_under_it, True), (remove, True)],
    ids=lambda given: {True: "callers", False: "ours"}.get(given) or given.__name__,
)
async def test_each_call_ends_where_rows_are_locked(server: URL, call: Call, own: bool) -> None:
    mine = create_async_engine(server) if own else None
    try:
        async with engine_context(mine or server, create_tables=True, timeouts=LIMITS) as engine:
            async with everything_held(server, engine) as (run, node_id):
                with pytest.raises(RetryableError, match=r"holds a lock on .*artigraph_"):
                    async with asyncio.timeout(PATIENT):
                        await call(run, node_id)
                async with asyncio.timeout(PATIENT):
                    with pytest.raises(TimeoutError):
                        async with asyncio.timeout(0.2):
                            await call(run, node_id)
                async with asyncio.timeout(PATIENT):  # a reader waits for no row
                    assert await HeldItem.load(node_id) == HeldItem(1)
                    async with session_context():
                        assert await HeldItem.load(node_id) == HeldItem(1)
            await goes_on(engine)
            await call(run, node_id)
    finally:
        if mine is not None:
            await mine.dispose()


async def test_the_end_of_a_run_whose_row_is_locked(server: URL) -> None:
    async with engine_context(server, create_tables=True, timeouts=LIMITS) as engine:
        manager = RunManager(Run())
        async with asyncio.timeout(PATIENT):
            await manager.__aenter__()
            async with holding(server, select(node_table.c.node_id)):
                with pytest.raises(RetryableError, match=r"holds a lock on .*artigraph_node"):
                    await manager.__aexit__(None, None, None)
        manager = RunManager(Run())
        async with asyncio.timeout(PATIENT):
            await manager.__aenter__()
            async with holding(server, select(node_table.c.node_id)):
                task = asyncio.ensure_future(manager.__aexit__(None, None, None))
                await asyncio.sleep(0.2)
                task.cancel()
                await asyncio.wait([task])
                assert task.cancelled()
        manager, error = RunManager(Run()), ValueError("mine")
        async with asyncio.timeout(PATIENT):
            await manager.__aenter__()
            async with holding(server, select(node_table.c.node_id)):
                await manager.__aexit__(ValueError, error, None)
        assert "could not be recorded" in error.__notes__[0]
        await goes_on(engine)


TABLES = ["artigraph_blob", "artigraph_lease", "artigraph_node"]


@asynccontextmanager
async def table_held(url: URL, table: str) -> AsyncGenerator[None]:
    """Lock a table, so that no other connection reads or writes it."""
    postgresql = url.get_backend_name() == "postgresql"
    engine = create_async_engine(url)
    try:
        async with engine.connect() as connection:
            lock = {True: "LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", False: "LOCK TABLES {} WRITE"}[postgresql]
            await connection.execute(text(lock.format(table)))
            yield
            if not postgresql:
                await connection.execute(text("UNLOCK TABLES"))
    finally:
        await engine.dispose()


@pytest.mark.parametrize("table", TABLES)
async def test_a_run_ends_where_a_table_is_locked(server: URL, table: str) -> None:
    async with engine_context(server, create_tables=True, timeouts=LIMITS) as engine:
        await HeldItem(1).save("first")
        async with table_held(server, table):
            with pytest.raises(RetryableError, match=rf"holds a lock on .*({table}|or on a table that it refers to)"):
                async with asyncio.timeout(PATIENT), RunManager(Run()) as manager:
                    await manager.save_artifact("new", HeldItem(2))
        await goes_on(engine)


async def test_reads_on_an_engine_of_ones_own_behind_a_locked_table(server: URL) -> None:
    """Calls end by the limit `command`, or by a limit that the engine sets itself."""
    postgresql = server.get_backend_name() == "postgresql"
    own: dict[str, Any] = (
        {"server_settings": {"lock_timeout": "500"}}
        if postgresql
        else {"init_command": "SET SESSION lock_wait_timeout = 1"}
    )
    for arguments, error, words in (
        ({}, DatabaseUnavailableError, "did not answer for 1 s.*who blocks it"),
        (own, RetryableError, "holds a lock on .*artigraph_node"),
    ):
        engine = create_async_engine(server, connect_args=arguments)
        limits = Timeouts(command=1, lock=1, retry=1, cancel=1) if not arguments else LIMITS
        try:
            async with engine_context(engine, create_tables=True, timeouts=limits):
                node_id = await HeldItem(1).save("first")
                async with table_held(server, "artigraph_node"):
                    with pytest.raises(error, match=words):
                        async with asyncio.timeout(PATIENT):
                            await HeldItem.load(node_id)
                    async with asyncio.timeout(PATIENT):
                        with pytest.raises(TimeoutError):
                            async with asyncio.timeout(0.2):
                                await HeldItem.load(node_id)
                await goes_on(engine)
        finally:
            await engine.dispose()
