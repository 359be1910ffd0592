"""Case 36 of docs/appendix/reliability.md: servers of a cluster fail while tasks write to all of them."""

from __future__ import annotations

import asyncio
import inspect
import socket
from collections.abc import AsyncGenerator, Generator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncSession

from artigraph import save_many
from artigraph.db import Timeouts, engine_context, session_context
from artigraph.errors import DatabaseError, DatabaseUnavailableError
from artigraph.maintenance import gc
from artigraph.query import select
from artigraph.testing.database import DatabaseConformance
from integration.support.cluster_writers import Writers
from integration.support.clusters import (
    Galera,
    Group,
    PostgreSQLPair,
    Router,
    ask,
    galera,
    group_replication,
    postgresql_pair,
)
from tests.support.check import Checker
from tests.support.places import Parcel, Place, parcel
from tests.support.sizes import note, sizes

pytestmark = pytest.mark.timeout(1200)


def _conforms(server: str) -> None:
    """Run the conformance kit, each test on an empty database of a server."""
    kit = DatabaseConformance()
    for name, test in inspect.getmembers(kit, inspect.ismethod):
        if not name.startswith("test_"):
            continue
        for more in _parameters(test):
            database = f"artigraph_test_{uuid4().hex[:12]}"
            asyncio.run(ask(server, f"CREATE DATABASE {database}"))
            test(make_url(server).set(database=database).render_as_string(hide_password=False), *more)
            asyncio.run(ask(server, f"DROP DATABASE {database}"))


def _parameters(test: Any) -> list[tuple[Any, ...]]:
    """Return what pytest would give to a test beside the database."""
    marks = [mark for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]
    if not marks:
        return [()]
    [mark] = marks
    return [tuple(values) for values in mark.args[1]]


def _places(urls: Iterable[str], folder: Path) -> list[Place]:
    """Return the servers of a cluster, with one storage for all."""
    storage = f"cluster-{uuid4().hex}"
    return [Place(f"server {number}", url, storage, folder=str(folder / "objects")) for number, url in enumerate(urls)]


@asynccontextmanager
async def _writing(places: Iterable[Place], tasks: int) -> AsyncGenerator[Writers]:
    """Let tasks write at each place until the end of the block."""
    writers = Writers()
    started: list[asyncio.Task[None]] = []
    async with AsyncExitStack() as opened:
        for place in places:
            await opened.enter_async_context(place.opened(timeouts=Timeouts(connect=5, retry=10)))
            started += [asyncio.create_task(writers.write(place, number)) for number in range(tasks)]
        try:
            yield writers
        finally:
            writers.end()
            await asyncio.gather(*started)


async def _swept(places: Sequence[Place]) -> None:
    """Collect garbage at the first place. What failed saves left is gone, and nothing else at any place."""
    async with places[0].opened():
        await gc(dry_run=False, grace=timedelta())
    for place in places:
        found = await Checker(place).look()
        assert found.sound
        assert found.orphans == frozenset()


@pytest.fixture
def cluster() -> Generator[Galera]:
    """Three nodes of Galera."""
    with galera() as made:
        yield made


@pytest.mark.parametrize("calls", sizes(40, 400))
async def test_a_galera_node_is_killed_and_rejoins(calls: int, cluster: Galera, tmp_path: Path) -> None:
    places = _places(cluster.urls, tmp_path)
    async with _writing(places, 4) as writers:
        await writers.succeed(places, calls)
        await asyncio.to_thread(cluster.kill, 1)
        await writers.succeed([places[0], places[2]], calls)
        await asyncio.to_thread(cluster.rejoin, 1)
        await writers.succeed(places, calls)
    for number in range(3):
        await asyncio.to_thread(cluster.wait, number)
    for place in places:
        await writers.check(place)
    await _swept(places)
    await _waits_for_other_nodes(cluster)
    note(36, "MariaDB Galera", calls=writers.calls.total(), errors=writers.errors.total(), lost=0)
    await asyncio.to_thread(_conforms, cluster.urls[1])
    for number in (1, 2):
        await asyncio.to_thread(cluster.kill, number)
    async with places[0].opened(timeouts=Timeouts(retry=3)):
        with pytest.raises(DatabaseUnavailableError):  # the node may notice it during COMMIT
            await parcel(1).save("refused")
        with pytest.raises(DatabaseUnavailableError, match="has lost the majority"):
            await parcel(1).save("refused")


async def _waits_for_other_nodes(cluster: Galera) -> None:
    """With `wsrep_sync_wait`, a read sees what another node has committed. `fsck` was clean, so fields are enough."""
    waiting = f"{cluster.urls[2]}?init_command=SET SESSION wsrep_sync_wait = 1"
    for number in range(5):
        async with engine_context(cluster.urls[0]):
            node_id = await parcel(number, 1).save("it")
        async with engine_context(waiting):
            assert (await Parcel.load(node_id)).number == number


@pytest.fixture
def pair() -> Generator[PostgreSQLPair]:
    """A primary of PostgreSQL and its standby."""
    with postgresql_pair() as made:
        yield made


@pytest.mark.parametrize("calls", sizes(60, 1000))
async def test_a_postgresql_primary_is_killed_and_its_standby_promoted(
    calls: int, pair: PostgreSQLPair, tmp_path: Path
) -> None:
    places = _places([pair.both], tmp_path)
    async with _writing(places, 8) as writers:
        await writers.succeed(places, calls)
        await asyncio.to_thread(pair.primary.kill)
        await asyncio.sleep(0.5)  # the tasks see that no server writes
        await pair.promote()
        await writers.succeed(places, calls)  # the same engine goes on
    assert any(error.startswith("DatabaseUnavailableError") for error in writers.errors)
    promoted = [replace(place, url=pair.standby.url) for place in places]
    await writers.check(promoted[0])
    await _swept(promoted)
    note(36, "PostgreSQL", calls=writers.calls.total(), errors=writers.errors.total(), lost=0)
    await asyncio.to_thread(_conforms, pair.standby.url)


async def test_a_standby_is_a_read_replica(pair: PostgreSQLPair) -> None:
    async with engine_context(pair.primary.url, create_tables=True, read_url=pair.standby.url):
        first = await parcel(1).save("it")
        await _until_replayed(pair)
        assert await select(Parcel).ids() == [first]
        await ask(pair.standby.url, "SELECT pg_wal_replay_pause()")
        second = await parcel(2).save("it")
        assert await select(Parcel).ids() == [first]  # the standby lags behind
        assert await Parcel.load(second) == parcel(2)  # by its id, from the primary
        async with session_context():
            assert await select(Parcel).ids() == [first, second]
        await ask(pair.standby.url, "SELECT pg_wal_replay_resume()")
        await _until_replayed(pair)
        assert await select(Parcel).ids() == [first, second]
    async with engine_context(pair.standby.url):
        assert await select(Parcel).count() == 2
        with pytest.raises(DatabaseError, match="read-only"):
            await parcel(3).save("refused")
    async with engine_context(pair.primary.url, read_url=pair.standby.url) as engine:
        assert await select(Parcel).count() == 2
        await asyncio.to_thread(pair.standby.kill)
        with pytest.raises(DatabaseUnavailableError, match=r"^The read replica postgresql"):
            await select(Parcel).count()
        async with engine.connect() as connection, AsyncSession(connection) as session, session_context(session):
            assert await select(Parcel).count() == 2  # the primary still answers


async def _until_replayed(pair: PostgreSQLPair) -> None:
    """Wait until the standby shows what the primary has committed."""
    [[position]] = [await ask(pair.primary.url, "SELECT pg_current_wal_lsn()::text")]
    for _ in range(3000):
        if (await ask(pair.standby.url, f"SELECT pg_last_wal_replay_lsn() >= '{position}'"))[0]:
            return
        await asyncio.sleep(0.02)
    raise TimeoutError(pair.standby.log)


async def test_a_dead_first_host_is_passed_over(pair: PostgreSQLPair) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts connections and says nothing
        hosts = [1, silent.getsockname()[1], *(make_url(server.url).port for server in (pair.standby, pair.primary))]
        url = f"postgres@{','.join(f'127.0.0.1:{port}' for port in hosts)}/postgres?target_session_attrs="
        limits = Timeouts(connect=4)
        async with engine_context(f"postgresql://{url}read-write", create_tables=True, timeouts=limits):
            await parcel(1).save("it")
        await _until_replayed(pair)
        for driver in ("postgresql", "postgresql+psycopg"):
            async with engine_context(f"{driver}://{url}standby", read_only=True, timeouts=limits):
                assert await select(Parcel).count() == 1
                with pytest.raises(DatabaseError):
                    await parcel(2).save("refused")


@pytest.fixture
def group() -> Generator[Group]:
    """Three members of MySQL Group Replication."""
    with group_replication() as made:
        yield made


@pytest.mark.parametrize("calls", sizes(40, 300))
async def test_the_primary_of_a_mysql_group_is_killed(calls: int, group: Group, tmp_path: Path) -> None:
    first, *others = group.members
    async with Router(await group.primary(group.members)) as router:
        places = _places([make_url(first.url).set(port=router.port).render_as_string()], tmp_path)
        async with _writing(places, 8) as writers:
            await writers.succeed(places, calls)
            await asyncio.to_thread(first.kill)
            router.target = await group.primary(others)
            await writers.succeed(places, calls)  # the same engine works again
        assert any(error.startswith("DatabaseUnavailableError") for error in writers.errors)
        await writers.check(places[0])
        await _swept(places)
        await asyncio.to_thread(group.rejoin, first)
        members = [replace(places[0], url=member.url) for member in group.members]
        for member, place in zip(group.members, members, strict=True):
            await asyncio.to_thread(group.wait, member)
            await writers.check(place)
        note(36, "MySQL Group Replication", calls=writers.calls.total(), errors=writers.errors.total(), lost=0)
        await asyncio.to_thread(_conforms, places[0].url)
        [primary] = [member for member in group.members if make_url(member.url).port == router.target]
        await group.set(primary, "group_replication_transaction_size_limit", 100_000)
        async with places[0].opened():
            before = await select(Parcel).count()
            with pytest.raises(DatabaseError, match="transaction_size_limit"):
                await save_many([(f"many {number}", parcel(number)) for number in range(200)])
            assert await select(Parcel).count() == before
        await group.set(primary, "group_replication_unreachable_majority_timeout", 6)
        for member in group.members:
            if member is not primary:
                await asyncio.to_thread(member.kill)
        async with places[0].opened(timeouts=Timeouts(command=3)):  # the server waits at COMMIT for the majority
            with pytest.raises(DatabaseUnavailableError) as raised:
                await parcel(1).save("refused")
            assert raised.value.may_have_committed, raised.value
        async with places[0].opened():
            with pytest.raises(DatabaseError, match=r"lost the majority|read-only here"):
                await parcel(2).save("refused too")
