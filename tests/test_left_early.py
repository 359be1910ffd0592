"""Generators that are left early inside of a session, a run or an engine: the task that iterated still works."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select as sql_select
from sqlalchemy.ext.asyncio import AsyncEngine

import artigraph.sync as twin
import artigraph.sync.db as twin_db
from artigraph import ArtifactModel, Run, RunManager, columns, run_manager, select
from artigraph.db import current_session, engine_context, get_engine, session_context
from artigraph.errors import SessionStateError
from artigraph.orm import Link, RunNode


@dataclass
class Seen(ArtifactModel):
    value: int


async def values() -> list[int]:
    return sorted(found.value for found in await select(Seen).all())


async def in_a_session() -> AsyncGenerator[int]:
    async with session_context():
        await Seen(1).save("inside")
        yield 1
        await Seen(2).save("inside")
        yield 2


async def in_a_run(runs: list[Run]) -> AsyncGenerator[int]:
    async with RunManager(Run(name="left")) as manager:
        runs.append(manager.run)
        yield 1
        yield 2


async def closed() -> None:
    """Wait until the loop has closed generators that nobody holds any more."""
    for _ in range(4):  # until it has begun to
        await asyncio.sleep(0)
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(others)


@pytest.mark.parametrize("wait", [False, True])
async def test_a_session_that_was_left_early(engine: AsyncEngine, wait: bool) -> None:
    async for _ in in_a_session():
        break
    if wait:
        await closed()
    await Seen(3).save("outside")  # at once: the generator is closed while this is done
    assert await values() == [3]
    assert current_session(allow_none=True) is None
    async with session_context():
        await Seen(4).save("outside")
    await asyncio.gather(*(Seen(value).save("outside") for value in (5, 6)))
    assert await values() == [3, 4, 5, 6]
    await closed()
    pool: Any = engine.pool
    assert pool.checkedout() == 0


async def test_tasks_that_were_begun_before_the_session_was_used_again(engine: AsyncEngine) -> None:
    async for _ in in_a_session():
        break
    await closed()
    await asyncio.gather(*(Seen(value).save("outside") for value in (5, 6)))
    assert await values() == [5, 6]


async def test_a_generator_that_comes_back_goes_on(engine: AsyncEngine) -> None:
    async for value in in_a_session():
        await Seen(10 * value).save("beside")  # suspended, it shares its session
    assert await values() == [1, 2, 10, 20]
    assert current_session(allow_none=True) is None


async def test_a_generator_that_is_closed_in_its_context(engine: AsyncEngine) -> None:
    async with aclosing(in_a_session()) as generator:
        async for _ in generator:
            await Seen(10).save("beside")
            break
    assert current_session(allow_none=True) is None
    assert await values() == []  # it shared the session, which was rolled back
    await Seen(3).save("outside")
    assert await values() == [3]


async def test_a_context_manager_shares_its_session(engine: AsyncEngine) -> None:
    @asynccontextmanager
    async def scope() -> AsyncGenerator[None]:
        async with session_context():
            yield

    async with scope():
        await Seen(1).save("inside")
    with pytest.raises(KeyError):  # noqa: PT012
        async with scope():
            await Seen(2).save("inside")
            raise KeyError
    assert await values() == [1]


async def test_a_generator_that_ends_in_another_task(engine: AsyncEngine) -> None:
    generator = in_a_session()
    assert await anext(generator) == 1

    async def finish() -> list[int]:
        return [value async for value in generator]

    assert await asyncio.create_task(finish()) == [2]
    await Seen(3).save("outside")
    assert await values() == [1, 2, 3]


async def test_a_task_that_outlives_its_session_is_told(engine: AsyncEngine) -> None:
    ended = asyncio.Event()

    async def outlive() -> None:
        await ended.wait()
        await Seen(1).save("late")

    async with session_context():
        task = asyncio.create_task(outlive())
        await asyncio.sleep(0)
    ended.set()
    with pytest.raises(SessionStateError, match="has ended"):
        await task


@pytest.mark.parametrize("wait", [False, True])
async def test_a_run_that_was_left_early(engine: AsyncEngine, wait: bool) -> None:
    runs: list[Run] = []
    async for _ in in_a_run(runs):
        break
    if wait:
        await closed()
        assert run_manager(allow_none=True) is None
    async with RunManager(Run()) as manager:
        assert manager.run.node_parent_id is None
        assert run_manager() is manager
    assert run_manager(allow_none=True) is None
    await closed()
    [left] = await select(Run).where(columns(Run).name == "left").all()
    assert left.status == "cancelled"
    assert left.node_id == runs[0].node_id


async def test_what_is_loaded_later_is_not_used_by_a_run_that_was_left(engine: AsyncEngine) -> None:
    node_id = await Seen(1).save("seen")
    runs: list[Run] = []
    async for _ in in_a_run(runs):
        break
    await closed()
    await Seen.load(node_id)
    async with RunManager(Run(name="later")):
        await Seen.load(node_id)
    async with get_engine().connect() as connection:
        rows = await connection.execute(
            sql_select(RunNode.run_name).join(Link, Link.target_id == RunNode.node_id).where(Link.kind == "used")
        )
        assert [row.run_name for row in rows] == ["later"]


async def test_generators_inside_of_generators(engine: AsyncEngine) -> None:
    runs: list[Run] = []

    async def outer() -> AsyncGenerator[int]:
        async with RunManager(Run(name="outer")):
            async for value in in_a_run(runs):
                yield value

    async for _ in outer():
        break
    async with RunManager(Run()) as manager:
        assert manager.run.node_parent_id is None
    await closed()
    assert {run.status for run in await select(Run).all()} == {"cancelled", "completed"}


async def test_an_engine_that_was_left_early(engine: AsyncEngine, tmp_path: Path) -> None:
    async def elsewhere() -> AsyncGenerator[AsyncEngine]:
        async with engine_context(f"sqlite:///{tmp_path}/elsewhere.db", create_tables=True) as other:
            yield other

    async for other in elsewhere():
        assert get_engine() is other
        break
    await closed()
    assert get_engine() is engine
    await Seen(3).save("outside")
    assert await values() == [3]


def test_the_sync_twin(database_url: str) -> None:
    @dataclass
    class Twin(twin.ArtifactModel, name="TwinSeen"):
        value: int

    def in_both() -> Generator[int]:
        with twin.RunManager(Run(name="left")), twin_db.session_context():
            Twin(1).save("inside")
            yield 1

    with twin_db.engine_context(database_url, create_tables=True):
        for _ in in_both():
            break
        Twin(2).save("outside")
        assert twin_db.current_session(allow_none=True) is None
        with twin.RunManager(Run()) as manager:
            assert manager.run.node_parent_id is None
        assert [found.value for found in twin.select(Twin).all()] == [2]
        assert [run.status for run in twin.select(Run).where(columns(Run).name == "left").all()] == ["cancelled"]
