"""How many sessions an engine admits at once, by its pool. integration/db/test_small_pools.py opens them."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import NullPool, StaticPool
from sqlalchemy.ext.asyncio import create_async_engine

from artigraph.db import Timeouts
from artigraph.db._engine import make_engine
from artigraph.db._loop_engine import adopt, own
from artigraph.db._url import parse_url

URL = "postgresql+asyncpg://user@127.0.0.1:1/nowhere"


@pytest.mark.parametrize(
    ("pool", "sessions", "alone"),
    [
        ({}, 4, False),  # five connections, and ten of the overflow, which a pool does not publish
        ({"pool_size": 5, "max_overflow": 0}, 4, False),
        ({"pool_size": 2, "max_overflow": 0}, 1, False),
        ({"pool_size": 1, "max_overflow": 0}, 1, True),
        ({"pool_size": 50}, 8, False),
        ({"pool_size": 0}, 8, False),  # as many as are asked for
        ({"poolclass": NullPool}, 8, False),
        ({"poolclass": StaticPool}, 8, True),  # whose sessions take turns
    ],
)
async def test_a_callers_pool_keeps_a_connection_for_its_sessions(
    pool: dict[str, Any], sessions: int, *, alone: bool
) -> None:
    loop_engine = adopt(create_async_engine(URL, **pool), Timeouts())
    assert (loop_engine.state.most_sessions, loop_engine.alone) == (sessions, alone)


async def test_an_engine_of_ours_has_more_connections_than_sessions() -> None:
    engine = make_engine(parse_url(URL), synchronous="NORMAL", timeouts=Timeouts())
    loop_engine = own(engine, create_tables=False, folder=None, memory=False, timeouts=Timeouts())
    assert (loop_engine.state.most_sessions, loop_engine.alone) == (8, False)
