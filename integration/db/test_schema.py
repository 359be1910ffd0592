"""The tables, as they are made and migrated on each database."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import select

from artigraph.db import current_database, engine_context, read
from artigraph.errors import MissingTablesError
from artigraph.migrations import current, downgrade, upgrade
from artigraph.orm import SCHEMA_VERSION, Store, version_table
from artigraph.testing.database import describe_schema
from integration.databases import fresh_database

CREATE = """
import asyncio, sys
from artigraph.db import current_database, engine_context
async def main():
    async with engine_context(sys.argv[1], create_tables=True):
        print((await current_database()).store_id)
asyncio.run(main())
"""
MIGRATE = """
import asyncio, sys
from artigraph.migrations import upgrade
asyncio.run(upgrade(sys.argv[1]))
"""


async def test_migrating_and_creating_make_the_same(database: str, database_url: str, tmp_path: Path) -> None:
    async with engine_context(database_url, create_tables=True):
        await current_database()
        created = await read(lambda connection: connection.run_sync(describe_schema))
    with fresh_database(database, tmp_path) as other:
        await upgrade(other)
        async with engine_context(other):
            assert (await current_database()).dialect == database
            migrated = await read(lambda connection: connection.run_sync(describe_schema))
            marks = await read(lambda connection: connection.execute(select(version_table.c.version_num)))
            assert marks.scalars().all() == [SCHEMA_VERSION]
    assert created == migrated


async def test_up_and_down_and_up(database_url: str) -> None:
    for _ in range(2):
        await upgrade(database_url)
        assert await current(database_url) == SCHEMA_VERSION
        await downgrade(database_url)
        assert await current(database_url) is None
        async with engine_context(database_url):
            with pytest.raises(MissingTablesError):
                await current_database()


@pytest.mark.parametrize("program", [CREATE, MIGRATE], ids=["create", "migrate"])
async def test_many_processes_at_once(database_url: str, program: str) -> None:
    number = 8 if program == CREATE else 3
    processes = [
        subprocess.Popen(  # noqa: ASYNC220 (nothing else runs here)
            [sys.executable, "-c", program, database_url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(number)
    ]
    outputs = [process.communicate(timeout=150) for process in processes]
    assert [process.returncode for process in processes] == [0] * number, [error for _, error in outputs]
    async with engine_context(database_url):
        store_id = (await current_database()).store_id
        rows = await read(lambda connection: connection.execute(select(Store.store_id)))
        assert rows.scalars().all() == [store_id]
    if program == CREATE:
        assert {output.strip() for output, _ in outputs} == {str(store_id)}
