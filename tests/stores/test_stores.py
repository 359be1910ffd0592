"""This release opens the stores of former ones. integration/test_stores.py runs on servers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update

from artigraph.db import current_database, engine_context, get_engine, read, write
from artigraph.errors import SchemaVersionError
from artigraph.migrations import current, upgrade
from artigraph.orm import SCHEMA_VERSION, Base, version_table
from tests.stores.release_0001 import Leaf
from tests.support.dumps import STORES, rows_of
from tests.support.opening import VERSIONS, check_places, restored

HOST = re.compile(r"127\.0\.0\.1|localhost|/tmp/")


def test_there_are_stores_of_this_release() -> None:
    """A schema version is released with stores of it: python -m scripts.make_store_fixture."""
    assert VERSIONS[-1] == SCHEMA_VERSION
    for version in VERSIONS:
        databases = sorted(path.name for path in (STORES / version).iterdir())
        assert databases == ["mariadb", "mysql", "postgresql", "sqlite"]


def test_stores_are_small_and_name_no_host() -> None:
    files = [path for path in STORES.rglob("*") if path.is_file()]
    for version in VERSIONS:
        sizes = [path.stat().st_size for path in files if version in path.parts]
        assert sum(sizes) < 320 * 1024, "a store has every kind of value once, to keep the repository small"
    for path in files:
        if path.suffix in {".sql", ".json"}:
            assert not HOST.search(path.read_text("ascii"))


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_store_of_a_former_release_opens_once_it_is_migrated(
    version: str, database_url: str, tmp_path: Path
) -> None:
    async with restored(version, "sqlite", database_url, tmp_path) as (release, index):
        assert await current(database_url) == version
        await upgrade(database_url)
        assert await current(database_url) == SCHEMA_VERSION
        async with engine_context(database_url):
            await release.check(index)
            await check_places()


async def test_a_store_of_this_release_opens_as_it_is(database_url: str, tmp_path: Path) -> None:
    async with (
        restored(SCHEMA_VERSION, "sqlite", database_url, tmp_path) as (release, index),
        engine_context(database_url),
    ):
        before = await all_rows()
        await release.check(index)
        assert await all_rows() == before
        node_id = await Leaf(10, "new beside old").save("new")
        assert await Leaf.load(node_id) == Leaf(10, "new beside old")
        await release.check(index)


@pytest.mark.parametrize(("version", "remedy"), [("9999", "Upgrade Artigraph"), ("0000", "migrate")])
async def test_nothing_is_written_to_a_store_of_another_schema(
    version: str, remedy: str, database_url: str, tmp_path: Path
) -> None:
    async with restored(SCHEMA_VERSION, "sqlite", database_url, tmp_path) as (_, index):
        async with engine_context(database_url):
            await current_database()
            await write(lambda connection: connection.execute(update(version_table).values(version_num=version)))
            before = await all_rows()
        objects = files_in(tmp_path)
        async with engine_context(database_url, create_tables=True):
            with pytest.raises(SchemaVersionError, match=remedy):
                await Leaf(1).save("refused")
            with pytest.raises(SchemaVersionError, match=remedy):
                await Leaf.load(UUID(index["models"]["tree"]))
        assert files_in(tmp_path) == objects
        async with engine_context(database_url):
            await _pretend()
            after = await all_rows()
        assert after == {**before, version_table.name: [(SCHEMA_VERSION,)]}


def files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


async def all_rows() -> dict[str, list[Any]]:
    return await read(lambda connection: connection.run_sync(rows_of, Base.metadata))


async def _pretend() -> None:
    """Mark the tables as those of this release again, past the check."""
    async with get_engine().begin() as connection:
        await connection.execute(update(version_table).values(version_num=SCHEMA_VERSION))
        assert (await connection.execute(select(version_table.c.version_num))).scalar() == SCHEMA_VERSION
