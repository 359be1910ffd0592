from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Any, Self
from uuid import UUID

import pytest
from sqlalchemy import Connection, event, insert, make_url, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from artigraph.db import Timeouts, engine_context, read, session_context, shielded, write
from artigraph.errors import (
    ConfigurationError,
    DatabaseError,
    DatabaseUnavailableError,
    LabelConflictError,
    RetryableError,
)
from artigraph.identifiers import new_id
from artigraph.orm import NodeRow

_node: Any = NodeRow.__table__


def saving(node_id: UUID | None = None) -> Callable[[AsyncConnection], Any]:
    row = {"node_id": node_id or new_id(), "node_type": "run"}
    return lambda connection: connection.execute(insert(_node).values(row))


async def saved() -> list[UUID]:
    rows = await read(lambda connection: connection.execute(select(_node.c.node_id).order_by(_node.c.node_id)))
    return list(rows.scalars())


def lost() -> DBAPIError:
    return DBAPIError("SELECT", {}, sqlite3.OperationalError("gone"), connection_invalidated=True)


async def test_what_gives_way_is_done_again(engine: AsyncEngine) -> None:
    attempts = 0

    async def work(connection: AsyncConnection) -> int:
        nonlocal attempts
        attempts += 1
        await saving()(connection)
        if attempts < 4:
            raise RetryableError
        return attempts

    assert await write(work) == 4
    assert len(await saved()) == 1


async def test_and_not_for_ever(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("artigraph.db._transaction.ATTEMPTS", 3)
    attempts = 0

    async def work(connection: AsyncConnection) -> None:
        nonlocal attempts
        attempts += 1
        raise RetryableError

    with pytest.raises(RetryableError):
        await write(work)
    assert attempts == 3


async def test_nor_for_longer_than_one_is_patient(database_url: str) -> None:
    attempts = 0

    async def work(connection: AsyncConnection) -> None:
        nonlocal attempts
        attempts += 1
        await asyncio.sleep(0.001)
        raise RetryableError

    async with engine_context(database_url, create_tables=True, timeouts=Timeouts(retry=0.0005)):
        with pytest.raises(RetryableError):
            await write(work)
    assert attempts == 1


@pytest.mark.parametrize("call", [read, write])
async def test_a_broken_connection_is_replaced(engine: AsyncEngine, call: Any) -> None:
    attempts = 0

    async def work(connection: AsyncConnection) -> int:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            raise lost()
        return attempts

    assert await call(work) == 3
    attempts = -10
    with pytest.raises(DatabaseUnavailableError, match="broke") as caught:
        await call(work)
    assert isinstance(caught.value.__cause__, DBAPIError)


async def test_an_error_of_ones_own_goes_on_unchanged(engine: AsyncEngine) -> None:
    error = KeyError("mine")

    async def work(connection: AsyncConnection) -> None:
        if call is write:
            await saving()(connection)
        raise error

    for call in (read, write):
        with pytest.raises(KeyError) as caught:
            await call(work)
        assert caught.value is error
    assert await saved() == []


async def test_wrong_statements_are_typed_errors(engine: AsyncEngine) -> None:
    with pytest.raises(DatabaseError, match="syntax error"):
        await read(lambda connection: connection.execute(text("SELEKT")))


class Commits:
    """Loses the connection at the first commits, before or after they take effect."""

    def __init__(self, engine: AsyncEngine, *, times: int, takes_effect: bool) -> None:
        self.left = times
        self._dialect: Any = engine.sync_engine.dialect
        self._commit = self._dialect.do_commit
        self._takes_effect = takes_effect

    def __enter__(self) -> Self:
        self._dialect.do_commit = self.commit
        return self

    def __exit__(self, *error: object) -> None:
        self._dialect.do_commit = self._commit

    def commit(self, connection: Any) -> None:
        if self.left:
            self.left -= 1
            if self._takes_effect:
                self._commit(connection)
            else:
                connection.rollback()
            raise ConnectionResetError("reply lost")
        self._commit(connection)


@pytest.mark.parametrize("takes_effect", [True, False])
async def test_a_commit_without_a_reply(engine: AsyncEngine, takes_effect: bool) -> None:
    await saved()
    node_id = new_id()

    async def committed(connection: AsyncConnection) -> bool:
        found = await connection.execute(select(_node).where(_node.c.node_id == node_id))
        return found.first() is not None

    with Commits(engine, times=1, takes_effect=takes_effect) as commits:
        await write(saving(node_id), committed=committed)
    assert commits.left == 0
    assert await saved() == [node_id]
    with Commits(engine, times=1, takes_effect=takes_effect), pytest.raises(DatabaseUnavailableError, match="COMMIT"):
        await write(saving())
    assert len(await saved()) == 1 + takes_effect


@pytest.mark.parametrize("in_session", [False, True])
async def test_a_commit_that_is_refused_is_rolled_back_and_holds_nothing(
    engine: AsyncEngine, database_url: str, monkeypatch: pytest.MonkeyPatch, in_session: bool
) -> None:
    await saved()

    def refuse(_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(engine.sync_engine.dialect, "do_commit", refuse)
        with pytest.raises(DatabaseError, match="disk I/O"):  # noqa: PT012
            if in_session:
                async with session_context():
                    await write(saving())
            else:
                await write(saving())
    with sqlite3.connect(make_url(database_url).database or "", timeout=0) as another:
        another.execute("BEGIN IMMEDIATE")
    another.close()
    await write(saving())
    assert len(await saved()) == 1


async def test_a_commit_that_takes_effect_late(engine: AsyncEngine) -> None:
    await saved()
    node_id = new_id()
    answers = iter([False, True])

    async def committed(connection: AsyncConnection) -> bool:
        return next(answers)

    async def work(connection: AsyncConnection) -> str:
        await saving(node_id)(connection)
        return "result"

    with Commits(engine, times=1, takes_effect=True):
        assert await write(work, committed=committed) == "result"
    assert await saved() == [node_id]


async def test_a_conflict_is_a_conflict_even_so(engine: AsyncEngine) -> None:
    node_id = new_id()

    async def work(connection: AsyncConnection) -> None:
        await saving(node_id)(connection)
        raise LabelConflictError

    async def committed(connection: AsyncConnection) -> bool:
        return False

    with pytest.raises(LabelConflictError):
        await write(work, committed=committed)


async def test_shielded_work_ends_before_the_cancellation_goes_on() -> None:
    ended: list[int] = []

    async def work() -> None:
        await asyncio.sleep(0.02)
        ended.append(1)
        raise KeyError

    task = asyncio.ensure_future(shielded(work(), None))
    for _ in range(3):
        await asyncio.sleep(0.002)
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == [1]

    async def cut_off() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await shielded(cut_off(), None)


# Engines of a caller's ----------------------------------------------------------------------------------------------


async def settings(engine: AsyncEngine) -> tuple[Any, ...]:
    async with engine.connect() as connection:
        raw: Any = (await connection.get_raw_connection()).dbapi_connection
        cursor = await raw.driver_connection.execute("PRAGMA foreign_keys")
        return raw.isolation_level, (await cursor.fetchone())[0], raw.driver_connection.in_transaction


@pytest.mark.parametrize("kind", ["plain", "begins", "begins immediately", "autocommit", "exclusive"])
async def test_it_is_given_back_as_it_was(database_url: str, kind: str) -> None:
    options: dict[str, Any] = {"isolation_level": "AUTOCOMMIT"} if kind == "autocommit" else {}
    if kind == "exclusive":
        options["connect_args"] = {"isolation_level": "EXCLUSIVE"}
    engine = create_async_engine(
        database_url.replace("sqlite:", "sqlite+aiosqlite:"), pool_size=1, max_overflow=0, **options
    )
    if kind.startswith("begins"):

        def driver_begins_nothing(connection: Any, record: object) -> None:
            connection.isolation_level = None

        event.listen(engine.sync_engine, "connect", driver_begins_nothing)
        statement = "BEGIN IMMEDIATE" if kind.endswith("immediately") else "BEGIN"

        def begins(connection: Connection) -> None:
            connection.exec_driver_sql(statement)

        event.listen(engine.sync_engine, "begin", begins)
    before = await settings(engine)
    async with engine_context(engine, create_tables=True):
        await asyncio.gather(*(write(saving()) for _ in range(10)))
        parent = new_id()
        with pytest.raises(DatabaseError, match="not there"):
            await write(
                lambda connection: connection.execute(
                    insert(_node).values(node_id=new_id(), node_type="run", parent_id=parent)
                )
            )

        async def fail(connection: AsyncConnection) -> None:
            await saving()(connection)
            raise KeyError

        with pytest.raises(KeyError):
            await write(fail)
        assert len(await saved()) == 10
    assert await settings(engine) == before
    assert before[1] == 0
    await engine.dispose()


async def test_one_that_cannot_roll_back_is_refused(database_url: str) -> None:
    class Careless(sqlite3.Connection):
        """As with `autocommit=True`, from Python 3.12 on."""

        def rollback(self) -> None:
            pass

    engine = create_async_engine(
        database_url.replace("sqlite:", "sqlite+aiosqlite:"), connect_args={"factory": Careless}
    )
    async with engine_context(engine, create_tables=True):
        with pytest.raises(ConfigurationError, match="autocommit"):
            await write(saving())
    await engine.dispose()


async def test_one_whose_foreign_keys_stay_off_is_refused(database_url: str) -> None:
    async with engine_context(database_url, create_tables=True):
        await saved()

    class Stubborn(sqlite3.Connection):
        """As in a transaction that never ends: with `autocommit=False`, from Python 3.12 on."""

        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self.set_authorizer(self.authorize)

        def authorize(self, action: int, name: str | None, value: str | None, *_: object) -> int:
            switching = action == sqlite3.SQLITE_PRAGMA and name == "foreign_keys" and value is not None
            return sqlite3.SQLITE_IGNORE if switching else sqlite3.SQLITE_OK

    engine = create_async_engine(
        database_url.replace("sqlite:", "sqlite+aiosqlite:"), connect_args={"factory": Stubborn}
    )
    async with engine_context(engine):
        with pytest.raises(ConfigurationError, match="Foreign keys are off"):
            await write(saving())
    await engine.dispose()
