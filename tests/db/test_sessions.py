from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, event, func, insert, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import StaticPool

from artigraph.db import (
    Timeouts,
    create_tables,
    current_database,
    current_session,
    engine_context,
    in_session,
    read,
    session_context,
    write,
    write_apart,
)
from artigraph.errors import (
    ConfigurationError,
    DatabaseError,
    MissingTablesError,
    RetryableError,
    SessionStateError,
    WrongEventLoopError,
)
from artigraph.identifiers import new_id
from artigraph.orm import NodeRow, RunNode

_node: Any = NodeRow.__table__


def saving(label: str | None = None) -> Any:
    async def work(connection: AsyncConnection) -> UUID:
        node_id = new_id()
        await connection.execute(insert(_node).values(node_id=node_id, node_type="run", label=label))
        return node_id

    return work


async def labels() -> list[str]:
    rows = await read(lambda connection: connection.execute(select(_node.c.label)))
    return sorted(rows.scalars())


async def test_the_session_is_known_where_it_is_open(engine: AsyncEngine) -> None:
    assert current_session(allow_none=True) is None
    with pytest.raises(SessionStateError, match="session_context"):
        current_session()
    async with session_context() as session:
        assert in_session()
        assert current_session() is session
        async with session_context(session) as same:
            assert same is session
        assert await current_database() == await current_database()
    assert not in_session()


async def test_rows_of_ones_own_are_committed_with_it(engine: AsyncEngine) -> None:
    async with session_context() as session:
        session.add(RunNode(node_id=new_id(), label="mine"))
        await write(saving("theirs"))
        await session.commit()  # not for the session to do: the block is not at its end
    assert await labels() == ["mine", "theirs"]
    with pytest.raises(KeyError):  # noqa: PT012 (the block is the matter)
        async with session_context() as session:
            session.add(RunNode(node_id=new_id(), label="gone"))
            await session.commit()
            raise KeyError
    assert await labels() == ["mine", "theirs"]


async def test_rows_of_ones_own_that_are_refused(engine: AsyncEngine) -> None:
    node_id = await write(saving("first"))
    with pytest.raises(DatabaseError) as caught:  # noqa: PT012 (the block is the matter)
        async with session_context() as session:
            await write(saving("second"))
            session.add(RunNode(node_id=node_id, label="third"))
    assert caught.value.__cause__ is not None
    assert await labels() == ["first"]


async def test_a_session_that_was_rolled_back_goes_on(engine: AsyncEngine) -> None:
    async with session_context() as session:
        await write(saving("before"))
        await session.rollback()
        assert await labels() == []
        await write(saving("after"))
    assert await labels() == ["after"]


async def test_another_engine_is_outside_of_the_session(engine: AsyncEngine, tmp_path: Path) -> None:
    async with session_context():
        await write(saving("in"))
        async with engine_context(f"sqlite:///{tmp_path}/other.db", create_tables=True):
            assert not in_session()
            assert await labels() == []
            await write(saving("other"))
            async with session_context():
                await write(saving("other too"))
                assert await labels() == ["other", "other too"]
        assert await labels() == ["in"]


async def test_another_thread_is_told(engine: AsyncEngine) -> None:
    def elsewhere() -> None:
        asyncio.run(main())

    async def main() -> None:
        await write(saving())

    async with session_context():
        with pytest.raises(WrongEventLoopError, match=r"event loop or thread.*outside of its block"):
            await asyncio.to_thread(elsewhere)
        await write(saving("here"))
    assert await labels() == ["here"]


async def test_a_call_in_a_call_is_told_rather_than_waited_for(engine: AsyncEngine) -> None:
    async def work(connection: AsyncConnection) -> None:
        await read(saving())

    async with session_context():
        with pytest.raises(SessionStateError, match="inside another one"):
            await write(work)
        await write(saving("fine"))
    assert await labels() == ["fine"]


async def test_cancelled_calls_leave_the_session_whole(engine: AsyncEngine) -> None:
    async with session_context():
        for index in range(20):
            task = asyncio.ensure_future(write(saving(f"{index:02}")))
            await asyncio.sleep(0.0003 * (index % 6))
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await write(saving("last"))
        inside = await labels()
    assert inside[-1] == "last"
    assert await labels() == inside


async def test_a_transaction_that_the_database_ended_cannot_be_committed(engine: AsyncEngine) -> None:
    async def lose(connection: AsyncConnection) -> None:
        # What MySQL does after a deadlock, and SQLite after some errors: all is rolled back, the savepoints too.
        driver = (await connection.get_raw_connection()).driver_connection
        await driver.rollback()  # type: ignore[union-attr]
        raise KeyError

    with pytest.raises(RetryableError):  # noqa: PT012 (the block is the matter)
        async with session_context():
            await write(saving("lost"))
            with pytest.raises(KeyError):
                await write(lose)
            with pytest.raises(RetryableError):
                await write(saving("half"))
    assert await labels() == []


async def test_what_is_written_apart_without_a_session(engine: AsyncEngine) -> None:
    await write_apart(saving("alone"))
    assert await labels() == ["alone"]


async def test_a_session_waits_for_the_lock_of_others_and_gives_up(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("artigraph.db._transaction.ATTEMPTS", 3)
    limits = Timeouts(lock=0.01)
    async with engine_context(database_url, create_tables=True, timeouts=limits) as engine:
        await current_database()
        other = sqlite3.connect(str(engine.url.database), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(RetryableError, match="locked"):
            async with session_context():
                pass
        with pytest.raises(RetryableError, match="locked"):
            await write(saving())
        assert await labels() == []
        other.close()
        async with session_context():
            await write(saving("now"))
        assert await labels() == ["now"]


# Sessions of one's own ----------------------------------------------------------------------------------------------


def plain_engine(url: str, *, foreign_keys: bool = True, **options: Any) -> AsyncEngine:
    engine = create_async_engine(url.replace("sqlite://", "sqlite+aiosqlite://"), **options)

    def switch_on(connection: Any, record: object) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    if foreign_keys:
        event.listen(engine.sync_engine, "connect", switch_on)
    return engine


def begins(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


@pytest.mark.parametrize("begin", [False, True])
async def test_it_commits_and_rolls_back_with_its_owner(database_url: str, begin: bool) -> None:
    mine = plain_engine(database_url)
    if begin:  # as SQLAlchemy's documentation advises
        event.listen(mine.sync_engine, "begin", begins)
    async with engine_context(mine, create_tables=True), AsyncSession(mine) as session:
        async with session_context(session) as same:
            assert same is session
            await write(saving("rolled back"))
            assert await labels() == ["rolled back"]
        assert session.in_transaction()
        await session.rollback()
        assert await labels() == []
        async with session_context(session):
            await write(saving("committed"))
            session.add(RunNode(node_id=new_id(), label="mine"))
            await session.commit()
            await write(saving("not any more"))
        await session.rollback()
        assert await labels() == ["committed", "mine"]
    await mine.dispose()


async def test_without_foreign_keys_it_is_refused(database_url: str) -> None:
    mine = plain_engine(database_url, foreign_keys=False)
    async with engine_context(mine, create_tables=True):
        await create_tables()
        async with AsyncSession(mine) as session:
            with pytest.raises(ConfigurationError, match="foreign_keys=ON"):
                async with session_context(session):
                    pass
    await mine.dispose()


async def test_it_need_not_be_of_the_engine_that_is_set(database_url: str, engine: AsyncEngine, tmp_path: Path) -> None:
    mine = plain_engine(f"sqlite:///{tmp_path}/mine.db")
    async with AsyncSession(mine) as session:
        with pytest.raises(MissingTablesError):
            async with session_context(session):
                pass
    async with engine_context(mine):
        await create_tables()
    async with AsyncSession(mine) as session, session_context(session):
        await write(saving("mine"))
        await session.commit()
    assert await labels() == []
    async with AsyncSession(mine) as session, session_context(session):
        assert await labels() == ["mine"]
        assert (await current_database()).dialect == "sqlite"
    await mine.dispose()


async def test_one_connection_for_all(database_url: str) -> None:
    mine = plain_engine("sqlite://", poolclass=StaticPool)
    async with engine_context(mine, create_tables=True), AsyncSession(mine) as session:
        async with session_context(session):
            await write(saving("a"))
        await session.commit()
        await asyncio.gather(*(write(saving("b")) for _ in range(20)), *(labels() for _ in range(20)))
        assert await labels() == ["a", *["b"] * 20]
        async with session_context():
            await write(saving("c"))
        assert len(await labels()) == 22
    await mine.dispose()


async def test_an_unbound_session_is_refused(engine: AsyncEngine) -> None:
    async with AsyncSession() as session:
        with pytest.raises(ConfigurationError, match="AsyncSession"):
            async with session_context(session):
                pass


async def test_a_broken_session_of_ones_own_is_told(database_url: str) -> None:
    mine = plain_engine(database_url)
    async with engine_context(mine, create_tables=True):
        node_id = await write(saving())
        async with AsyncSession(mine) as session:
            session.add(RunNode(node_id=node_id))
            with pytest.raises(Exception, match="UNIQUE"):
                await session.flush()
            await session.close()
            async with session_context(session):
                await write(saving("x"))
                raw = await (await session.connection()).get_raw_connection()
                await raw.driver_connection.close()  # type: ignore[union-attr]
                with pytest.raises((DatabaseError, SessionStateError)):
                    await write(saving("y"))
            with pytest.raises(OperationalError):  # noqa: PT012
                await session.execute(select(_node))
                await session.commit()
            await session.invalidate()
    await mine.dispose()


async def test_the_current_session_may_be_entered_as_in_0_0_4(database_url: str) -> None:
    """It closes nothing that the session of the block still needs."""
    async with engine_context(database_url, create_tables=True):
        with pytest.raises(SessionStateError, match="async with session_context"):
            async with current_session():
                pass
        async with session_context():
            await write(saving())
            async with current_session() as session:
                assert (await session.execute(select(func.count()).select_from(NodeRow))).scalar() == 1
            await write(saving())
        async with session_context() as session:
            assert (await session.execute(select(func.count()).select_from(NodeRow))).scalar() == 2
