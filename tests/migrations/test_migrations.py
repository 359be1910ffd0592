from __future__ import annotations

import asyncio
import io
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from artigraph.db import current_database, engine_context, read
from artigraph.errors import ConfigurationError, MissingDependencyError, MissingTablesError, SchemaVersionError
from artigraph.migrations import current, downgrade, upgrade
from artigraph.migrations.__main__ import main
from artigraph.orm import SCHEMA_VERSION
from artigraph.testing.database import describe_schema

TABLES = ("node", "blob", "link", "store", "version", "run_value", "lease", "alias")


async def test_migrating_and_creating_make_the_same(tmp_path: Path) -> None:
    async with engine_context(f"sqlite:///{tmp_path}/created.db", create_tables=True):
        await current_database()
        created = await read(lambda connection: connection.run_sync(describe_schema))
    migrated_url = f"sqlite:///{tmp_path}/migrated.db"
    await upgrade(migrated_url)
    async with engine_context(migrated_url):
        await current_database()
        migrated = await read(lambda connection: connection.run_sync(describe_schema))
    assert created == migrated
    assert set(created) == {f"artigraph_{name}" for name in TABLES}


async def test_up_and_down_and_up(database_url: str) -> None:
    assert await current(database_url) is None
    await upgrade(database_url)
    assert await current(database_url) == SCHEMA_VERSION
    await upgrade(database_url)
    async with engine_context(database_url):
        first = await current_database()
    await downgrade(database_url)
    assert await current(database_url) is None
    async with engine_context(database_url):
        with pytest.raises(MissingTablesError):
            await current_database()
    await upgrade(database_url)
    async with engine_context(database_url):
        assert (await current_database()).store_id != first.store_id


async def test_several_databases_at_once(tmp_path: Path) -> None:
    urls = [f"sqlite:///{tmp_path}/{number}.db" for number in range(3)]
    await asyncio.gather(*map(upgrade, urls), *map(upgrade, urls))
    assert [await current(url) for url in urls] == [SCHEMA_VERSION] * 3


async def test_the_engine_in_force_is_migrated(engine: AsyncEngine) -> None:
    store_id = (await current_database()).store_id
    await upgrade()
    assert (await current_database()).store_id == store_id
    assert await current() == SCHEMA_VERSION
    await downgrade()
    assert await current() is None
    assert (await current_database()).store_id != store_id  # made again, as this engine was told to


async def test_a_callers_engine_is_migrated(database_url: str) -> None:
    engine = create_async_engine(database_url.replace("sqlite:", "sqlite+aiosqlite:"))
    await upgrade(engine)
    assert await current(engine) == SCHEMA_VERSION
    await engine.dispose()


async def test_a_revision_that_is_not_there(database_url: str) -> None:
    with pytest.raises(ConfigurationError, match="nonsense"):
        await upgrade(database_url, "nonsense")
    assert await current(database_url) is None


async def test_tables_from_before_the_first_migration_are_told(database_url: str) -> None:
    async with engine_context(database_url) as engine:
        async with engine.begin() as connection:
            await connection.exec_driver_sql("CREATE TABLE artigraph_node (node_id INTEGER PRIMARY KEY)")
        with pytest.raises(SchemaVersionError, match=r"before 1\.0"):
            await current_database()
    async with engine_context(database_url, create_tables=True):
        with pytest.raises(SchemaVersionError, match=r"before 1\.0"):
            await current_database()


async def test_without_alembic(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "alembic.config", None)
    with pytest.raises(MissingDependencyError, match=r"artigraph\[migrations\]"):
        await upgrade(database_url)
    assert await current(database_url) is None


def test_the_command_line(
    database_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["current", database_url]) == 0
    assert main(["upgrade", database_url]) == 0
    monkeypatch.setenv("ARTIGRAPH_URL", database_url)
    assert main(["current"]) == 0
    assert main(["downgrade", "--revision", "base"]) == 0
    assert capsys.readouterr().out.splitlines() == ["no tables", SCHEMA_VERSION, SCHEMA_VERSION, "no tables"]
    assert main(["upgrade", "nonsense"]) == 1
    assert "malformed" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["downgrade"])


def test_an_alembic_ini_of_ones_own(database_url: str, tmp_path: Path) -> None:
    ini = tmp_path / "alembic.ini"
    ini.write_text(f"[alembic]\nscript_location = artigraph:migrations\nsqlalchemy.url = {database_url}\n")
    output = io.StringIO()
    config = Config(str(ini), stdout=output)
    command.upgrade(config, "head")
    command.current(config)
    assert output.getvalue().split() == [SCHEMA_VERSION, "(head)"]
    command.check(config)  # what the tables are, and what the classes say, is the same
    with pytest.raises(ConfigurationError, match="identity"):
        command.upgrade(config, "head", sql=True)
    command.downgrade(config, "base")
    assert asyncio.run(current(database_url)) is None
