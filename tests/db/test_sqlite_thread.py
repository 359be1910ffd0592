"""The thread of a SQLite connection: each waiting call gets an answer, even if the thread fails or ends."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NoReturn
from uuid import UUID

import pytest
from sqlalchemy import Connection, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from artigraph.db import engine_context, read, session_context, write
from artigraph.db._sqlite import FastConnection, ThreadedConnection
from artigraph.errors import ArtigraphError, DatabaseUnavailableError
from artigraph.identifiers import new_id
from artigraph.orm import NodeRow

_node: Any = NodeRow.__table__
ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"
GONE = "no active connection"


def connector(path: Path, closed: threading.Event | None = None) -> Callable[[], sqlite3.Connection]:
    class Noted(sqlite3.Connection):
        def close(self) -> None:
            super().close()
            if closed is not None:
                closed.set()

    return lambda: sqlite3.connect(path / "x.db", isolation_level=None, factory=Noted)


async def opened(path: Path, closed: threading.Event | None = None) -> ThreadedConnection:
    connection = ThreadedConnection()
    await connection.open(connector(path, closed))
    return connection


def thread_of(connection: ThreadedConnection) -> threading.Thread:
    return connection._worker.thread


async def ended(thread: threading.Thread) -> bool:
    await asyncio.to_thread(thread.join, 10)
    return not thread.is_alive()


def die(connection: sqlite3.Connection) -> NoReturn:
    raise SystemExit(3)


def one(connection: sqlite3.Connection) -> int:
    number: int = connection.execute("SELECT 1").fetchone()[0]
    return number


def saving(node_id: UUID) -> Callable[[AsyncConnection], Awaitable[Any]]:
    return lambda connection: connection.execute(insert(_node).values(node_id=node_id, node_type="run"))


async def saved() -> list[UUID]:
    rows = await read(lambda connection: connection.execute(select(_node.c.node_id).order_by(_node.c.node_id)))
    return list(rows.scalars())


async def kill(connection: AsyncConnection) -> None:
    """End the thread of a connection of an engine."""
    driver: Any = (await connection.get_raw_connection()).driver_connection
    with pytest.raises(sqlite3.OperationalError, match=GONE):
        await driver.run(die)


# Ended by itself, or stuck -------------------------------------------------------------------------------------------


async def test_a_thread_that_dies_answers_all_who_wait_and_all_who_come(tmp_path: Path) -> None:
    closed = threading.Event()
    connection = await opened(tmp_path, closed)
    begun, go_on = threading.Event(), threading.Event()

    def wait_and_die(_: sqlite3.Connection) -> NoReturn:
        begun.set()
        go_on.wait(10)
        raise SystemExit(3)

    first = asyncio.create_task(connection.run(wait_and_die))
    assert await asyncio.to_thread(begun.wait, 10)
    others = [asyncio.create_task(connection.run(one)) for _ in range(3)]
    await asyncio.sleep(0)
    go_on.set()
    async with asyncio.timeout(10):
        answers: list[object] = await asyncio.gather(first, *others, return_exceptions=True)
        for answer in answers:
            assert isinstance(answer, sqlite3.OperationalError)
            assert str(answer).startswith(f"{GONE}: ")
            assert isinstance(answer.__cause__, SystemExit)
        with pytest.raises(sqlite3.OperationalError, match=r"no active connection.*\(SystemExit: 3\)"):
            await connection.run(one)
        await connection.close()
    assert await ended(thread_of(connection))  # closing the connection is the last thing that it does
    assert closed.is_set()


async def test_a_thread_that_is_stuck_is_left_behind(tmp_path: Path) -> None:
    closed = threading.Event()
    connection = await opened(tmp_path, closed)
    begun, go_on = threading.Event(), threading.Event()

    def stick(_: sqlite3.Connection) -> None:
        begun.set()
        go_on.wait(60)

    ran: list[int] = []

    def note(_: sqlite3.Connection) -> None:
        ran.append(1)

    tasks = [asyncio.create_task(connection.run(stick)), asyncio.create_task(connection.run(note))]
    assert await asyncio.to_thread(begun.wait, 10)
    connection.stop()
    async with asyncio.timeout(10):
        for answer in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(answer, sqlite3.OperationalError)
            assert GONE in str(answer)
        with pytest.raises(sqlite3.OperationalError, match=GONE):
            await connection.run(one)
    assert not closed.is_set()
    go_on.set()
    assert await ended(thread_of(connection))
    assert closed.is_set()
    assert not ran


async def test_closing_does_not_wait_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("artigraph.db._sqlite._CLOSING", 0.05)
    connection = await opened(tmp_path)
    begun, go_on = threading.Event(), threading.Event()

    def stick(_: sqlite3.Connection) -> None:
        begun.set()
        go_on.wait(60)

    stuck = asyncio.create_task(connection.run(stick))
    assert await asyncio.to_thread(begun.wait, 10)
    async with asyncio.timeout(10):
        await connection.close()
        await connection.close()
        await asyncio.gather(stuck, return_exceptions=True)
    go_on.set()
    assert await ended(thread_of(connection))


async def test_an_error_of_any_class_reaches_who_waits(tmp_path: Path) -> None:
    connection = await opened(tmp_path)

    def stop_iteration(_: sqlite3.Connection) -> NoReturn:
        raise StopIteration

    async with asyncio.timeout(10):
        with pytest.raises(RuntimeError):  # what Python makes of it in a coroutine
            await connection.run(stop_iteration)
        assert await connection.run(one) == 1
        await connection.close()


async def test_a_thread_that_cannot_be_started_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_: threading.Thread) -> NoReturn:
        raise RuntimeError("can't start new thread")

    connection = ThreadedConnection()
    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(sqlite3.OperationalError, match="can't start new thread"):
        await connection.open(connector(tmp_path))


# Given up ------------------------------------------------------------------------------------------------------------


async def test_a_connection_that_is_given_up_speaks_to_no_loop(tmp_path: Path) -> None:
    closed = threading.Event()
    connection = await opened(tmp_path, closed)
    thread = thread_of(connection)
    connection.stop()
    assert await ended(thread)
    assert closed.is_set()


async def test_and_so_does_one_that_is_collected(tmp_path: Path) -> None:
    closed = threading.Event()
    connection = await opened(tmp_path, closed)
    thread = thread_of(connection)
    del connection
    gc.collect()
    assert await ended(thread)
    assert closed.is_set()


def test_and_one_whose_loop_ended_first(tmp_path: Path) -> None:
    closed = threading.Event()
    connection = asyncio.run(opened(tmp_path, closed))
    thread = thread_of(connection)
    connection.stop()
    thread.join(10)
    assert not thread.is_alive()
    assert closed.is_set()


async def test_a_connection_that_nobody_waits_for_any_more_is_closed(tmp_path: Path) -> None:
    opening, go_on, closed = threading.Event(), threading.Event(), threading.Event()

    def slowly() -> sqlite3.Connection:
        opening.set()
        go_on.wait(10)
        return connector(tmp_path, closed)()

    connection = ThreadedConnection()
    task = asyncio.create_task(connection.open(slowly))
    assert await asyncio.to_thread(opening.wait, 10)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    go_on.set()
    assert await asyncio.to_thread(closed.wait, 10)


# On an engine --------------------------------------------------------------------------------------------------------


async def driver_of(engine: AsyncEngine) -> ThreadedConnection:
    async with engine.connect() as connection:
        raw = await connection.get_raw_connection()
        assert isinstance(raw.dbapi_connection, FastConnection)
        driver: Any = raw.driver_connection
    assert isinstance(driver, ThreadedConnection)
    return driver


async def test_a_dead_connection_of_the_pool_is_replaced(engine: AsyncEngine) -> None:
    dead = await driver_of(engine)
    with pytest.raises(sqlite3.OperationalError, match=GONE):
        await dead.run(die)
    async with asyncio.timeout(20):
        assert await saved() == []
        alive = await driver_of(engine)
        assert alive is not dead
        assert await alive.run(one) == 1


async def test_a_write_whose_connection_dies_is_done_again(engine: AsyncEngine) -> None:
    node_id, attempts = new_id(), 0

    async def work(connection: AsyncConnection) -> None:
        nonlocal attempts
        attempts += 1
        await saving(node_id)(connection)
        if attempts == 1:
            await kill(connection)
        await connection.execute(text("SELECT 1"))

    async with asyncio.timeout(20):
        await write(work)
        assert attempts == 2
        assert await saved() == [node_id]


async def test_where_each_one_dies_the_error_is_typed(engine: AsyncEngine) -> None:
    async def looking(connection: AsyncConnection) -> None:
        await kill(connection)
        await connection.execute(text("SELECT 1"))

    async def storing(connection: AsyncConnection) -> None:
        await saving(new_id())(connection)
        await looking(connection)

    async with asyncio.timeout(20):
        with pytest.raises(DatabaseUnavailableError, match=GONE):
            await read(looking)
        with pytest.raises(DatabaseUnavailableError, match=GONE):
            await write(storing)
        assert await saved() == []


async def test_a_session_whose_connection_dies_ends_with_an_error(engine: AsyncEngine) -> None:
    node_id = new_id()
    async with asyncio.timeout(20):
        with pytest.raises(ArtigraphError):  # noqa: PT012 (the block is the matter)
            async with session_context() as session:
                await write(saving(new_id()))
                await kill(await session.connection())
                await saved()
        async with session_context():
            await write(saving(node_id))
        assert await saved() == [node_id]


async def test_a_stuck_connection_is_told_to_stop_and_the_call_goes_on_elsewhere(engine: AsyncEngine) -> None:
    begun, go_on = threading.Event(), threading.Event()
    stuck: list[Any] = []

    def stick() -> int:
        begun.set()
        go_on.wait(60)
        return 1

    def add(connection: sqlite3.Connection) -> None:
        connection.create_function("stick", 0, stick)

    async def work(connection: AsyncConnection) -> Any:
        raw: Any = await connection.get_raw_connection()
        if not stuck:
            stuck.append(raw.driver_connection)
            await raw.driver_connection.run(add)
            return await connection.scalar(text("SELECT stick()"))
        return await connection.scalar(text("SELECT 2"))

    async with asyncio.timeout(20):
        call = asyncio.create_task(read(work))
        assert await asyncio.to_thread(begun.wait, 10)
        stuck[0].stop()
        assert await call == 2
    go_on.set()
    assert await ended(thread_of(stuck[0]))


async def test_a_statement_that_nobody_waits_for_any_more_is_interrupted(engine: AsyncEngine) -> None:
    begun = threading.Event()
    drivers: list[ThreadedConnection] = []

    def watch(connection: sqlite3.Connection) -> None:
        connection.set_progress_handler(begun.set, 1000)

    async def work(connection: AsyncConnection) -> Any:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        drivers.append(driver)
        await driver.run(watch)
        return await connection.execute(text(ENDLESS))

    task = asyncio.create_task(read(work))
    assert await asyncio.to_thread(begun.wait, 10)
    task.cancel()
    async with asyncio.timeout(20):
        await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert await ended(thread_of(drivers[0]))
    assert await saved() == []


async def test_connections_are_closed_where_nothing_can_be_awaited(database_url: str) -> None:
    async with engine_context(database_url, create_tables=True) as engine:
        await saved()
        thread = thread_of(await driver_of(engine))
        engine.sync_engine.dispose()
        assert await ended(thread)
        assert await saved() == []


async def test_the_level_of_an_engine_is_nothing_to_the_driver(engine: AsyncEngine) -> None:
    assert await saved() == []  # makes the tables
    alone = engine.execution_options(isolation_level="AUTOCOMMIT")
    node_id = new_id()
    async with alone.connect() as connection:
        await saving(node_id)(connection)
        driver: Any = (await connection.get_raw_connection()).driver_connection
        assert not driver.in_transaction
    async with engine.connect() as connection:
        await saving(new_id())(connection)
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver.in_transaction
    assert await saved() == [node_id]


async def test_a_cursor_is_one_as_pep_249_has_it(engine: AsyncEngine) -> None:
    def twice(number: int) -> int:
        return 2 * number

    def use(connection: Connection) -> None:
        raw: Any = connection.connection.dbapi_connection
        raw.create_function("twice", 1, twice)
        raw.execute("CREATE TABLE number (x INTEGER)").close()
        cursor = raw.cursor()
        cursor.executemany("INSERT INTO number VALUES (twice(?))", [(number,) for number in range(6)])
        assert cursor.rowcount == 6
        cursor.execute("SELECT x FROM number WHERE x < ? ORDER BY x", (9,))
        assert cursor.description[0][0] == "x"
        assert cursor.fetchone() == (0,)
        assert cursor.fetchmany() == [(2,)]
        assert cursor.fetchmany(2) == [(4,), (6,)]
        assert cursor.fetchall() == [(8,)]
        assert (cursor.fetchone(), cursor.fetchmany(3), cursor.fetchall()) == (None, [], [])
        cursor.execute("SELECT x FROM number ORDER BY x LIMIT 2")
        assert list(cursor) == [(0,), (2,)]
        cursor.execute("INSERT INTO number VALUES (1)")
        assert (cursor.description, cursor.rowcount, cursor.lastrowid) == (None, 1, 7)
        cursor.close()
        raw.rollback()

    async with engine.connect() as connection:
        await connection.run_sync(use)
        result = await connection.stream(text("SELECT 1 UNION ALL SELECT 2"))
        assert [row async for row in result.scalars()] == [1, 2]
