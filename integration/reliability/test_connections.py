"""Case 10 of docs/appendix/reliability.md: killed connections, restarted servers and idle connections."""

from __future__ import annotations

import asyncio
import random
from uuid import UUID, uuid4

import pytest
from sqlalchemy import NullPool
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from artigraph.db import _engine, session_context
from artigraph.errors import DatabaseUnavailableError
from integration.reliability.through import on_servers, through
from integration.support.killer import Killer
from integration.support.servers import own_server
from tests.support.cancelling import left_behind, turns, turns_of
from tests.support.check import Checker
from tests.support.places import Parcel, Place, parcel
from tests.support.sizes import note, sizes

pytestmark = pytest.mark.timeout(1800)


async def at_most_one_error(model: Parcel, saved: set[UUID]) -> int:
    """Save again until it works; return how many errors it took."""
    try:
        saved.add(await model.save("it"))
    except DatabaseUnavailableError:
        saved.add(await model.save("it"))
        return 1
    return 0


async def is_whole(checker: Checker, engine: AsyncEngine, saved: set[UUID]) -> None:
    found = await checker.look()
    assert found.sound, found
    assert saved <= found.roots
    assert await left_behind(engine, checker) == []


async def answering(url: str) -> None:
    """Wait until a server takes connections: when it listens it may not yet."""
    engine = create_async_engine(url, poolclass=NullPool)
    for _ in range(600):
        try:
            async with engine.connect():
                return
        except (DBAPIError, OSError):
            await asyncio.sleep(0.05)


@on_servers
@pytest.mark.parametrize("count", sizes(20, 200))
async def test_connections_that_are_killed_between_and_inside_saves(place: Place, count: int) -> None:
    checker, drawn, killer = Checker(place), random.Random(count), Killer(place.url)
    saved: set[UUID] = set()
    errors = 0
    async with place.opened() as engine:
        saved.add(await parcel(0).save("first"))
        whole = max([await turns_of(parcel(-number).save("it")) for number in (1, 2)])
        for number in range(1, count + 1):
            if number % 2:
                await killer.kill_all()
                errors += await at_most_one_error(parcel(number), saved)
            else:
                saving = asyncio.ensure_future(at_most_one_error(parcel(number), saved))
                await turns(drawn.uniform(0, whole))
                await killer.kill_all()
                errors += await saving
            await is_whole(checker, engine, saved)
    await killer.engine.dispose()
    assert errors <= count
    note(10, place.kind, connections_killed=count, errors=errors, partial=0)


@on_servers
@pytest.mark.parametrize("count", sizes(10, 50))
async def test_idle_connections_that_were_dropped_are_replaced_without_a_word(place: Place, count: int) -> None:
    checker = Checker(place)
    saved: set[UUID] = set()
    async with through(place) as (behind, proxy), behind.opened() as engine:
        for number in range(count):
            saved.add(await parcel(number).save("it"))
            proxy.hang_up()
            if number % 2:
                await asyncio.sleep(0)
                async with session_context():
                    saved.add(await parcel(1000 + number).save("it"))
                proxy.hang_up()
        await is_whole(checker, engine, saved)
        assert proxy.connections > count
    note(10, place.kind, idle_connections_dropped=count, errors=0)


@on_servers
async def test_idle_connections_that_a_firewall_has_forgotten_are_given_up(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests on these connections get no answer and no error."""
    checker = Checker(place)
    async with through(place) as (behind, proxy), behind.opened():
        saved = {await parcel(0).save("first")}
        monkeypatch.setattr(_engine, "_IDLE", 0)
        monkeypatch.setattr(_engine, "_ANSWER", 0.5)
        proxy.on_request("stall", times=1)
        before = proxy.connections
        saved.add(await parcel(1).save("it"))
        assert proxy.faults == 1
        assert proxy.connections > before
    found = await checker.look()
    assert found.sound
    assert found.roots == saved


@pytest.mark.parametrize("database", ["postgresql", "mariadb"])
@pytest.mark.parametrize("count", sizes(2, 10))
async def test_a_server_that_is_started_again(
    database: str, count: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("objects")
    drawn = random.Random(count)
    saved: set[UUID] = set()
    errors = 0
    with own_server(database) as server:
        server.start()
        await answering(server.url)
        place = Place(f"{database} and files", server.url, f"reliability-{uuid4().hex}", folder=str(folder))
        checker = Checker(place)
        async with place.opened() as engine:
            saved.add(await parcel(0).save("first"))
            for number in range(1, count + 1):
                model = parcel(number)
                saving = asyncio.ensure_future(model.save("it"))
                await turns(drawn.uniform(0, 1000))
                await asyncio.to_thread(server.stop, server.endings[number % 2])
                try:
                    saved.add(await saving)
                except DatabaseUnavailableError:
                    errors += 1
                with pytest.raises(DatabaseUnavailableError):
                    await parcel(-number).save("nowhere")
                await asyncio.to_thread(server.start)
                await answering(server.url)
                saved.add(await model.save("it"))  # the next call works
                await is_whole(checker, engine, saved)
    note(10, f"{database} and files", server_restarts=count, errors=errors, partial=0)
