"""Joining a run by its token. integration/test_runs.py does it on servers."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

import artigraph
from artigraph import NO_PARENT, ArtifactModel, Run, RunManager, delete, run_manager, save_many
from artigraph.db import current_database, engine_context, read, session_context
from artigraph.errors import InvalidTokenError, LabelConflictError, NoActiveRunError, NodeNotFoundError, RunStateError
from artigraph.maintenance import mark_lost
from artigraph.orm import lease_table, node_table
from artigraph.run import _active as active_runs
from artigraph.run._token import RunToken, parse_token
from tests.support.leases import expire, stored
from tests.support.uses import used


@dataclass
class Part(ArtifactModel, name="TokenPart"):
    number: int


async def everything() -> list[Any]:
    return [*await read(lambda connection: connection.execute(select(node_table.c.node_id, node_table.c.parent_id)))]


async def leases() -> set[Any]:
    return {*(await read(lambda connection: connection.execute(select(lease_table.c.run_id)))).scalars()}


async def test_a_run_that_was_joined_goes_on_when_it_is_left(engine: AsyncEngine) -> None:
    async with RunManager(Run(name="one", tags={"a": "b"}, parameters={"x": 1})) as manager:
        await manager.save_artifact("first", Part(1))
        joined = RunManager.resume(manager.token())
        async with RunManager(Run(NO_PARENT)) as around:
            with pytest.raises(RunStateError, match="not entered"):
                await joined.load_artifacts()
            async with joined as same:
                assert same is joined is run_manager()
                assert joined.run == manager.run
                assert joined.token() == manager.token()
                await run_manager().save_artifact("second", Part(2))
                assert await joined.load_artifacts() == {"first": Part(1), "second": Part(2)}
                with pytest.raises(LabelConflictError):
                    await joined.save_artifact("first", Part(3))
                async with RunManager(Run()) as child:
                    assert child.run.node_parent_id == manager.run.node_id
                await joined.add_tags({"c": "d"})
            assert run_manager() is around
        assert await stored(manager.run) == ("running", None)
        with pytest.raises(RunStateError, match=r"once.*resume\(token\)"):
            await joined.__aenter__()
        with pytest.raises(ZeroDivisionError):
            async with RunManager.resume(manager.token()):
                raise ZeroDivisionError
        assert await stored(manager.run) == ("running", None)
        assert manager.run.node_id in await leases()
    assert (await stored(manager.run))[0] == "completed"
    assert (await artigraph.select(Run).where(artigraph.columns(Run).name == "one").one()).tags == {"a": "b", "c": "d"}


async def test_a_run_that_ended_takes_artifacts_and_stays_ended(engine: AsyncEngine) -> None:
    async with RunManager(Run()) as manager:
        pass
    async with RunManager.resume(manager.token()) as joined:
        assert joined.run.status == "completed"
        await joined.save_artifact("late", Part(1))
        assert await leases() == set()
    assert await stored(manager.run) == ("completed", manager.run.ended_at)
    assert await manager.load_artifacts() == {"late": Part(1)}


async def test_joining_a_lost_run_takes_it_up_again(engine: AsyncEngine) -> None:
    async with RunManager(Run()) as manager:
        await expire(manager.run)
        await mark_lost()
        async with RunManager.resume(manager.token()) as joined:
            assert joined.run.status == "running"
        assert await stored(manager.run) == ("running", None)


async def test_what_a_token_does_not_lead_to_is_told(engine: AsyncEngine, tmp_path: Path) -> None:
    with pytest.raises(RunStateError, match="not entered"):
        RunManager(Run()).token()
    async with session_context():
        async with RunManager(Run()) as manager:
            token = manager.token()
        with pytest.raises(ZeroDivisionError):
            async with session_context():
                raise ZeroDivisionError
    async with engine_context(f"sqlite:///{tmp_path}/other.db", create_tables=True):
        with pytest.raises(NodeNotFoundError, match=r"another database.*set_engine"):
            await RunManager.resume(token).__aenter__()
        assert run_manager(allow_none=True) is None
        assert await everything() == []
    await delete([manager.run.node_id])
    with pytest.raises(NodeNotFoundError, match="deleted"):
        await RunManager.resume(token).__aenter__()
    node_id = await Part(1).save("no run")
    database = await current_database()
    with pytest.raises(NodeNotFoundError, match="not there"):
        await RunManager.resume(str(RunToken(node_id, database.store_id))).__aenter__()
    assert await leases() == set()


@given(st.uuids(), st.uuids())
def test_a_token_is_short_safe_in_a_url_and_says_what_it_was_made_of(run_id: Any, store_id: Any) -> None:
    made = RunToken(run_id, store_id)
    assert parse_token(str(made)) == made
    assert len(str(made)) == 53
    assert set(str(made)) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


TOKEN = str(RunToken(Run().node_id, Run().node_id))


@given(st.integers(0, len(TOKEN) - 1), st.characters())
def test_a_token_that_was_altered_is_none(place: int, letter: str) -> None:
    altered = TOKEN[:place] + letter + TOKEN[place + 1 :]
    if altered != TOKEN:
        with pytest.raises(InvalidTokenError):
            parse_token(altered)


@pytest.mark.parametrize(
    "text",
    ["", "run1.", TOKEN[:-1], TOKEN + "a", f" {TOKEN}", TOKEN.encode(), None, Run(), 5],
    ids=["empty", "its beginning", "cut", "longer", "a space", "bytes", "none", "a run", "a number"],
)
def test_what_is_no_token_is_refused(text: Any) -> None:
    with pytest.raises(InvalidTokenError, match=r"RunManager\.token\(\)"):
        RunManager.resume(text)


# The environment ------------------------------------------------------------------------------------------------


async def in_a_thread(work: Any, url: str) -> Any:
    """Do work on an event loop of a thread that inherits nothing, as a process would."""
    result: list[Any] = []

    def run() -> None:
        async def on_its_loop() -> Any:
            async with engine_context(url):
                return await work()

        result.append(asyncio.run(on_its_loop()))

    thread = threading.Thread(target=run)
    thread.start()
    await asyncio.to_thread(thread.join)
    return result[0]


async def test_the_run_that_the_environment_names_is_the_active_one(
    engine: AsyncEngine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> Any:
        manager = run_manager()
        assert manager is run_manager(allow_none=True)
        await manager.save_artifact("by the environment", Part(1))
        async with RunManager(Run()) as child, RunManager(Run()) as grandchild:
            assert run_manager() is grandchild
        async with RunManager(Run(NO_PARENT)) as apart:
            pass
        await run_manager().add_tags({"a": "b"})
        assert manager.run.name == "named"
        parents = child.run.node_parent_id, grandchild.run.node_parent_id, apart.run.node_parent_id
        return parents, child.run.node_id, manager.token()

    async with RunManager(Run(name="named")) as manager:
        monkeypatch.setenv("ARTIGRAPH_RUN", manager.token())
        parents, child, token = await in_a_thread(work, database_url)
        assert parents == (manager.run.node_id, child, None)
        assert token == manager.token()
        assert await manager.load_artifacts() == {"by the environment": Part(1)}
        async with RunManager(Run()) as inner:  # here a run is active, and goes before
            assert inner.run.node_parent_id == manager.run.node_id
        assert await stored(manager.run) == ("running", None)
    for inherited in [it for (_, name), it in active_runs._inherited.items() if name == token]:
        assert inherited._release is not None
        await inherited._release()


async def test_a_child_joins_what_the_environment_names_before_it_starts(
    engine: AsyncEngine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with RunManager(Run()) as manager:
        monkeypatch.setenv("ARTIGRAPH_RUN", manager.token())

        async def work() -> Any:
            async with RunManager(Run()) as child:
                return child.run.node_parent_id

        assert await in_a_thread(work, database_url) == manager.run.node_id


async def test_what_a_process_of_the_environment_loads_is_used_by_its_run(
    engine: AsyncEngine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, inside, apart = await save_many([(f"part {number}", Part(number)) for number in range(3)])
    async with RunManager(Run()) as manager:
        own = await manager.save_artifact("own", Part(3))

        async def work() -> Any:
            await Part.load(before)
            await run_manager().load_artifact("own")
            async with RunManager(Run()) as child:
                await Part.load(inside)
            await Part.load(own)
            async with session_context():
                await Part.load(apart)
            return child.run.node_id

        monkeypatch.setenv("ARTIGRAPH_RUN", manager.token())
        child_id = await in_a_thread(work, database_url)
        assert await used() == {(before, manager.run.node_id), (inside, child_id), (apart, manager.run.node_id)}


async def test_the_environment_is_told_of_where_it_is_wrong(
    engine: AsyncEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARTIGRAPH_RUN", "")
    with pytest.raises(NoActiveRunError):
        run_manager()
    monkeypatch.setenv("ARTIGRAPH_RUN", "nonsense")
    with pytest.raises(InvalidTokenError, match="variable ARTIGRAPH_RUN is no token"):
        run_manager(allow_none=True)
    with pytest.raises(InvalidTokenError, match="ARTIGRAPH_RUN"):
        await RunManager(Run()).__aenter__()
    async with RunManager(Run(NO_PARENT)) as manager:
        token = manager.token()
    monkeypatch.setenv("ARTIGRAPH_RUN", token)
    async with engine_context(f"sqlite:///{tmp_path}/other.db", create_tables=True):
        with pytest.raises(NodeNotFoundError, match=r"ARTIGRAPH_RUN names.*another database"):
            await run_manager().load_artifacts()
        with pytest.raises(NodeNotFoundError, match="ARTIGRAPH_RUN names"):
            await RunManager(Run()).__aenter__()
        assert await everything() == []
