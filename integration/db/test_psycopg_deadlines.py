"""Deadlines where the driver is psycopg, which breaks no connection off at once."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Generator
from pathlib import Path

import pytest
from sqlalchemy import URL, make_url
from sqlalchemy.ext.asyncio import create_async_engine

from artigraph.db import Timeouts, _engine, engine_context
from artigraph.errors import DatabaseUnavailableError
from integration.db.test_deadlines import (
    test_a_cancelled_call_ends_soon,
    test_a_connection_that_dies_in_a_session,
    test_a_connection_to_a_black_hole_ends,
    test_an_engine_of_ones_own_keeps_its_limits,
    test_each_call_ends_where_a_server_stops_answering,
    test_each_call_ends_where_a_table_is_locked,
)
from integration.support.databases import fresh_database
from integration.support.deadlines import PATIENT, Item, behind_proxy, goes_on

__all__ = [
    "test_a_cancelled_call_ends_soon",
    "test_a_connection_that_dies_in_a_session",
    "test_a_connection_to_a_black_hole_ends",
    "test_an_engine_of_ones_own_keeps_its_limits",
    "test_each_call_ends_where_a_server_stops_answering",
    "test_each_call_ends_where_a_table_is_locked",
]


@pytest.fixture
def server(tmp_path: Path) -> Generator[URL]:
    """An empty database, by a URL that names the driver."""
    with fresh_database("postgresql", tmp_path) as url:
        yield make_url(url).set(drivername="postgresql+psycopg")


async def test_an_idle_connection_that_no_longer_answers_is_replaced(
    server: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with behind_proxy(server) as (url, proxy), engine_context(url, create_tables=True) as engine:
        await Item(1).save("first")
        monkeypatch.setattr(_engine, "_IDLE", 0)
        monkeypatch.setattr(_engine, "_ANSWER", 0.5)
        proxy.on_request("stall", times=1)
        before = proxy.connections
        async with asyncio.timeout(PATIENT):
            await Item(2).save("second")
        assert proxy.faults == 1
        assert proxy.connections > before
        await goes_on(engine)


async def test_an_engine_of_ones_own_that_gets_no_connection(server: URL) -> None:
    """The limit of psycopg is 130 seconds by default."""
    with socket.create_server(("127.0.0.1", 0)) as hole:
        engine = create_async_engine(server.set(port=hole.getsockname()[1]))
        async with engine_context(engine, timeouts=Timeouts(command=1)):
            with pytest.raises(DatabaseUnavailableError, match="no connection was made within"):
                async with asyncio.timeout(PATIENT):
                    await Item(1).save("it")
        await engine.dispose()
