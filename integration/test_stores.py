"""This release opens the stores of former ones, on every database, and migrations keep their content."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory

from artigraph.db import current_database, engine_context, read
from artigraph.migrations import _run, current, downgrade, upgrade
from artigraph.orm import SCHEMA_VERSION, Base
from artigraph.testing.database import describe_schema
from integration.support.databases import fresh_database
from tests.support.dumps import rows_of
from tests.support.opening import VERSIONS, check_places, restored

REVISIONS = [str(script.revision) for script in ScriptDirectory.from_config(vars(_run)["_config"]()).walk_revisions()][
    ::-1
]
"""All migrations, in their order."""


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_store_of_a_former_release_opens_once_it_is_migrated(
    version: str, database: str, database_url: str, tmp_path: Path
) -> None:
    async with restored(version, database, database_url, tmp_path) as (release, index):
        assert await current(database_url) == version
        await upgrade(database_url)
        assert await current(database_url) == SCHEMA_VERSION
        async with engine_context(database_url):
            assert (await current_database()).dialect == database
            await release.check(index)
            await check_places()


@pytest.mark.parametrize("version", VERSIONS)
async def test_tables_of_a_former_release_are_what_its_migration_makes(
    version: str, database: str, database_url: str, tmp_path: Path
) -> None:
    async with restored(version, database, database_url, tmp_path):
        found = await schema(database_url)
    with fresh_database(database, tmp_path) as other:
        await upgrade(other, version)
        assert await schema(other) == found


@pytest.mark.parametrize("version", VERSIONS)
async def test_data_survives_going_down_and_up_again(
    version: str, database: str, database_url: str, tmp_path: Path
) -> None:
    """Down to the version that stored it, because earlier ones have no columns for it."""
    async with restored(version, database, database_url, tmp_path) as (release, index):
        await upgrade(database_url)
        tables, rows = await schema(database_url), await all_rows(database_url)
        for revision in reversed(REVISIONS[REVISIONS.index(version) :]):
            await downgrade(database_url, revision)
            await upgrade(database_url)
            assert await schema(database_url) == tables
        assert await all_rows(database_url) == rows
        async with engine_context(database_url):
            await release.check(index)


async def test_every_migration_goes_up_and_down_and_up(database_url: str) -> None:
    made: dict[str, Any] = {}
    for revision in REVISIONS:
        await upgrade(database_url, revision)
        made[revision] = await schema(database_url)
    assert REVISIONS[-1] == SCHEMA_VERSION
    for revision in reversed(REVISIONS[:-1]):
        await downgrade(database_url, revision)
        assert await schema(database_url) == made[revision]
    await downgrade(database_url)
    assert await current(database_url) is None
    assert set(await schema(database_url)) <= {"artigraph_version"}
    for revision in REVISIONS:
        await upgrade(database_url, revision)
        assert await schema(database_url) == made[revision]


async def schema(url: str) -> dict[str, Any]:
    """Return the tables without the check of their version, because they may be older."""
    async with engine_context(url) as engine, engine.connect() as connection:
        return await connection.run_sync(describe_schema)


async def all_rows(url: str) -> dict[str, Any]:
    async with engine_context(url):
        await current_database()
        return await read(lambda connection: connection.run_sync(rows_of, Base.metadata))
