from __future__ import annotations

import asyncio
import gc
import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from artigraph.db import (
    Timeouts,
    create_tables,
    current_database,
    dispose_engines,
    engine_context,
    get_engine,
    read,
    set_engine,
    write,
)
from artigraph.db._target import current_target
from artigraph.errors import ConfigurationError, MissingTablesError, SessionStateError, WrongEventLoopError
from artigraph.identifiers import new_id
from artigraph.orm import NodeRow

_node: Any = NodeRow.__table__


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ARTIGRAPH_URL", raising=False)
    monkeypatch.chdir(tmp_path)


async def save() -> UUID:
    node_id = new_id()
    await write(lambda connection: connection.execute(insert(_node).values(node_id=node_id, node_type="run")))
    return node_id


async def saved() -> list[UUID]:
    rows = await read(lambda connection: connection.execute(select(_node.c.node_id).order_by(_node.c.node_id)))
    return list(rows.scalars())


def url(path: Path) -> str:
    return f"sqlite:///{path}"


async def pragma(name: str) -> Any:
    async def work(connection: AsyncConnection) -> Any:
        return (await connection.execute(text(f"PRAGMA {name}"))).scalar()

    return await read(work)


async def test_the_innermost_setting_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("environment", "process", "block"):
        async with engine_context(url(tmp_path / f"{name}.db")):
            await create_tables()
    monkeypatch.setenv("ARTIGRAPH_URL", url(tmp_path / "environment.db"))
    assert get_engine().url.database == str(tmp_path / "environment.db")
    put_back = set_engine(url(tmp_path / "process.db"))
    assert get_engine().url.database == str(tmp_path / "process.db")
    async with engine_context(url(tmp_path / "block.db")) as engine:
        assert engine is get_engine()
        assert engine.url.database == str(tmp_path / "block.db")
        node_id = await save()
        with engine_context(url(tmp_path / "process.db")):
            assert await saved() == []
        assert await saved() == [node_id]
    assert await saved() == []
    put_back()
    assert get_engine().url.database == str(tmp_path / "environment.db")
    assert not (tmp_path / ".artigraph").exists()
    await dispose_engines()


def test_settings_are_put_back_in_any_order(tmp_path: Path) -> None:
    before = current_target()
    first = set_engine(url(tmp_path / "1.db"))
    one = current_target()
    second = set_engine(url(tmp_path / "2.db"))
    two = current_target()
    assert len({before, one, two}) == 3
    first()
    assert current_target() is two
    first()
    second()
    assert current_target() is before


async def test_tasks_have_their_own_block(tmp_path: Path) -> None:
    async def one(number: int) -> list[UUID]:
        async with engine_context(url(tmp_path / f"{number}.db"), create_tables=True):
            node_id = await save()
            await asyncio.sleep(0.01)
            assert await saved() == [node_id]
            return await saved()

    results = await asyncio.gather(*(one(number) for number in range(5)))
    assert len({node_id for ids in results for node_id in ids}) == 5


def test_a_block_is_entered_once_and_left_anywhere(tmp_path: Path) -> None:
    block = engine_context(url(tmp_path / "x.db"))
    with block, pytest.raises(SessionStateError):
        block.__enter__()
    block.__exit__(None, None, None)

    async def enter() -> None:
        block.__enter__()

    before = current_target()
    asyncio.run(enter())
    block.__exit__(None, None, None)  # in another context than it was entered in
    assert current_target() is before


def test_a_block_around_a_program(tmp_path: Path) -> None:
    with engine_context(url(tmp_path / "x.db"), create_tables=True):
        node_id = asyncio.run(save())
        assert asyncio.run(saved()) == [node_id]


def test_the_embedded_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)

    async def first() -> UUID:
        database = await current_database()
        assert database.folder == tmp_path / ".artigraph"
        return await save()

    current_target()
    assert not (tmp_path / ".artigraph").exists()
    node_id = asyncio.run(first())
    folder = tmp_path / ".artigraph"
    if os.name == "posix":
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "artigraph.db").stat().st_mode) == 0o600
    assert (folder / ".gitignore").read_text() == "*\n"
    monkeypatch.chdir(below)
    assert asyncio.run(saved()) == [node_id]
    assert not list(below.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="locks of POSIX")
def test_another_loop_leaves_the_locks_of_an_embedded_database_alone(tmp_path: Path) -> None:
    """Closing a file ends all of a process's locks on it, so SQLite's file must not be opened beside SQLite."""
    program = (
        "import fcntl, sys\n"
        "file = open(sys.argv[1], 'r+b')\n"
        "try:\n"
        "    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 510, 0x40000002)\n"  # SQLite's bytes of readers
        "except OSError:\n"
        "    print('held')\n"
    )

    def held() -> bool:
        command = [sys.executable, "-c", program, str(tmp_path / ".artigraph" / "artigraph.db")]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout == "held\n"

    async def first() -> None:
        await save()
        assert held()
        await asyncio.to_thread(asyncio.run, saved())
        assert held()

    asyncio.run(first())


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_default_that_cannot_be_made(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigurationError, match="ARTIGRAPH_URL"):
        asyncio.run(current_database())


def test_a_default_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / ".artigraph").write_text("")
    with pytest.raises(ConfigurationError, match="ARTIGRAPH_URL"):
        asyncio.run(current_database())


async def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    async with engine_context("sqlite://"):
        pass
    with pytest.raises(ConfigurationError, match="does not exist"):
        async with engine_context(url(tmp_path / "nowhere" / "x.db")):
            pass


def test_there_is_no_engine_outside_of_async_code(tmp_path: Path) -> None:
    with engine_context(url(tmp_path / "x.db")), pytest.raises(WrongEventLoopError):
        get_engine()


async def test_engines_of_ours_are_tuned(tmp_path: Path) -> None:
    async with engine_context(url(tmp_path / "x.db"), create_tables=True):
        assert await pragma("foreign_keys") == 1
        assert await pragma("journal_mode") == "wal"
        assert await pragma("synchronous") == 1
        assert await pragma("busy_timeout") == 5000
    async with engine_context(url(tmp_path / "x.db"), sqlite_synchronous="FULL"):
        assert await pragma("synchronous") == 2
    for lock, busy in [(0.25, 250), (30, 5000), (None, 5000)]:
        async with engine_context(url(tmp_path / "x.db"), timeouts=Timeouts(lock=lock)):
            assert await pragma("busy_timeout") == busy


def test_the_documented_limits_are_those_in_force() -> None:
    assert Timeouts() == Timeouts(connect=10, lock=10, command=300, cancel=5, retry=60)


async def test_our_engine_serves_queries_of_ones_own(tmp_path: Path) -> None:
    async with engine_context(url(tmp_path / "x.db"), create_tables=True) as engine:
        await current_database()
        async with engine.begin() as connection:
            await connection.execute(insert(_node).values(node_id=new_id(), node_type="run"))
            await connection.rollback()
        assert await saved() == []
        async with engine.begin() as connection:
            await connection.execute(insert(_node).values(node_id=new_id(), node_type="run"))
        assert len(await saved()) == 1


async def test_our_engine_streams_and_commits_by_itself_if_told_to(tmp_path: Path) -> None:
    async with engine_context(url(tmp_path / "x.db"), create_tables=True) as engine:
        await current_database()
        async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            await connection.execute(insert(_node), [{"node_id": new_id(), "node_type": "run"} for _ in range(30)])
        ids = await saved()
        assert len(ids) == 30
        statement = select(_node.c.node_id).order_by(_node.c.node_id)
        async with engine.connect() as connection:
            result = await connection.stream(statement)
            assert [row.node_id async for row in result] == ids
            result = await connection.stream(statement)
            assert (await result.first()) == (ids[0],)
            result = await connection.stream(statement)
            assert [row.node_id for rows in [await result.fetchmany(7), await result.fetchall()] for row in rows] == ids
            assert (await connection.stream(statement.limit(0))) is not None


async def test_another_driver_is_tuned_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("artigraph.db._engine._FAST_DRIVER", "another")
    async with engine_context(url(tmp_path / "x.db"), create_tables=True) as engine:
        assert [await pragma(name) for name in ("foreign_keys", "journal_mode", "busy_timeout")] == [1, "wal", 5000]
        node_ids = {await save(), await save()}
        assert set(await saved()) == node_ids
        async with engine.begin() as connection:
            await connection.execute(insert(_node).values(node_id=new_id(), node_type="run"))
            await connection.rollback()
        assert set(await saved()) == node_ids


def test_each_loop_has_its_engine_and_none_is_left(tmp_path: Path) -> None:
    async def main() -> AsyncEngine:
        await save()
        return get_engine()

    threads = threading.active_count()
    with engine_context(url(tmp_path / "x.db"), create_tables=True):
        engines = [asyncio.run(main()) for _ in range(3)]
        assert len({id(engine) for engine in engines}) == 3
        assert [engine.sync_engine.pool.checkedin() for engine in engines] == [0, 0, 0]  # type: ignore[attr-defined]
        for _ in range(500):  # a thread that was told to end takes a moment for it
            if threading.active_count() <= threads:
                break
            time.sleep(0.01)
        assert threading.active_count() <= threads
        assert len(current_target()._entries) == 1
        asyncio.run(main())
        assert len(current_target()._entries) == 1
    gc.collect()


def test_a_loop_that_did_not_say_goodbye(tmp_path: Path) -> None:
    with engine_context(url(tmp_path / "x.db"), create_tables=True):
        target = current_target()
        loop = asyncio.new_event_loop()
        engine = loop.run_until_complete(_engine_after_dispose())
        loop.close()
        assert len(target._entries) == 1
        node_id = asyncio.run(save())
        assert loop not in target._entries
        assert asyncio.run(saved()) == [node_id]
        del engine


async def _engine_after_dispose() -> AsyncEngine:
    await current_database()
    engine = get_engine()
    await engine.dispose()
    return engine


async def test_disposed_engines_are_made_again(tmp_path: Path) -> None:
    put_back = set_engine(url(tmp_path / "x.db"), create_tables=True)
    node_id = await save()
    engine = get_engine()
    await dispose_engines()
    assert await saved() == [node_id]
    assert get_engine() is not engine
    put_back()
    await dispose_engines()


def test_a_database_in_memory_belongs_to_one_loop() -> None:
    async def once() -> None:
        node_id = await save()
        assert await saved() == [node_id]
        await asyncio.gather(*(save() for _ in range(20)))
        assert len(await saved()) == 21

    async def again() -> None:
        await dispose_engines()
        await save()

    with engine_context("sqlite://", create_tables=True):
        asyncio.run(once())
        with pytest.raises(WrongEventLoopError, match="in memory"):
            asyncio.run(saved())
        asyncio.run(again())


async def test_a_callers_engine_is_not_disposed(tmp_path: Path) -> None:
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/x.db")
    async with engine_context(engine, create_tables=True) as same:
        assert same is engine
        assert get_engine() is engine
        await save()
    assert engine.sync_engine.pool.checkedin() == 1  # type: ignore[attr-defined]
    async with engine_context(engine):
        assert len(await saved()) == 1
        await engine.dispose()
        assert len(await saved()) == 1
    await engine.dispose()


def test_a_callers_engine_belongs_to_one_loop(tmp_path: Path) -> None:
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/x.db")

    async def main() -> None:
        await save()

    async def and_dispose() -> None:
        await save()
        await engine.dispose()

    with engine_context(engine, create_tables=True):
        assert get_engine() is engine
        asyncio.run(and_dispose())
        asyncio.run(and_dispose())  # once disposed, it may begin again elsewhere
        loop = asyncio.new_event_loop()
        loop.run_until_complete(main())
        with pytest.raises(WrongEventLoopError, match="another event loop"):
            asyncio.run(main())
        loop.run_until_complete(engine.dispose())
        loop.close()


async def test_an_engine_of_ones_own_takes_no_synchronous(tmp_path: Path) -> None:
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/x.db")
    with pytest.raises(ConfigurationError, match="as it is"):
        set_engine(engine, sqlite_synchronous="FULL")


async def test_tables_are_not_made_unasked(tmp_path: Path) -> None:
    async with engine_context(url(tmp_path / "x.db")):
        with pytest.raises(MissingTablesError, match=r"artigraph\.migrations"):
            await save()
        await create_tables()
        await create_tables()
        await save()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_makes_engines_of_its_own(tmp_path: Path) -> None:
    program = """
import asyncio, os, sys
from artigraph.db import engine_context, read, current_database, get_engine
from artigraph.orm import Store
from sqlalchemy import select

async def identify():
    return (await read(lambda connection: connection.execute(select(Store.store_id)))).scalar_one()

with engine_context(sys.argv[1], create_tables=True):
    loop = asyncio.new_event_loop()
    mine = loop.run_until_complete(identify())
    child = os.fork()
    if child == 0:
        os._exit(0 if asyncio.run(identify()) == mine else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert loop.run_until_complete(identify()) == mine
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
"""
    subprocess.run([sys.executable, "-c", program, url(tmp_path / "x.db")], check=True, timeout=120)
