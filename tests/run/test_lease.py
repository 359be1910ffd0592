"""Leases by the clock of the database, without waiting. integration/test_runs.py does it on servers."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import delete, event, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine

import artigraph
from artigraph import Run, RunManager
from artigraph.db import current_address, current_database, engine_context, read, session_context, utc_now, write
from artigraph.errors import ConfigurationError, SessionStateError
from artigraph.graph.leases import renew_leases
from artigraph.graph.nodes import read_nodes
from artigraph.identifiers import new_id
from artigraph.maintenance import mark_lost
from artigraph.orm import lease_table, node_table
from artigraph.outline import _read_summaries as read_outline
from artigraph.run import _lease as leases
from tests.support.leases import LAST, START, expire, stored

LENGTH = timedelta(minutes=7)
c: Any = artigraph.columns(Run)


async def renew(run: Run) -> None:
    """Do what this process does for a run that it holds."""
    await current_address().write(lambda connection: renew_leases(connection, {run.node_id: LENGTH}))


async def left() -> dict[UUID, timedelta]:
    """Return the remaining time of each lease, by the clock of the database."""
    columns = select(lease_table.c.run_id, lease_table.c.expires_at, utc_now())
    rows = (await read(lambda connection: connection.execute(columns))).all()
    return {run_id: expires_at - now for run_id, expires_at, now in rows}


async def test_a_lease_begins_and_ends_with_its_run(engine: AsyncEngine) -> None:
    async with RunManager(Run(), lease=LENGTH) as manager:
        assert manager.run.node_id in await left()
        assert LENGTH - timedelta(seconds=30) < (await left())[manager.run.node_id] <= LENGTH
        with pytest.raises(ZeroDivisionError):  # noqa: PT012
            async with RunManager(Run()):
                assert len(await left()) == 2
                raise ZeroDivisionError
        assert len(await left()) == 1
    assert await left() == {}


async def test_a_run_whose_lease_ran_out_is_lost_wherever_it_is_read(engine: AsyncEngine) -> None:
    async with RunManager(Run()) as top, RunManager(Run(name="child")) as manager:
        run = manager.run
        await expire(run)
        assert [(found.status, found.ended_at) for found in await top.load_descendant_runs()] == [("lost", LAST)]
        found = await artigraph.select(Run).where(c.status == "lost").one()
        assert (found.node_id, found.status, found.started_at, found.ended_at) == (run.node_id, "lost", START, LAST)
        assert await artigraph.select(Run).where(c.status == "running").ids() == [top.run.node_id]
        assert await artigraph.select(Run).where(~(c.status == "lost")).ids() == [top.run.node_id]
        assert await artigraph.select(Run).where(c.status.in_(["lost", "failed"])).ids() == [run.node_id]
        assert await artigraph.select(Run).where(c.ended_at == LAST).ids() == [run.node_id]
        assert await artigraph.select(Run).where(c.ended_at.is_(None)).ids() == [top.run.node_id]
        assert await artigraph.select(Run).order_by(c.ended_at.desc()).limit(1).ids() == [run.node_id]
        node = (await read_nodes([run.node_id]))[run.node_id]
        assert (node.run_status, node.run_ended_at) == ("lost", LAST)
        summary = (await read_outline(run.node_id))[0]
        assert (summary.run_status, summary.run_ended_at, summary.run_name) == ("lost", LAST, "child")
        assert await stored(run) == ("running", None)  # nobody has marked it


async def test_a_lost_run_is_as_old_as_the_last_moment_of_its_lease(engine: AsyncEngine) -> None:
    async with RunManager(Run()) as lost, RunManager(Run()):
        await expire(lost.run)
        assert (await artigraph.prune(older_than=LAST + timedelta(seconds=1))).nodes == ()  # the run in it is alive
    async with RunManager(Run()) as lost:
        await expire(lost.run)
        assert (await artigraph.prune(older_than=LAST)).nodes == ()
        assert (await artigraph.prune(failed_runs=True)).nodes == ()
        [gone] = (await artigraph.prune(older_than=LAST + timedelta(seconds=1))).nodes
        assert gone.node_id == lost.run.node_id
        assert lost.run.node_id not in await left()
    assert await artigraph.select(Run).count() == 2


async def test_no_lost_run_ended_before_it_began(engine: AsyncEngine) -> None:
    async with RunManager(Run()) as manager:
        ahead = LAST + timedelta(days=1)
        await expire(manager.run, started=ahead)
        assert (await artigraph.select(Run).one()).ended_at == ahead
        assert await mark_lost() == [manager.run.node_id]
        assert await stored(manager.run) == ("lost", ahead)


async def test_a_start_marks_what_was_lost_once_a_minute(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    async with RunManager(Run()) as alive, RunManager(Run()) as dead:
        await expire(dead.run)
        async with RunManager(Run()):
            assert await stored(dead.run) == ("running", None)  # the first start of this process has just looked
        monkeypatch.setattr("artigraph.graph.leases._LOOK_EVERY", 0.0)  # a minute has passed
        async with session_context(), RunManager(Run()):
            assert await stored(dead.run) == ("running", None)  # not in a transaction that may last
        async with RunManager(Run()):
            assert await stored(dead.run) == ("lost", LAST)
            assert await stored(alive.run) == ("running", None)
            assert dead.run.node_id not in await left()


async def test_marking_is_a_function_too(engine: AsyncEngine) -> None:
    assert await mark_lost() == []
    async with RunManager(Run()) as alive, RunManager(Run()) as dead:
        await expire(dead.run)
        with pytest.raises(SessionStateError, match="outside"):
            async with session_context():
                await mark_lost()
        assert sorted(await asyncio.gather(*(mark_lost() for _ in range(4)))) == [[], [], [], [dead.run.node_id]]
        assert await stored(dead.run) == ("lost", LAST)
        assert await stored(alive.run) == ("running", None)


async def test_a_run_that_comes_back_is_taken_up_again(engine: AsyncEngine) -> None:
    async with RunManager(Run(), lease=LENGTH) as manager:
        await expire(manager.run)
        await renew(manager.run)  # before anybody marked it
        assert await stored(manager.run) == ("running", None)
        assert (await left())[manager.run.node_id] > LENGTH - timedelta(seconds=30)
        await expire(manager.run)
        await mark_lost()
        await asyncio.gather(*(renew(manager.run) for _ in range(3)))
        assert await stored(manager.run) == ("running", None)
        assert (await left())[manager.run.node_id] > LENGTH - timedelta(seconds=30)
    assert (await stored(manager.run))[0] == "completed"


async def test_a_run_that_was_taken_for_lost_ends_all_the_same(engine: AsyncEngine) -> None:
    for marks in (True, False):
        async with RunManager(Run()) as manager:
            await expire(manager.run)
            if marks:
                await mark_lost()
        assert await stored(manager.run) == ("completed", manager.run.ended_at)
        assert await left() == {}
        await renew(manager.run)
        assert (await stored(manager.run))[0] == "completed"  # what has ended is not taken up
        assert await left() == {}


async def test_the_longest_of_several_leases_counts(engine: AsyncEngine) -> None:
    async with RunManager(Run(), lease=timedelta(hours=1)) as manager:
        await renew(manager.run)
        assert (await left())[manager.run.node_id] > timedelta(minutes=59)


async def test_a_run_of_an_older_store_stays_as_it_is(engine: AsyncEngine) -> None:
    async with RunManager(Run()) as manager:
        await write(lambda connection: connection.execute(delete(lease_table)))
        assert await mark_lost() == []
        assert (await artigraph.select(Run).one()).status == "running"
        async with RunManager.resume(manager.token()):
            assert manager.run.node_id in await left()


async def test_a_run_that_is_deleted_takes_its_lease_along(engine: AsyncEngine) -> None:
    async with RunManager(Run()) as manager:
        await write(
            lambda connection: connection.execute(
                update(node_table).where(node_table.c.node_id == manager.run.node_id).values(run_status="failed")
            )
        )
        await artigraph.delete([manager.run.node_id])
        assert await left() == {}
        await renew(manager.run)
        assert await left() == {}


@pytest.mark.parametrize("length", [5, None, timedelta(0), timedelta(seconds=-5), timedelta(days=400)])
def test_what_is_no_length_of_a_lease_is_refused(length: Any) -> None:
    with pytest.raises(ConfigurationError, match="timedelta"):
        RunManager(Run(), lease=length)


# Renewing, with no more waiting than it takes --------------------------------------------------------------------


@asynccontextmanager
async def renewals(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[asyncio.Queue[str]]:
    """Renew leases without a pause, and record which thread does it."""
    seen: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    real = renew_leases

    async def renew_and_tell(connection: AsyncConnection, lengths: Any) -> None:
        await real(connection, lengths)
        loop.call_soon_threadsafe(seen.put_nowait, threading.current_thread().name)

    monkeypatch.setattr(leases, "renew_leases", renew_and_tell)

    def at_once(_: timedelta) -> float:
        return 0.01

    monkeypatch.setattr(leases, "_interval", at_once)
    yield seen


async def test_a_thread_renews_where_an_engine_is_made_for_any_loop(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with renewals(monkeypatch) as seen:
        async with RunManager(Run(), lease=LENGTH) as manager, RunManager(Run()):
            await expire(manager.run)
            await mark_lost()
            for _ in range(3):
                assert await seen.get() == "artigraph-leases"
            while (await stored(manager.run))[0] != "running":
                await seen.get()
            (keeper,) = leases._keepers.values()
            assert keeper._thread in threading.enumerate()
        assert not leases._keepers[os.getpid()]._held


async def test_a_task_renews_where_the_engine_belongs_to_this_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/own.db")
    main = threading.current_thread().name
    async with renewals(monkeypatch) as seen:
        for place in (own, "sqlite://"):
            async with engine_context(place, create_tables=True):
                async with RunManager(Run()) as manager:
                    for _ in range(2):
                        while await seen.get() != main:  # the thread may be at the end of another test's
                            pass
                    assert [keeper for keeper in leases._keepers.values() if keeper._held] == []
                assert (await stored(manager.run))[0] == "completed"
                tasks = asyncio.all_tasks() - {asyncio.current_task()}
                assert [task for task in tasks if "renew" in repr(task)] == []
    await own.dispose()


async def test_a_session_that_was_handed_in_tells_where_to_renew(engine: AsyncEngine, tmp_path: Path) -> None:
    own = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/own.db")

    def keep_references(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA foreign_keys=ON")

    event.listen(own.sync_engine, "connect", keep_references)
    async with engine_context(own, create_tables=True):
        await current_database()
    async with AsyncSession(own) as session, session_context(session):
        loop_engine = current_address().loop_engine
        assert loop_engine is not None
        assert loop_engine.engine.sync_engine is own.sync_engine
        async with RunManager(Run()) as manager:
            pass
        await session.commit()
    assert await artigraph.select(Run).count() == 0
    async with engine_context(own):
        assert await artigraph.select(Run).ids() == [manager.run.node_id]
    async with session_context():
        assert current_address().loop_engine is None
    await own.dispose()


async def test_what_cannot_be_renewed_is_told_and_tried_again(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with renewals(monkeypatch) as seen:
        tell: Any = vars(leases)["renew_leases"]

        async def fail_until_it_is_told(connection: AsyncConnection, lengths: Any) -> None:
            if "no such luck" not in caplog.text:
                raise LookupError("no such luck")
            await tell(connection, lengths)

        monkeypatch.setattr(leases, "renew_leases", fail_until_it_is_told)
        with caplog.at_level(logging.WARNING, "artigraph"):
            async with RunManager(Run()):
                await seen.get()
    assert "no such luck" in caplog.text


async def test_a_database_that_does_not_answer_keeps_no_other_waiting(caplog: pytest.LogCaptureFixture) -> None:
    class Silent:
        async def write(self, work: object) -> None:
            await asyncio.sleep(600)

    address: Any = Silent()
    await leases._renew(address, {new_id(): timedelta(seconds=1), new_id(): timedelta(hours=1)})
    assert "leases of 2 runs could not be renewed, which is tried again: TimeoutError" in caplog.text


def test_the_thread_goes_on_when_it_could_make_no_event_loop(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    renewed = threading.Event()
    errors = [OSError("too many open files")]

    async def renew_all(due: object) -> None:
        if errors:
            raise errors.pop()
        renewed.set()

    monkeypatch.setattr(leases, "_renew_all", renew_all)
    nowhere: Any = None
    keeper, held = leases._Keeper(), leases._Held(new_id(), timedelta(seconds=1), nowhere, due=0.0)
    keeper.add(held)
    assert renewed.wait(30)
    assert "too many open files" in caplog.text
    keeper.remove(held)
