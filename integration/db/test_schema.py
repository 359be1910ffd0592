"""The tables, as they are made and migrated on each database."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import create_async_engine

from artigraph.db import current_database, engine_context, read
from artigraph.db._schema import schema_lock
from artigraph.errors import MissingTablesError, SchemaVersionError
from artigraph.migrations import current, downgrade, upgrade
from artigraph.orm import SCHEMA_VERSION, Store, version_table
from artigraph.testing.database import describe_schema
from integration.support.databases import fresh_database
from tests.support.sizes import note

AT_ONCE = 8

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
PROGRAMS = {"create": CREATE, "migrate": MIGRATE}


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


async def test_who_comes_while_the_tables_are_migrated_waits_for_it(server_url: str) -> None:
    await upgrade(server_url)
    mark = update(version_table)
    migrating = create_async_engine(server_url)
    async with migrating.begin() as connection:
        await connection.execute(mark.values(version_num="0001"))
    async with engine_context(server_url):
        with pytest.raises(SchemaVersionError, match="0001"):
            await current_database()  # nobody is at it
        async with migrating.connect() as connection, schema_lock(connection):
            waiting = asyncio.create_task(current_database())
            await asyncio.sleep(0.5)
            assert not waiting.done()
            await connection.execute(mark.values(version_num=SCHEMA_VERSION))
            await connection.commit()
        assert await waiting == await current_database()
    await migrating.dispose()


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("how", "times"),
    [
        pytest.param("create and migrate", 1, id="short"),
        *(pytest.param(how, 5, id=how, marks=pytest.mark.long) for how in ("create", "migrate", "create and migrate")),
    ],
)
async def test_many_processes_at_once(database: str, tmp_path: Path, how: str, times: int) -> None:
    programs = [PROGRAMS[word] for word in how.split(" and ")]
    for _ in range(times):
        with fresh_database(database, tmp_path) as url:
            stores = await asyncio.gather(*(run(programs[number % len(programs)], url) for number in range(AT_ONCE)))
            async with engine_context(url):
                store_id = (await current_database()).store_id
                rows = await read(lambda connection: connection.execute(select(Store.store_id)))
                assert rows.scalars().all() == [store_id]
                marks = await read(lambda connection: connection.execute(select(version_table.c.version_num)))
                assert marks.scalars().all() == [SCHEMA_VERSION]
            assert {store for store in stores if store} <= {str(store_id)}
    note(22, database, processes=AT_ONCE, how=how, times=times, errors=0)


async def run(program: str, url: str) -> str:
    """Run a program and return what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program, url), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return output.decode().strip()
