"""Statistics of the tables on PostgreSQL, where autovacuum has not run yet."""

from __future__ import annotations

import logging
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from artigraph import ArtifactModel, save_many
from artigraph.db import _api as _statistics
from artigraph.db import engine_context, read, session_context, write
from integration.support.databases import fresh_database


@dataclass
class Sample(ArtifactModel, name="StatisticsSample"):
    value: int


@pytest.fixture
async def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[str]:
    monkeypatch.setattr(_statistics, "_LARGE", 1000)
    with fresh_database("postgresql", tmp_path) as url:
        async with engine_context(url, create_tables=True):
            await save(1)
            for table in ("artigraph_node", "artigraph_link", "artigraph_run_value"):  # no other process analyzes them
                await execute(f"ALTER TABLE {table} SET (autovacuum_enabled = false)")
            yield url


async def save(count: int) -> None:
    await save_many([("sample", Sample(number)) for number in range(count)])


async def execute(statement: str) -> None:
    async def work(connection: AsyncConnection) -> None:
        await connection.execute(text(statement))

    await write(work)


async def known_rows() -> float:
    """Return the number of nodes that PostgreSQL estimates, or -1 without an estimate."""
    statement = text("SELECT reltuples FROM pg_class WHERE relname = 'artigraph_node'")

    async def work(connection: AsyncConnection) -> float:
        return float((await connection.execute(statement)).scalar_one())

    return await read(work)


@asynccontextmanager
async def logged(caplog: pytest.LogCaptureFixture) -> AsyncGenerator[list[str]]:
    found: list[str] = []
    with caplog.at_level(logging.DEBUG, logger="artigraph"):
        caplog.clear()
        yield found
        found += [record.getMessage() for record in caplog.records if record.levelno == logging.DEBUG]


async def test_the_first_large_write_is_analyzed(url: str, caplog: pytest.LogCaptureFixture) -> None:
    del url
    await save(100)
    assert await known_rows() == -1  # too few rows to be analyzed
    async with logged(caplog) as messages:
        await save(5000)
    assert any("Analyzed table artigraph_node" in message for message in messages)
    assert await known_rows() == pytest.approx(10_202, rel=0.2)
    async with logged(caplog) as messages:
        await save(5000)
    assert not any("Analyzed" in message for message in messages)  # its statistics are recent enough
    await execute("UPDATE pg_class SET relpages = 1 WHERE relname = 'artigraph_node'")  # it has grown since
    await save(500)
    assert await known_rows() == pytest.approx(21_202, rel=0.2)


async def test_a_session_is_left_alone(url: str) -> None:
    del url
    async with session_context():
        await save(5000)
        assert await known_rows() == -1
    assert await known_rows() == -1
    await save(1)  # rows of the session count
    assert await known_rows() > 0


async def test_without_permission_or_while_locked_nothing_fails(url: str, caplog: pytest.LogCaptureFixture) -> None:
    role = f"artigraph_{uuid.uuid4().hex[:12]}"
    await execute(f"CREATE ROLE {role} LOGIN")
    try:
        await execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}")
        async with engine_context(make_url(url).set(username=role)):
            await save(5000)
        assert await known_rows() == -1
    finally:
        await execute(f"DROP OWNED BY {role}")
        await execute(f"DROP ROLE {role}")
    engine = create_async_engine(url)
    async with engine.connect() as other:
        await other.execute(text("LOCK TABLE artigraph_node IN SHARE UPDATE EXCLUSIVE MODE"))
        await save(1000)  # would wait for ever
        assert await known_rows() == -1
    await engine.dispose()
    await execute("DROP TABLE artigraph_alias CASCADE")
    async with logged(caplog):
        await save(1000)
    assert await known_rows() > 0


async def test_a_failure_is_logged_and_nothing_else(url: str, caplog: pytest.LogCaptureFixture) -> None:
    role = f"artigraph_{uuid.uuid4().hex[:12]}"
    await execute(f"CREATE ROLE {role} LOGIN")
    try:
        await execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}")
        async with engine_context(make_url(url).set(username=role)):
            await save(1)
            await execute_as_owner(url, "REVOKE ALL ON pg_catalog.pg_class FROM PUBLIC")
            async with logged(caplog) as messages:
                await save(1000)
        assert any("were not analyzed" in message for message in messages)
    finally:
        await execute("GRANT SELECT ON pg_catalog.pg_class TO PUBLIC")
        await execute(f"DROP OWNED BY {role}")
        await execute(f"DROP ROLE {role}")


async def execute_as_owner(url: str, statement: str) -> None:
    async with engine_context(url):
        await execute(statement)
