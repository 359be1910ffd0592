"""Servers whose processes are stopped: the kernel accepts connections for them, and they never answer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import make_url

from artigraph.db import Timeouts, current_database, engine_context
from artigraph.errors import DatabaseUnavailableError
from integration.support.deadlines import PATIENT, Item, goes_on, load, read_in_session, remove, run, save, session
from integration.support.servers import own_server

LIMITS = Timeouts(connect=1, command=1, cancel=1)
CALLS: list[Any] = [save, load, run, session, read_in_session, remove]


@pytest.mark.parametrize("driver", ["postgresql+asyncpg", "postgresql+psycopg", "mysql+asyncmy"])
async def test_each_call_ends_where_a_server_is_stopped(driver: str) -> None:
    with own_server("postgresql" if driver.startswith("postgresql") else "mariadb") as server:
        await asyncio.to_thread(server.start)
        url = make_url(server.url).set(drivername=driver)
        async with engine_context(url, create_tables=True, timeouts=LIMITS) as engine:
            async with asyncio.timeout(60):
                while True:
                    try:
                        await current_database()
                    except DatabaseUnavailableError:  # it is starting up
                        await asyncio.sleep(0.1)
                    else:
                        break
            for call in CALLS:
                node_id = await Item(1).save("first")
                with server.stopped(), pytest.raises(DatabaseUnavailableError):
                    async with asyncio.timeout(PATIENT):
                        await call(node_id)
                await goes_on(engine)
                node_id = await Item(1).save("first")
                with server.stopped():
                    async with asyncio.timeout(PATIENT):
                        with pytest.raises(TimeoutError):
                            async with asyncio.timeout(0.2):
                                await call(node_id)
                await goes_on(engine)
