"""doctor looks at stores on servers, changes nothing there, and needs no more than the right to read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import inspect, make_url, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from artigraph import ArtifactModel, Run, RunManager, artifact_field
from artigraph.cli import json_schema
from artigraph.cli._reports import doctor_document
from artigraph.db import create_tables, current_database, engine_context, read, write
from artigraph.maintenance import Amount, DoctorReport, StorageState, doctor
from artigraph.orm import SCHEMA_VERSION, node_table, version_table
from artigraph.orm.metadata import metadata
from artigraph.storage import MemoryStorage
from integration.support.databases import fresh_database
from tests.support.documents import check_document

storage = MemoryStorage("doctor-integration")


@pytest.fixture(autouse=True)
def _registered() -> None:
    """Register the storage in the registry of the test."""
    storage._objects.clear()
    storage.register()


def troubles(report: DoctorReport) -> list[str]:
    """Return the warnings and errors, without those about the settings of the server, which differ."""
    return [str(each) for each in report.findings if each.level in ("warning", "error") and each.topic != "server"]


@dataclass
class Kept(ArtifactModel, name="integration doctor Kept"):
    value: str = artifact_field(storage=storage)


async def rows() -> dict[str, list[str]]:
    """Return all rows of all tables."""

    async def work(connection: AsyncConnection) -> dict[str, list[str]]:
        return {
            table.name: sorted(map(str, (await connection.execute(table.select())).all()))
            for table in metadata.sorted_tables
        }

    return await read(work)


async def test_a_store_that_is_well(engine: AsyncEngine, database: str) -> None:
    async with RunManager(Run()) as manager:
        await manager.save_artifact("a", Kept("value"))
    before = await rows()
    report = await doctor(gc=True)
    assert await rows() == before
    assert troubles(report) == []
    assert (report.dialect, report.schema_version, report.chosen) == (database, SCHEMA_VERSION, "engine_context")
    assert report.storages == (StorageState("doctor-integration", Amount(1, 7), is_known=True, is_reachable=True),)
    assert (report.running_runs, report.lost_runs) == (0, 0)
    assert node_table.name in report.rows
    assert report.size
    assert report.server
    assert report.gc is not None
    assert report.gc.in_use == Amount(1, 7)
    if database != "sqlite":
        assert report.clock_difference is not None
        assert abs(report.clock_difference) < 60
        password = make_url(str(engine.url)).password
        assert password is None or password not in str(report)
    check_document(json.loads(json.dumps(doctor_document(report).to_dict())), json_schema("artigraph.doctor/1"))


async def test_a_store_of_a_newer_release(engine: AsyncEngine) -> None:
    async def work(connection: AsyncConnection) -> None:
        await connection.execute(update(version_table).values(version_num="9999"))

    await write(work)
    async with engine_context(engine.url):
        report = await doctor()
    assert (report.level, report.schema_version) == ("error", "9999")
    assert node_table.name in report.rows


async def test_a_database_without_tables_stays_so(server_url: str) -> None:
    async with engine_context(server_url, create_tables=True) as engine:
        report = await doctor()
        assert ("note", "schema") in {(finding.level, finding.topic) for finding in report.findings}
        assert report.schema_version is None
        async with engine.connect() as connection:
            assert await connection.run_sync(lambda sync: inspect(sync).get_table_names()) == []


async def test_an_engine_of_the_application_with_a_small_pool(server_url: str) -> None:
    async with engine_context(server_url, create_tables=True):
        await create_tables()
    own = create_async_engine(server_url, pool_size=1, max_overflow=0)
    async with engine_context(own):
        report = await doctor()
    await own.dispose()
    assert ("warning", "pool") in {(finding.level, finding.topic) for finding in report.findings}


async def test_the_right_to_read_is_enough(tmp_path: Path) -> None:
    reader = f"artigraph_doctor_{uuid4().hex[:12]}"
    with fresh_database("postgresql", tmp_path) as url:
        async with engine_context(url, create_tables=True) as engine:
            await current_database()
            await Kept("value").save("a")
            async with engine.begin() as connection:
                await connection.execute(text(f"CREATE ROLE {reader} LOGIN PASSWORD 'very-secret'"))
                await connection.execute(text(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader}"))
            async with engine_context(make_url(url).set(username=reader, password="very-secret")):
                report = await doctor(gc=True)
            async with engine.begin() as connection:
                await connection.execute(text(f"DROP OWNED BY {reader}"))
                await connection.execute(text(f"DROP ROLE {reader}"))
    assert troubles(report) == []
    assert report.gc is not None
    assert "very-secret" not in str(report) + json.dumps(doctor_document(report).to_dict())
    assert f"{reader}:***@" in report.store


@pytest.mark.parametrize("seconds", [1e-6, 0.001])
async def test_what_takes_too_long_is_a_finding_and_harms_no_connection(server_url: str, seconds: float) -> None:
    async with engine_context(server_url, create_tables=True):
        await Kept("value").save("a")
        await doctor(time_limit=seconds)
        assert troubles(await doctor()) == []
