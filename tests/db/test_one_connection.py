"""Several reads of one call share a connection, and give it back whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import QueuePool

from artigraph.db import Timeouts, _kept, engine_context, get_engine, on_one_connection, read, session_context
from artigraph.db._watch import put_back
from artigraph.errors import DatabaseError

pytestmark = pytest.mark.usefixtures("engine")
_ONE = text("SELECT 1")


@contextmanager
def checkouts() -> Generator[list[object]]:
    """Note each connection that leaves the pool meanwhile."""
    seen: list[object] = []

    def note(connection: Any, *_: object) -> None:
        seen.append(connection)

    pool = get_engine().sync_engine.pool
    event.listen(pool, "checkout", note)
    try:
        yield seen
    finally:
        event.remove(pool, "checkout", note)


def left_out() -> int:
    pool = get_engine().sync_engine.pool
    assert isinstance(pool, QueuePool)
    return pool.checkedout()


async def one(connection: AsyncConnection) -> int:
    return int((await connection.execute(_ONE)).scalar_one())


async def wrong(connection: AsyncConnection) -> None:
    await connection.execute(text("SELECT nothing FROM nowhere"))


async def test_reads_share_a_connection_and_give_it_back() -> None:
    @on_one_connection
    async def inner() -> int:
        return await read(one)

    @on_one_connection
    async def several(more: int) -> int:
        found = [await read(one) for _ in range(more)]
        assert left_out() == 1
        return sum(found) + await inner()

    await read(one)
    with checkouts() as seen:
        assert [await several(3), await several(3)] == [4, 4]
    assert (len(seen), left_out()) == (2, 0)
    with checkouts() as seen:
        assert [await read(one) for _ in range(3)] == [1, 1, 1]
    assert len(seen) == 3


async def test_an_error_gives_the_connection_back_and_the_next_read_works() -> None:
    @on_one_connection
    async def failing() -> int:
        await read(one)
        with pytest.raises(DatabaseError):
            await read(wrong)
        assert left_out() == 0
        return await read(one)

    assert await failing() == 1
    assert left_out() == 0

    @on_one_connection
    async def raising() -> None:
        await read(one)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await raising()
    assert left_out() == 0


async def test_reads_at_the_same_time_have_their_own_connections() -> None:
    met = asyncio.Barrier(3)

    async def meet(connection: AsyncConnection) -> int:
        async with asyncio.timeout(10):
            await met.wait()
        return await one(connection)

    @on_one_connection
    async def together() -> list[int]:
        found = await asyncio.gather(*(read(meet) for _ in range(3)))
        assert left_out() == 1
        return [*found, await read(one)]

    await read(one)
    with checkouts() as seen:
        assert await together() == [1, 1, 1, 1]
    assert (len(seen), left_out()) == (3, 0)


async def test_a_task_that_outlives_the_call_reads_on_a_connection_of_its_own() -> None:
    begun, end = asyncio.Event(), asyncio.Event()

    async def slowly(connection: AsyncConnection) -> int:
        begun.set()
        await end.wait()
        return await one(connection)

    async def reading() -> int:
        return await read(slowly) + await read(one)

    @on_one_connection
    async def starting() -> asyncio.Task[int]:
        await read(one)
        task = asyncio.ensure_future(reading())
        await begun.wait()
        return task

    task = await starting()
    assert left_out() == 1
    end.set()
    assert await task == 2
    assert left_out() == 0


async def test_a_cancelled_call_gives_the_connection_back() -> None:
    begun = asyncio.Event()

    async def forever(_: AsyncConnection) -> None:
        begun.set()
        await asyncio.Event().wait()

    @on_one_connection
    async def waiting() -> None:
        await read(one)
        await read(forever)

    task = asyncio.ensure_future(waiting())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert left_out() == 0


async def test_a_connection_that_does_not_return_in_time_takes_no_result_away(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stalled(connection: AsyncConnection) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await put_back(connection)

    @on_one_connection
    async def reading() -> int:
        return await read(one)

    async with engine_context(database_url, create_tables=True, timeouts=Timeouts(command=0.2)):
        await read(one)
        monkeypatch.setattr(_kept, "put_back", stalled)
        async with asyncio.timeout(30):
            assert await reading() == 1
        assert left_out() == 0


async def test_reads_of_the_only_connection_return_it_each_time() -> None:
    @on_one_connection
    async def several() -> None:
        for _ in range(3):
            await read(one)

    async with engine_context("sqlite://", create_tables=True):
        await read(one)
        with checkouts() as seen:
            await several()
        assert len(seen) == 3


async def test_reads_in_a_session_are_on_the_connection_of_the_session(engine: AsyncEngine) -> None:
    del engine

    @on_one_connection
    async def inside() -> int:
        async with session_context() as session:
            connection = await session.connection()
            assert await read(_same(connection))
            return await read(one)

    assert await inside() == 1
    assert left_out() == 0


def _same(expected: AsyncConnection) -> Any:
    async def work(connection: AsyncConnection) -> bool:
        return connection.sync_connection is expected.sync_connection

    return work
