"""Connections that break, and transactions that give way, on each server."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, insert, make_url, select, text, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, create_async_engine

from artigraph.db import current_database, engine_context, get_engine, read, session_context, write, write_apart
from artigraph.errors import (
    ArtigraphError,
    ConfigurationError,
    DatabaseUnavailableError,
    RetryableError,
    WrongEventLoopError,
)
from artigraph.identifiers import new_id
from artigraph.orm import NodeRow
from integration.support.killer import Killer, own_id

_node: Any = NodeRow.__table__


def saving(**values: Any) -> Any:
    node_id = new_id()
    row: dict[str, Any] = {"node_id": node_id, "node_type": "run"} | values

    async def work(connection: AsyncConnection) -> UUID:
        await connection.execute(insert(_node).values(row))
        return node_id

    return work


async def count(connection: AsyncConnection) -> int:
    return (await connection.execute(select(func.count()).select_from(_node))).scalar_one()


def touching(node_id: UUID, values: Any) -> Any:
    async def work(connection: AsyncConnection) -> None:
        await connection.execute(update(_node).where(_node.c.node_id == node_id).values(position=values))

    return work


async def test_connections_that_were_dropped_are_never_noticed(server_url: str) -> None:
    killer = Killer(server_url)
    async with engine_context(server_url, create_tables=True):
        for index in range(20):
            await asyncio.gather(*(read(count) for _ in range(3)))
            await killer.kill_all()
            if index % 2:
                await write(saving())
            assert await read(count) == (index + 1) // 2
            if index % 5 == 0:
                await killer.kill_all()
                async with session_context():
                    assert await read(count) == (index + 1) // 2
    await killer.engine.dispose()


async def test_a_connection_that_breaks_inside_a_write(server_url: str) -> None:
    killer = Killer(server_url)
    async with engine_context(server_url, create_tables=True):
        for expected in range(1, 6):
            attempts = 0

            async def work(connection: AsyncConnection) -> None:
                nonlocal attempts
                attempts += 1
                await saving()(connection)
                if attempts == 1:
                    await killer.kill_one(await own_id(connection))
                    await connection.execute(text("SELECT 1"))

            await write(work)
            assert attempts == 2
            assert await read(count) == expected
    await killer.engine.dispose()


async def test_a_connection_that_breaks_inside_a_session(server_url: str) -> None:
    killer = Killer(server_url)
    async with engine_context(server_url, create_tables=True):
        with pytest.raises(DatabaseUnavailableError):  # noqa: PT012 (the block is the matter)
            async with session_context():
                await write(saving())
                await killer.kill_one(await read(own_id))
                await write(saving())
        with pytest.raises(ArtigraphError):  # noqa: PT012
            async with session_context():
                await write(saving())
                await killer.kill_one(await read(own_id))
        assert await read(count) == 0
        await write(saving())
        assert await read(count) == 1
        assert get_engine().sync_engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    await killer.engine.dispose()


async def test_a_deadlock_in_a_session_is_the_callers_to_try_again(server_url: str) -> None:
    async with engine_context(server_url, create_tables=True):
        a, b = await write(saving(position=0)), await write(saving(position=0))
        both = asyncio.Barrier(2)

        async def one(first: UUID, second: UUID) -> bool:
            try:
                async with session_context():
                    await write(saving())
                    await write(touching(first, _node.c.position + 1))
                    await both.wait()
                    try:
                        await write(touching(second, _node.c.position + 1))
                    except RetryableError:
                        await asyncio.sleep(0)  # a caller that ignores the error
                        await write(saving())
                        raise
            except RetryableError:
                return False
            return True

        outcomes = await asyncio.gather(one(a, b), one(b, a))
        assert sorted(outcomes) == [False, True]
        assert await read(count) == 3
        rows = await read(lambda connection: connection.execute(select(_node.c.position).where(_node.c.position > 0)))
        assert rows.scalars().all() == [1, 1]


async def test_a_server_that_is_not_there(server_url: str) -> None:
    nowhere = make_url(server_url).set(port=1)
    async with engine_context(nowhere):
        for call in (read(count), write(saving()), current_database()):
            with pytest.raises(DatabaseUnavailableError, match="host and port"):
                await call


async def test_a_database_that_is_not_there(server_url: str) -> None:
    async with engine_context(make_url(server_url).set(database="nowhere_to_be_found")):
        with pytest.raises(ConfigurationError, match="nowhere_to_be_found"):
            await read(count)


async def test_a_wrong_password_is_not_told(server_url: str) -> None:
    async with engine_context(make_url(server_url).set(username="nobody_at_all", password="s3cret")) as engine:
        assert "s3cret" not in repr(engine)
        with pytest.raises(ArtigraphError) as caught:
            await read(count)
        error: BaseException | None = caught.value
        while error is not None:
            assert "s3cret" not in f"{error!r} {error}"
            error = error.__cause__


# Engines and sessions of a caller's ---------------------------------------------------------------------------------


async def test_a_callers_engine_keeps_its_isolation(server_url: str) -> None:
    async with engine_context(server_url, create_tables=True):
        await current_database()
    others = create_async_engine(server_url)
    for options in ({}, {"isolation_level": "SERIALIZABLE"}, {"isolation_level": "AUTOCOMMIT"}):
        engine = create_async_engine(server_url, pool_size=1, max_overflow=0, **options)
        async with engine.connect() as connection:
            before = await connection.get_isolation_level()
        async with engine_context(engine):
            number = await read(count)

            async def fail(connection: AsyncConnection, number: int = number) -> None:
                assert await count(connection) == number
                async with others.begin() as another:
                    await saving()(another)
                assert await count(connection) == number + 1  # READ COMMITTED, whatever the engine's own is
                await saving()(connection)
                raise KeyError

            with pytest.raises(KeyError):
                await write(fail)
            assert await read(count) == number + 1
            await write(saving())
            assert await read(count) == number + 2
        async with engine.connect() as connection:
            assert await connection.get_isolation_level() == before
        await engine.dispose()
    await others.dispose()


async def test_a_callers_session(server_url: str) -> None:
    async with engine_context(server_url, create_tables=True):
        await current_database()
    engine = create_async_engine(server_url, isolation_level="READ COMMITTED")
    async with engine_context(engine), AsyncSession(engine) as session:
        async with session_context(session):
            await write(saving())
            await write_apart(saving())
            assert await read(count) == 2
        await session.rollback()
        assert await read(count) == 1
        async with session_context(session):
            await write(saving())
            await session.commit()
        assert await read(count) == 2
    careless = engine.execution_options(isolation_level="AUTOCOMMIT")
    async with engine_context(engine), AsyncSession(careless) as session:
        with pytest.raises(ConfigurationError, match="AUTOCOMMIT"):
            async with session_context(session):
                pass
    await engine.dispose()


async def test_a_callers_session_in_a_deadlock_cannot_be_committed(server_url: str) -> None:
    async with engine_context(server_url, create_tables=True):
        a, b = await write(saving(label="a")), await write(saving(label="b"))
    engine = create_async_engine(server_url)
    both = asyncio.Barrier(2)

    async def one(first: UUID, second: UUID) -> str:
        async with AsyncSession(engine) as session:
            try:
                async with session_context(session):
                    await write(saving(label="half"))
                    await write(touching(first, 1))
                    await both.wait()
                    await write(touching(second, 1))
            except RetryableError:
                await asyncio.sleep(0.5)
                try:
                    await write_row(session)
                    await session.commit()
                except SQLAlchemyError:
                    return "refused"
                return "committed after a rollback to the savepoint"
            await session.commit()
            return "committed"

    async def write_row(session: AsyncSession) -> None:
        await session.execute(insert(_node).values(node_id=new_id(), node_type="run", label="after"))

    async with engine_context(engine):
        outcomes = sorted(await asyncio.gather(one(a, b), one(b, a)))
        assert outcomes[0] == "committed"
        rows = await read(lambda connection: connection.execute(select(_node.c.label)))
        labels = sorted(rows.scalars())
        if outcomes[1] == "refused":
            assert labels == ["a", "b", "half"]
        else:  # PostgreSQL rolls back only the savepoint, and keeps the rest of the transaction
            assert labels == ["a", "after", "b", "half", "half"]
    await engine.dispose()


async def test_sessions_beyond_the_pool_wait_for_each_other(server_url: str) -> None:
    async def one() -> None:
        async with session_context():
            await write(saving())
            await write_apart(saving())
            await asyncio.sleep(0.01)

    async with engine_context(server_url, create_tables=True):
        await asyncio.gather(*(one() for _ in range(60)))
        assert await read(count) == 120


async def test_two_loops_do_not_share_an_engine(server_url: str) -> None:
    async with engine_context(server_url, create_tables=True):
        await current_database()
    engine = create_async_engine(server_url)
    async with engine_context(engine):
        await read(count)

        def elsewhere() -> None:
            asyncio.run(_read_count())

        with pytest.raises(WrongEventLoopError):
            await asyncio.to_thread(elsewhere)
    async with engine_context(server_url):
        await read(count)
        await asyncio.to_thread(elsewhere)
    await engine.dispose()


async def _read_count() -> None:
    await read(count)
