"""Case 28 of docs/appendix/reliability.md: pools smaller than the open sessions, servers without free connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import NullPool, StaticPool, make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from artigraph import load_many
from artigraph.db import Timeouts, engine_context, session_context
from artigraph.errors import DatabaseUnavailableError
from artigraph.maintenance import fsck
from integration.support.databases import SERVERS, fresh_database, run_apart
from integration.support.databases import server_url as url_of_server
from tests.support.racing import INLINE_LIMIT, Kept, Objects, files, kept

pytestmark = pytest.mark.timeout(300)

SESSIONS = 20
POOLS: dict[str, dict[str, Any]] = {
    "5": {"pool_size": 5, "max_overflow": 0},
    "2": {"pool_size": 2, "max_overflow": 0},
    "1": {"pool_size": 1, "max_overflow": 0},
    "1-and-2-more": {"pool_size": 1, "max_overflow": 2},
    "3-and-4-more": {"pool_size": 3, "max_overflow": 4},
    "any-number": {"poolclass": NullPool},
    "one-for-all": {"poolclass": StaticPool},
}
LIMIT = 3
"""A URL for a user to whom the server allows few connections."""


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    """Where objects go."""
    return files(tmp_path / "objects")


@asynccontextmanager
async def own_engine(url: str, objects: Objects, **pool: Any) -> AsyncGenerator[AsyncEngine]:
    """Set an engine of a caller's."""
    engine = create_async_engine(url, **pool)
    try:
        async with engine_context(
            engine, create_tables=True, large_value_storage=objects.open(), inline_limit=INLINE_LIMIT
        ):
            yield engine
    finally:
        await engine.dispose()


async def in_session(number: int) -> Any:
    """Save content of which some is shared, in a session."""
    async with session_context():
        first = await kept(number, f"shared {number % 3}", f"own {number}").save("first")
        second = await kept(number, f"shared {(number + 1) % 3}", f"own too {number}").save("second")
    return first, second


async def check(saved: list[Any]) -> None:
    """Check that every value was stored."""
    found = await load_many(Kept, [first for first, _ in saved])
    assert [model.owner for model in found] == list(range(len(saved)))
    assert (await fsck(read_data_subset="100%")).ok


@pytest.mark.parametrize("pool", POOLS.values(), ids=POOLS)
async def test_sessions_fit_the_pool(server_url: str, objects: Objects, pool: dict[str, Any]) -> None:
    async with own_engine(server_url, objects, **pool):
        await check(list(await asyncio.gather(*map(in_session, range(SESSIONS)))))


async def test_sessions_of_a_callers_own_may_take_all_of_the_pool(server_url: str, objects: Objects) -> None:
    async with own_engine(server_url, objects, pool_size=3, max_overflow=0) as engine:
        await kept(0, "a", "b").save("first")
        async with AsyncExitStack() as stack:
            sessions = [await stack.enter_async_context(AsyncSession(engine)) for _ in range(3)]
            for session in sessions:
                await session.connection()

            async def save(number: int) -> Any:
                async with session_context(sessions[number]):
                    node_id = await kept(number, f"new {number}", f"own {number}").save("x")
                await sessions[number].commit()
                return node_id, None

            saved = await asyncio.gather(*map(save, range(3)))
        await check(list(saved))


async def test_who_waits_in_vain_for_a_session_is_told(server_url: str, objects: Objects) -> None:
    engine = create_async_engine(server_url, pool_size=2, max_overflow=0)
    async with engine_context(engine, create_tables=True, timeouts=Timeouts(retry=0.2)):
        await kept(0, "a", "b").save("first")
        opened, end = asyncio.Event(), asyncio.Event()

        async def hold() -> None:
            async with session_context():
                opened.set()
                await end.wait()

        holder = asyncio.create_task(hold())
        await opened.wait()
        with pytest.raises(DatabaseUnavailableError, match=r"within 0\.2 s: .* bears 1 at once"):
            async with session_context():
                pass
        end.set()
        await holder
        async with session_context():
            await kept(0, "a", "b").save("second")
    await engine.dispose()


@contextmanager
def few_connections(server: str, tmp_path: Path) -> Generator[str]:
    """Yield the URL of a database for a user of whom its server takes few connections."""
    user = f"few_{uuid4().hex[:8]}"
    with fresh_database(server, tmp_path) as url:
        database = make_url(url)
        if server == "postgresql":
            before = [f"CREATE ROLE {user} LOGIN CONNECTION LIMIT {LIMIT}"]
            before += [f"ALTER DATABASE {database.database} OWNER TO {user}"]
            after = [f"ALTER DATABASE {database.database} OWNER TO CURRENT_USER", f"DROP ROLE {user}"]
        else:
            users = [f"{user}@'{host}'" for host in ("localhost", "%")]  # a fresh MariaDB accepts every local user
            before = [f"CREATE USER {name} IDENTIFIED BY 'few' WITH MAX_USER_CONNECTIONS {LIMIT}" for name in users]
            before += [f"GRANT ALL ON {database.database}.* TO {name}" for name in users]
            after = [f"DROP USER {name}" for name in users]
        run_apart(_execute(server, before))
        try:
            yield database.set(username=user, password="few").render_as_string(hide_password=False)
        finally:
            if server == "postgresql":
                run_apart(_execute(database, [f"DROP OWNED BY {user}"]))
            run_apart(_execute(server, after))


async def _execute(where: Any, statements: list[str]) -> None:
    url = url_of_server(where) if isinstance(where, str) else where
    assert url is not None
    engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
    try:
        async with engine.connect() as connection:
            for statement in statements:
                await connection.execute(text(statement))
    finally:
        await engine.dispose()


@pytest.mark.parametrize("server", SERVERS)
async def test_connections_that_the_server_has_not_are_waited_for(
    server: str, tmp_path: Path, objects: Objects
) -> None:
    with few_connections(server, tmp_path) as url:
        async with engine_context(
            url, create_tables=True, large_value_storage=objects.open(), inline_limit=INLINE_LIMIT
        ):
            plain = (kept(number, f"shared {number % 3}", f"own {number}").save("x") for number in range(40))
            await check([(node_id, None) for node_id in await asyncio.gather(*plain)])
            await asyncio.gather(*map(in_session, range(SESSIONS)))
            assert (await fsck(read_data_subset="100%")).ok


@pytest.mark.parametrize("server", SERVERS)
async def test_a_server_that_stays_full_is_named(server: str, tmp_path: Path) -> None:
    with few_connections(server, tmp_path) as url:
        engine = create_async_engine(url, pool_size=LIMIT, max_overflow=0)
        held = [await engine.connect() for _ in range(LIMIT)]
        async with engine_context(url, create_tables=True, timeouts=Timeouts(retry=0.3)):
            with pytest.raises(DatabaseUnavailableError, match=r"no connection left.*Keep fewer") as caught:
                await kept(0, "a", "b").save("x")
            assert type(caught.value) is DatabaseUnavailableError
            assert caught.value.__cause__ is not None
            for connection in held:
                await connection.close()
            await engine.dispose()
            await kept(0, "a", "b").save("x")
