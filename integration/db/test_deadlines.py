"""Servers that stop answering, locks that somebody else holds, and connections that die inside of sessions."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import URL, make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, create_async_engine

from artigraph import select
from artigraph.db import Timeouts, create_tables, engine_context, session_context, write
from artigraph.errors import DatabaseUnavailableError, RetryableError
from artigraph.maintenance import fsck, gc
from artigraph.orm import RunNode
from artigraph.testing.proxy import FaultProxy
from integration.support.databases import SERVERS, fresh_database
from integration.support.deadlines import (
    PATIENT,
    Item,
    behind_proxy,
    goes_on,
    load,
    read_in_session,
    remove,
    run,
    save,
    session,
)

SHORT = Timeouts(connect=1, command=1)


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[URL]:
    with fresh_database(request.param, tmp_path) as url:
        yield make_url(url)


async def save_much(_node_id: UUID) -> None:
    await Item(2, bytes(range(256)) * 8_000).save("much")


async def count(_node_id: UUID) -> None:
    await select(Item).count()


async def collect(_node_id: UUID) -> None:
    await gc(dry_run=False)


async def check(_node_id: UUID) -> None:
    await fsck()


async def make_tables(_node_id: UUID) -> None:
    await create_tables()


CALLS = [save, save_much, load, count, run, session, read_in_session, remove, collect, check, make_tables]


def stall_from(proxy: FaultProxy, request: int) -> None:
    """Block every request from this number on, on any connection."""
    seen = 0

    def trigger(_data: bytes) -> bool:
        nonlocal seen
        seen += 1
        return seen >= request

    proxy.on_request("stall", trigger, times=1_000_000)


@pytest.mark.parametrize(
    ("call", "request_number"),
    [*((call, 1) for call in CALLS), (save, 3), (run, 5), (session, 3), (session, 5)],
    ids=lambda given: getattr(given, "__name__", given),
)
async def test_each_call_ends_where_a_server_stops_answering(server: URL, call: Any, request_number: int) -> None:
    async with (
        behind_proxy(server) as (url, proxy),
        engine_context(url, create_tables=True, timeouts=SHORT) as engine,
    ):
        node_id = await Item(1).save("first")
        before = asyncio.all_tasks()
        stall_from(proxy, request_number)
        failure: Exception | None = None
        try:
            async with asyncio.timeout(PATIENT):
                await call(node_id)
        except DatabaseUnavailableError as error:
            failure = error
        proxy.clear()
        assert proxy.faults > 0
        if request_number == 1:  # a later request may return a connection, after the call has succeeded
            assert failure is not None
        assert failure is None or type(failure) is DatabaseUnavailableError
        await goes_on(engine)
        theirs = {
            task
            for task in asyncio.all_tasks() - before
            if "FaultProxy" not in repr(task) and "_Link" not in repr(task)
        }
        assert theirs == set()


@pytest.mark.parametrize("call", [save, save_much, load, run, session, read_in_session, remove])
async def test_a_cancelled_call_ends_soon(server: URL, call: Any) -> None:
    async with (
        behind_proxy(server) as (url, proxy),
        engine_context(url, create_tables=True, timeouts=Timeouts(cancel=1)) as engine,
    ):
        node_id = await Item(1).save("first")
        stall_from(proxy, 3)
        async with asyncio.timeout(PATIENT):
            try:
                async with asyncio.timeout(0.5):
                    await call(node_id)
            except TimeoutError:
                pass
            else:
                assert call in (load, read_in_session)  # these requests passed before the limit
        proxy.clear()
        await goes_on(engine)


async def test_a_connection_to_a_black_hole_ends(server: URL) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hole:
        url = server.set(port=hole.getsockname()[1])
        async with engine_context(url, timeouts=SHORT):
            for call in (save, session, run):
                with pytest.raises(DatabaseUnavailableError, match="no connection was made within 1 s"):
                    async with asyncio.timeout(PATIENT):
                        await call(UUID(int=0))


@asynccontextmanager
async def locked(url: URL) -> AsyncGenerator[None]:
    """Lock the table of nodes, so that every call has to wait."""
    engine = create_async_engine(url)
    try:
        async with engine.connect() as connection:
            if url.get_backend_name() == "postgresql":
                await connection.execute(text("LOCK TABLE artigraph_node IN ACCESS EXCLUSIVE MODE"))
            else:
                await connection.execute(text("LOCK TABLES artigraph_node WRITE"))
            yield
            if url.get_backend_name() != "postgresql":
                await connection.execute(text("UNLOCK TABLES"))
    finally:
        await engine.dispose()


@pytest.mark.parametrize("call", [save, load, run, session, remove])
async def test_each_call_ends_where_a_table_is_locked(server: URL, call: Any) -> None:
    limits = Timeouts(lock=1, retry=1)
    async with engine_context(server, create_tables=True, timeouts=limits) as engine:
        node_id = await Item(1).save("first")
        async with locked(server):
            with pytest.raises(RetryableError, match=r"holds a lock on .*artigraph_node"):
                async with asyncio.timeout(PATIENT):
                    await call(node_id)
            async with asyncio.timeout(PATIENT):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.1):
                        await call(node_id)
        await goes_on(engine)


async def test_an_engine_of_ones_own_keeps_its_limits(server: URL) -> None:
    postgresql = server.get_backend_name() == "postgresql"
    look = "SHOW lock_timeout" if postgresql else "SELECT @@lock_wait_timeout, @@innodb_lock_wait_timeout"
    engine = create_async_engine(server, pool_size=1, max_overflow=0)
    try:
        async with engine_context(engine, create_tables=True, timeouts=Timeouts(lock=1, retry=1)):
            async with engine.connect() as connection:
                before = (await connection.execute(text(look))).one()
            await Item(1).save("first")
            async with locked(server):
                for call in (save, session):
                    with pytest.raises(RetryableError, match="artigraph_node"):
                        async with asyncio.timeout(PATIENT):
                            await call(UUID(int=0))
            async with engine.connect() as connection:
                assert (await connection.execute(text(look))).one() == before
            if postgresql:
                async with AsyncSession(engine) as mine, mine.begin():
                    async with session_context(mine):
                        assert (await mine.execute(text(look))).scalar() == "1s"
                    assert (await mine.execute(text(look))).scalar() == "0"
                async with AsyncSession(engine) as mine, mine.begin():
                    await mine.execute(text("SET LOCAL lock_timeout = '7s'"))
                    async with session_context(mine):
                        await Item(2).save("mine")
                    assert (await mine.execute(text(look))).scalar() == "7s"
    finally:
        await engine.dispose()


# Connections that die inside of a session ---------------------------------------------------------------------------


async def kill(connection: Any, url: URL) -> None:
    """Have the server end a connection."""
    postgresql = url.get_backend_name() == "postgresql"
    own_id = text("SELECT pg_backend_pid()" if postgresql else "SELECT connection_id()")
    number = (await connection.execute(own_id)).scalar()
    engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
    async with engine.connect() as other:
        await other.execute(text(f"SELECT pg_terminate_backend({number})" if postgresql else f"KILL {number}"))
    await engine.dispose()
    await asyncio.sleep(0.05)


class MineError(Exception):
    pass


async def killed_at_the_end(own: AsyncSession, url: URL) -> None:
    await Item(2).save("new")
    await kill(own, url)


async def killed_with_rows_of_its_own(own: AsyncSession, url: URL) -> None:
    own.add(RunNode(node_id=UUID(int=7)))
    await kill(own, url)


async def killed_before_a_call(own: AsyncSession, url: URL) -> None:
    await kill(own, url)
    await Item(2).save("new")


async def killed_in_a_call(own: AsyncSession, url: URL) -> None:
    async def work(connection: AsyncConnection) -> None:
        await kill(connection, url)
        await connection.execute(text("SELECT 1"))

    await write(work)


async def killed_before_a_savepoint_is_released(own: AsyncSession, url: URL) -> None:
    async def work(connection: AsyncConnection) -> None:
        await kill(connection, url)

    await write(work)


async def killed_and_caught(own: AsyncSession, url: URL) -> None:
    await kill(own, url)
    with pytest.raises(DatabaseUnavailableError):
        await Item(2).save("new")


async def killed_and_called_again(own: AsyncSession, url: URL) -> None:
    await killed_and_caught(own, url)
    await Item(2).save("new")


async def killed_beside_an_error(own: AsyncSession, url: URL) -> None:
    await kill(own, url)
    raise MineError


async def killed_beside_an_error_in_a_call(own: AsyncSession, url: URL) -> None:
    async def work(connection: AsyncConnection) -> None:
        await kill(connection, url)
        raise MineError

    await write(work)


async def killed_and_cancelled(own: AsyncSession, url: URL) -> None:
    await kill(own, url)
    raise asyncio.CancelledError


DOUBTFUL = (killed_at_the_end, killed_with_rows_of_its_own)
STAGES: list[tuple[Any, type[BaseException]]] = [
    (killed_at_the_end, DatabaseUnavailableError),
    (killed_with_rows_of_its_own, DatabaseUnavailableError),
    (killed_before_a_call, DatabaseUnavailableError),
    (killed_in_a_call, DatabaseUnavailableError),
    (killed_before_a_savepoint_is_released, DatabaseUnavailableError),
    (killed_and_caught, DatabaseUnavailableError),
    (killed_and_called_again, DatabaseUnavailableError),
    (killed_beside_an_error, MineError),
    (killed_beside_an_error_in_a_call, MineError),
    (killed_and_cancelled, asyncio.CancelledError),
]


@pytest.mark.parametrize(("stage", "expected"), STAGES, ids=[stage.__name__ for stage, _ in STAGES])
async def test_a_connection_that_dies_in_a_session(server: URL, stage: Any, expected: type[BaseException]) -> None:
    async with engine_context(server, create_tables=True) as engine:
        await Item(1).save("first")
        with pytest.raises(expected) as caught:
            async with session_context() as own:
                await stage(own, server)
        assert type(caught.value) is expected
        if isinstance(caught.value, DatabaseUnavailableError):
            assert caught.value.may_have_committed == (stage in DOUBTFUL)
            assert type(caught.value.__cause__).__module__ == "sqlalchemy.exc"
        assert await select(Item).count() == 1
        await goes_on(engine)


@pytest.mark.parametrize("stage", [killed_before_a_call, killed_in_a_call, killed_before_a_savepoint_is_released])
async def test_a_connection_that_dies_in_a_session_of_ones_own(server: URL, stage: Any) -> None:
    engine = create_async_engine(server)
    try:
        async with engine_context(engine, create_tables=True):
            await Item(1).save("first")
            own = AsyncSession(engine)
            with pytest.raises(DatabaseUnavailableError) as caught:
                async with session_context(own):
                    await stage(own, server)
            assert type(caught.value) is DatabaseUnavailableError
            await own.invalidate()
            await goes_on(engine)
    finally:
        await engine.dispose()
