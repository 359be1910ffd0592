"""Calls end, whatever the database does: here with work that never gets its answer."""

from __future__ import annotations

import asyncio
import math
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from artigraph import Run, RunManager
from artigraph.db import Timeouts, current_database, deadline, engine_context, read, session_context, shielded, write
from artigraph.db import _schema as schema
from artigraph.errors import ConfigurationError, DatabaseUnavailableError, RetryableError
from artigraph.identifiers import new_id
from artigraph.orm import NodeRow

_node: Any = NodeRow.__table__
SHORT = Timeouts(command=0.1, cancel=0.1)
AT_ONCE = Timeouts(cancel=0.1)


async def never(connection: AsyncConnection) -> None:
    await connection.execute(insert(_node).values(node_id=new_id(), node_type="run", label="never"))
    await asyncio.Event().wait()


async def looks_for_ever(connection: AsyncConnection) -> None:
    await connection.execute(select(_node.c.label))
    await asyncio.Event().wait()


async def labels() -> list[str]:
    rows = await read(lambda connection: connection.execute(select(_node.c.label)))
    return sorted(rows.scalars())


async def works_on(engine: AsyncEngine) -> None:
    async def work(connection: AsyncConnection) -> None:
        await connection.execute(insert(_node).values(node_id=new_id(), node_type="run", label="after"))

    await write(work)
    assert await labels() == ["after"]
    pool: Any = engine.pool
    assert pool.checkedout() == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, "5", True])
@pytest.mark.parametrize("name", ["connect", "lock", "command", "cancel", "retry"])
def test_a_limit_is_a_positive_number_of_seconds(name: str, value: object) -> None:
    limits: dict[str, Any] = {name: value}
    with pytest.raises(ConfigurationError, match=name):
        Timeouts(**limits)
    assert getattr(Timeouts(**{name: None}), name) is None


async def test_timeouts_are_handed_over_as_such() -> None:
    wrong: Any = 5
    with pytest.raises(ConfigurationError, match="Timeouts"):
        engine_context("sqlite://", timeouts=wrong)


async def in_a_session() -> None:
    async with session_context():
        await write(never)


@pytest.mark.parametrize("call", [lambda: read(looks_for_ever), lambda: write(never), in_a_session])
async def test_a_call_ends_without_an_answer(database_url: str, call: Any) -> None:
    async with engine_context(database_url, create_tables=True, timeouts=SHORT) as engine:
        await current_database()
        with pytest.raises(DatabaseUnavailableError, match=r"did not answer for 0\.1 s") as caught:
            async with asyncio.timeout(20):
                await call()
        assert type(caught.value) is DatabaseUnavailableError
        assert not caught.value.may_have_committed
        await works_on(engine)


@pytest.mark.parametrize("call", [lambda: read(looks_for_ever), lambda: write(never), in_a_session])
async def test_a_cancelled_call_ends_soon(database_url: str, call: Any) -> None:
    async with engine_context(database_url, create_tables=True, timeouts=AT_ONCE) as engine:
        await current_database()
        async with asyncio.timeout(20):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await call()
        await works_on(engine)


async def test_a_session_whose_call_was_cut_off_says_so(database_url: str) -> None:
    async with engine_context(database_url, create_tables=True, timeouts=SHORT) as engine:
        await current_database()
        with pytest.raises(DatabaseUnavailableError, match="connection of this session broke"):  # noqa: PT012
            async with session_context():
                with pytest.raises(DatabaseUnavailableError, match="did not answer"):
                    await write(never)
                with pytest.raises(DatabaseUnavailableError, match="connection of this session broke"):
                    await labels()
        await works_on(engine)


async def test_the_end_of_a_cancelled_run_is_cut_off_too(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with engine_context(database_url, create_tables=True, timeouts=AT_ONCE) as engine:
        await current_database()

        async def update(*_arguments: object) -> None:
            await write(never)

        monkeypatch.setattr("artigraph.graph.runs.update_run", update)
        async with asyncio.timeout(20):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1), RunManager(Run()):
                    await asyncio.Event().wait()
        pool: Any = engine.pool
        assert pool.checkedout() == 0


async def test_work_that_goes_on_in_spite_of_cancellations_ends(database_url: str) -> None:
    stubborn = 3

    async def work(connection: AsyncConnection) -> None:
        nonlocal stubborn
        while stubborn:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                stubborn -= 1
        await asyncio.Event().wait()

    async with engine_context(database_url, create_tables=True, timeouts=SHORT) as engine:
        await current_database()
        with pytest.raises(DatabaseUnavailableError, match="did not answer"):
            async with asyncio.timeout(30):
                await read(work)
        assert stubborn == 0
        await works_on(engine)


async def test_hurried_work_has_one_deadline_for_all_of_it(database_url: str) -> None:
    async with engine_context(database_url, create_tables=True) as engine:
        await current_database()
        async with asyncio.timeout(20):
            with deadline(0.1), pytest.raises(DatabaseUnavailableError, match="did not answer"):
                await write(never)
        await works_on(engine)


async def test_work_in_many_steps_may_take_longer(database_url: str) -> None:
    async def work(connection: AsyncConnection) -> int:
        for _ in range(30):
            await asyncio.sleep(0.02)
        return 5

    async with engine_context(database_url, create_tables=True, timeouts=Timeouts(command=0.4)):
        assert await write(work) == 5
        assert await read(work) == 5


async def test_a_commit_that_is_not_answered_is_in_doubt(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def commit(_connection: object) -> None:
        await asyncio.Event().wait()

    async with engine_context(database_url, create_tables=True, timeouts=Timeouts(command=0.1)) as engine:
        await current_database()

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(insert(_node).values(node_id=new_id(), node_type="run", label="doubtful"))

        with monkeypatch.context() as patch:
            patch.setattr(AsyncConnection, "commit", commit)
            calls: tuple[Callable[[], Awaitable[object]], ...] = (lambda: write(work), lambda: _session(work))
            for call in calls:
                with pytest.raises(DatabaseUnavailableError, match="COMMIT") as caught:
                    async with asyncio.timeout(20):
                        await call()
                assert type(caught.value) is DatabaseUnavailableError
                assert caught.value.may_have_committed
                assert caught.value.__cause__ is not None

            async def unknown(_connection: AsyncConnection) -> bool:
                raise OperationalError("", {}, ConnectionResetError("no"), connection_invalidated=True)

            with pytest.raises(DatabaseUnavailableError, match="COMMIT") as caught:
                await write(work, committed=unknown)
            assert type(caught.value) is DatabaseUnavailableError
            assert caught.value.may_have_committed
        await works_on(engine)


READ_ONLY = Exception(1290, "The MySQL server is running with the --super-read-only option so it cannot execute this")
DEADLOCK = Exception(1213, "Deadlock found")


@pytest.mark.parametrize("refusal", [READ_ONLY, DEADLOCK], ids=["read-only", "deadlock"])
async def test_a_commit_in_doubt_stays_so_if_another_attempt_is_refused(
    database_url: str, monkeypatch: pytest.MonkeyPatch, refusal: Exception
) -> None:
    attempts = 0

    async def work(_connection: AsyncConnection) -> None:
        nonlocal attempts
        attempts += 1
        if attempts > 1:
            raise OperationalError("", {}, refusal)

    async def commit(_connection: object) -> None:
        raise OperationalError("COMMIT", {}, ConnectionResetError("no"), connection_invalidated=True)

    async def committed(_connection: AsyncConnection) -> bool:
        return False  # it may still be in flight

    async with engine_context(database_url, create_tables=True) as engine:
        await current_database()
        with monkeypatch.context() as patch:
            patch.setattr(AsyncConnection, "commit", commit)
            with pytest.raises(
                DatabaseUnavailableError, match=r"may have taken effect\. Another attempt failed"
            ) as caught:
                await write(work, committed=committed)
        assert caught.value.may_have_committed
        assert str(refusal.args[1]) in str(caught.value)
        assert attempts > 1
        await works_on(engine)


async def _session(work: Any) -> None:
    async with session_context():
        await write(work)


async def test_a_lock_of_another_process_ends_calls(database_url: str) -> None:
    limits = Timeouts(lock=0.05, retry=0.3)
    async with engine_context(database_url, create_tables=True, timeouts=limits) as engine:
        await current_database()
        other = sqlite3.connect(str(engine.url.database), isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(insert(_node).values(node_id=new_id(), node_type="run"))

        found = await asyncio.gather(*(write(work) for _ in range(20)), return_exceptions=True)
        assert {type(error) for error in found} == {RetryableError}
        assert any("artigraph_node" in str(error) for error in found)
        other.close()
        await works_on(engine)


async def test_those_who_wait_for_the_first_look_share_its_failure(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0

    async def identify(_connection: AsyncConnection) -> None:
        nonlocal looks
        looks += 1
        await asyncio.Event().wait()

    async with engine_context(database_url, create_tables=True, timeouts=SHORT) as engine:
        with monkeypatch.context() as patch:
            patch.setattr(schema, "identify", identify)
            found = await asyncio.gather(*(current_database() for _ in range(20)), return_exceptions=True)
        assert {type(error) for error in found} == {DatabaseUnavailableError}
        assert looks <= 4  # those of one call
        await works_on(engine)


async def test_shielded_work_is_cancelled_in_the_end() -> None:
    async with asyncio.timeout(20):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await shielded(asyncio.Event().wait(), 0.05)
