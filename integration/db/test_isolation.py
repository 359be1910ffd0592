"""Isolation levels above READ COMMITTED: by the server, by a caller's engine, and in sessions that a caller lends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import Context
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from artigraph import ArtifactModel, Run, RunManager, columns, delete, select
from artigraph.db import Timeouts, create_tables, current_database, engine_context, read, session_context
from artigraph.errors import RetryableError
from artigraph.maintenance import fsck
from artigraph.storage.file import FileSystem
from artigraph.tracking import tracked
from integration.support.databases import SERVERS, fresh_database

T = TypeVar("T")

AT_ONCE = 6
IMPATIENT = Timeouts(lock=1, retry=1)
"""With these a call fails that waits for the lock of a session."""
LEVELS = ("REPEATABLE READ", "SERIALIZABLE")


@dataclass
class Page(ArtifactModel, name="isolation.Page"):
    text: str = ""
    number: int = 0


@tracked
async def turned(page: Page, number: int) -> Page:
    return Page(page.text, page.number + number)


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> str:
    """The name of each server in turn."""
    return str(request.param)


@pytest.fixture(params=LEVELS)
def level(request: pytest.FixtureRequest) -> str:
    """Each level above READ COMMITTED in turn."""
    return str(request.param)


@asynccontextmanager
async def strict_database(server: str, level: str, folder: Path, more: str = "") -> AsyncGenerator[str]:
    """Yield the URL of an empty database whose connections begin with an isolation level, and more on MySQL."""
    with fresh_database(server, folder) as url:
        if server == "postgresql":
            engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
            async with engine.connect() as connection:
                name = make_url(url).database
                await connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_isolation = '{level}'"))
            await engine.dispose()
            yield url
            return
        variable = "tx_isolation" if server == "mariadb" else "transaction_isolation"
        setting = f"SET SESSION {variable} = '{level.replace(' ', '-')}'{', ' if more else ''}{more}"
        strict = make_url(url).update_query_dict({"init_command": setting})
        yield strict.render_as_string(hide_password=False)


@pytest.fixture
def storage(tmp_path: Path) -> FileSystem:
    """The storage of all values that are not tiny."""
    return FileSystem(tmp_path / "objects", name=f"isolation-{uuid4().hex}", durable=False)


def large(name: str) -> Page:
    """Return an artifact whose text is an object."""
    return Page(f"{name} " * 1024, 1)


async def beside(call: Callable[[], Awaitable[T]]) -> T:
    """Do a call outside of the session that is open here."""

    async def outside() -> T:
        return await call()

    return await asyncio.get_running_loop().create_task(outside(), context=Context())


async def save_in(url: str, storage: FileSystem, page: Page) -> UUID:
    """Save an artifact by an engine of Artigraph's."""
    async with engine_context(url, large_value_storage=storage, inline_limit=1024, timeouts=IMPATIENT):
        return await page.save("elsewhere")


async def use_all(name: str) -> tuple[UUID, UUID]:
    """Do everything that a session can, and return an artifact that stays and a run."""
    saved = [await large(f"{name} {number}").save(name) for number in range(3)]
    again = await large(f"{name} 0").save(f"{name} again")
    small = await Page("x", 7).save(name)
    assert [await Page.load(one) for one in saved] == [large(f"{name} {number}") for number in range(3)]
    assert await Page.load(again) == large(f"{name} 0")
    assert await select(Page).where(columns(Page).number == 7).ids() == [small]
    async with RunManager(Run(name=name)) as manager:
        produced = await large(f"{name} in a run").save("produced")
        async with RunManager(Run(name=f"below {name}")):
            assert await Page.load(produced) == large(f"{name} in a run")
    assert (await turned(await Page.load(small), 2)).number == 9
    report = await delete([saved[1], small], cascade=True)
    assert report.artifacts >= 2
    return saved[0], manager.run.node_id


async def test_a_lent_session_does_everything(server: str, level: str, tmp_path: Path, storage: FileSystem) -> None:
    async with strict_database(server, level, tmp_path) as url:
        async with engine_context(url, create_tables=True):
            await Page("first").save("first")
        for way in ("by the server", "by the session") if level == "SERIALIZABLE" else ("by the engine",):
            engine = create_async_engine(url, **({"isolation_level": level} if way == "by the engine" else {}))
            async with (
                engine_context(engine, large_value_storage=storage, inline_limit=1024),
                AsyncSession(engine) as session,
            ):
                if way == "by the session":
                    await session.connection(execution_options={"isolation_level": level})
                await session.execute(text("SELECT count(*) FROM artigraph_node"))  # takes the snapshot
                async with session_context(session):
                    assert await read(lambda connection: connection.get_isolation_level()) == level
                    page, run = await use_all(way)
                await session.commit()
                assert await Page.load(page) == large(f"{way} 0")
                assert (await select(Run).where(columns(Run).name == way).ids()) == [run]
                assert (await fsck(read_data_subset="100%")).ok
            await engine.dispose()


async def test_a_lent_session_is_asked_once_for_each_transaction(
    server: str, tmp_path: Path, storage: FileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fresh_database(server, tmp_path) as url:
        engine = create_async_engine(url, isolation_level="READ COMMITTED")
        dialect = engine.dialect
        answers: list[str] = []
        ask = dialect.get_isolation_level

        def asked(connection: Any) -> str:
            answers.append(ask(connection))
            return answers[-1]

        async with (
            engine_context(engine, create_tables=True, large_value_storage=storage, inline_limit=1024),
            AsyncSession(engine) as session,
        ):
            await current_database()
            monkeypatch.setattr(dialect, "get_isolation_level", asked)
            async with session_context(session):
                await Page("small").save("x")
                assert answers == []
                for number in range(3):
                    await large(f"first {number}").save("x")
                assert answers == ["READ COMMITTED"]
                # Others are not kept waiting by the session, since its blob rows are committed.
                await beside(lambda: save_in(url, storage, large("first 0")))
                await session.commit()
                await session.connection(execution_options={"isolation_level": "SERIALIZABLE"})
                answers.clear()
                saved = [await large(f"second {number}").save("x") for number in range(2)]
                assert answers == ["SERIALIZABLE"]
                assert await Page.load(saved[1]) == large("second 1")
            await session.commit()
            monkeypatch.undo()
            assert (await fsck(read_data_subset="100%")).ok
        await engine.dispose()


SNAPSHOT = "SESSION innodb_snapshot_isolation = ON"
"""The default of MariaDB from 11.6 on: a lock does not see what is newer than the snapshot, as on PostgreSQL."""


@pytest.mark.parametrize(
    ("server", "setting"), [*((server, "") for server in SERVERS), ("mariadb", SNAPSHOT)], ids=[*SERVERS, "snapshot"]
)
async def test_what_others_saved_since_the_snapshot(
    server: str, setting: str, level: str, tmp_path: Path, storage: FileSystem
) -> None:
    """An object is saved whose row is newer than the snapshot: it is shared, or the transaction gives way."""
    gives_way = server == "postgresql" or bool(setting)
    async with strict_database(server, level, tmp_path, setting) as url:
        async with engine_context(url, create_tables=True):
            await Page("first").save("first")
        engine = create_async_engine(url)
        async with engine_context(engine, large_value_storage=storage, inline_limit=1024):
            for attempt in range(2):
                async with AsyncSession(engine) as session:
                    await session.execute(text("SELECT count(*) FROM artigraph_version"))  # takes the snapshot
                    if attempt == 0:
                        await beside(lambda: save_in(url, storage, large("new")))
                    try:
                        async with session_context(session):
                            saved = await large("new").save("mine")
                            assert await Page.load(saved) == large("new")
                    except RetryableError:
                        assert (attempt, gives_way) == (0, True)
                    else:
                        assert attempt == 1 or not gives_way
                        await session.commit()
                        assert await Page.load(saved) == large("new")
            assert (await fsck(read_data_subset="100%")).ok
        await engine.dispose()


@pytest.mark.parametrize("level", ["READ COMMITTED", *LEVELS])
async def test_many_make_the_tables_and_track_calls_at_once(server: str, level: str, tmp_path: Path) -> None:
    async with strict_database(server, level, tmp_path) as url:
        engines = [create_async_engine(url, isolation_level=level) for _ in range(AT_ONCE)]
        sources: list[str | AsyncEngine] = [url, *engines]

        async def use(source: str | AsyncEngine) -> UUID:
            async with engine_context(source, create_tables=True):
                found = await current_database()
                await create_tables()
                page = Page("shared")
                await page.save("shared")
                await asyncio.gather(*(turned(page, number) for number in range(3)))
                return found.store_id

        assert len(set(await asyncio.gather(*map(use, sources)))) == 1
        async with engine_context(url):
            assert len(await select(Run).where(columns(Run).status == "completed").ids()) == 3 * len(sources)
            assert (await fsck()).ok
            # PostgreSQL's reads, too, which are in autocommit mode and would else have the server's level.
            assert await read(lambda connection: connection.get_isolation_level()) == "READ COMMITTED"
        for engine in engines:
            await engine.dispose()


async def test_readers_do_not_wait_for_a_session(server: str, tmp_path: Path) -> None:
    async with strict_database(server, "SERIALIZABLE", tmp_path, "SESSION innodb_lock_wait_timeout = 1") as url:
        engine = create_async_engine(url)
        async with engine_context(engine, create_tables=True):
            first = await Page("a", 1).save("a")
            async with session_context():
                await Page("b", 1).save("b")

                async def look() -> list[UUID]:
                    async with engine_context(engine, timeouts=IMPATIENT):
                        assert (await Page.load(first)).text == "a"
                        return list(await select(Page).where(columns(Page).number == 1).ids())

                assert await beside(look) == [first]
        await engine.dispose()
