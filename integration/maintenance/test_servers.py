"""gc and fsck on every database."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph import ArtifactModel, artifact_field
from artigraph.db import session_context, write
from artigraph.graph._blobs import Blobs
from artigraph.maintenance import Amount, fsck, gc
from artigraph.orm import blob_table
from artigraph.storage import MemoryStorage, Storage
from artigraph.storage.file import FileSystem
from artigraph.testing.faults import SlowStorage
from tests.support.broken_stores import TAMPERINGS, make_store
from tests.support.churn import churn
from tests.support.clocks import collected, faketime
from tests.support.maintenance import NOW, delete_artifact, files, locations, orphan, tamper, tombstones
from tests.support.sizes import sizes

__all__ = ["faketime"]


@pytest.fixture
def storage(tmp_path: Path) -> FileSystem:
    return FileSystem(tmp_path / "objects", name="objects", durable=False).register()


def model_on(storage: Storage) -> Any:
    @dataclass
    class Kept(ArtifactModel):
        value: str = artifact_field(storage=storage)

    return Kept


@pytest.mark.usefixtures("engine")
async def test_what_nothing_refers_to_goes_and_the_rest_stays(storage: FileSystem) -> None:
    model = model_on(storage)
    node_id = await model("in use").save("a")
    for text in ("unused", "young"):
        await delete_artifact(await model(text).save("b"), objects=False)
    left = await orphan(storage)
    assert (await gc()).young.count == 3
    unused = next(location for location, data in files(storage).items() if data == b'"unused"')

    async def make_older(connection: AsyncConnection) -> None:
        old = datetime.now(UTC) - timedelta(hours=73)
        await connection.execute(update(blob_table).where(blob_table.c.location == unused).values(created_at=old))

    await write(make_older)
    report = await gc(dry_run=False)
    assert (report.unused, report.young.count) == (Amount(1, 8), 2)
    report = await gc(dry_run=False, grace=NOW)
    assert (report.unused, report.unregistered) == (Amount(1, 7), Amount(1, 11))
    assert files(storage).keys() == await locations()
    assert await tombstones() == {left}
    assert await model.load(node_id) == model("in use")
    assert (await fsck(read_data_subset=1.0)).ok


@pytest.mark.usefixtures("engine")
async def test_a_store_that_is_whole_has_no_problems(storage: FileSystem) -> None:
    await make_store(storage)
    report = await fsck(read_data_subset="100%")
    assert report.ok, report.render()
    assert report.read == report.objects == Amount(4, 24)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("part", range(4))
async def test_rows_that_were_altered_are_found(storage: FileSystem, part: int) -> None:
    """Each tampering gets its own store in one database. All rows are deleted in between."""
    for name in sorted(TAMPERINGS)[part::4]:
        tampering = TAMPERINGS[name]
        ids = await make_store(storage)
        await tamper(*tampering.statements(ids))
        report = await fsck()
        assert dict(report.counts).keys() == {tampering.kind, *tampering.also}, name
        assert report.counts[tampering.kind] == tampering.count, name
        found = [problem.node_id for problem in report.problems if problem.kind == tampering.kind]
        assert len(found) == tampering.count, name
        if tampering.node is not None:
            assert found == [tampering.node(ids)], name
        await empty_tables()


async def empty_tables() -> None:
    from sqlalchemy import delete

    from artigraph.orm import alias_table, lease_table, link_table, node_table, run_value_table

    tables = (alias_table, lease_table, run_value_table, link_table, node_table, blob_table)
    await tamper(*map(delete, tables))


@pytest.mark.parametrize("database", ["postgresql", "mysql", "mariadb"], indirect=True)
@pytest.mark.usefixtures("engine")
async def test_the_age_of_rows_is_that_of_the_servers_clock(
    storage: FileSystem, database_url: str, faketime: str
) -> None:
    model = model_on(storage)
    await model("live").save("x")
    await delete_artifact(await model("unused").save("x"), objects=False)
    await orphan(storage)
    told = collected(database_url, storage, faketime, "-f", "+1y")
    assert told["ok"]
    assert (told["in_use"], told["young"], told["unused"], told["unregistered"]) == (1, 2, 0, 0)
    assert len(files(storage)) == 3


class Told(MemoryStorage):
    """Waits for a collection after each of its first objects."""

    def __init__(self, name: str, sweeps: int) -> None:
        super().__init__(name)
        self.sweeps = sweeps
        self.wanted: asyncio.Queue[asyncio.Future[None]] = asyncio.Queue()

    async def create(self, data: bytes, *, key: str | None = None) -> str:
        location = await super().create(data, key=key)
        if self.sweeps:
            self.sweeps -= 1
            await self.sweep()
        return location

    async def sweep(self) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        await self.wanted.put(done)
        await done

    async def collect(self) -> None:
        """Collect on request: in a task of its own, outside the session of the task that waits."""
        while True:
            done = await self.wanted.get()
            await gc(dry_run=False, grace=NOW)
            done.set_result(None)


@pytest.mark.parametrize("database", ["postgresql", "mysql", "mariadb"], indirect=True)
@pytest.mark.usefixtures("engine")
async def test_a_save_in_a_session_whose_object_was_swept_puts_it_again() -> None:
    storage = Told("told", 2).register()
    model = model_on(storage)
    collecting = asyncio.create_task(storage.collect())
    async with session_context():
        node_id = await model("value").save("x")
        assert await model.load(node_id) == model("value")
    assert len(await tombstones()) == 2
    assert storage._objects.keys() == await locations()
    collecting.cancel()
    assert await model.load(node_id) == model("value")
    assert (await fsck(read_data_subset=1.0)).ok


@pytest.mark.parametrize("database", ["postgresql", "mysql", "mariadb"], indirect=True)
@pytest.mark.usefixtures("engine")
async def test_a_save_in_a_session_whose_rows_were_collected_does_not_register_where_they_were(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The rows were committed apart from the session, so gc may take row and object before the nodes refer to them."""
    storage = Told("told", 0).register()
    model = model_on(storage)
    collecting = asyncio.create_task(storage.collect())
    commit_apart = Blobs.commit_apart
    seen: list[set[str]] = []

    async def collected(blobs: Blobs) -> None:
        await commit_apart(blobs)
        if not seen:
            seen.append(await locations())
            await storage.sweep()

    monkeypatch.setattr(Blobs, "commit_apart", collected)
    async with session_context():
        node_id = await model("value").save("x")
    collecting.cancel()
    assert len(seen[0]) == 1
    assert seen[0].isdisjoint(await locations())
    assert storage._objects.keys() == await locations()
    assert await model.load(node_id) == model("value")


@pytest.mark.parametrize("seconds", sizes(4, 60))
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.usefixtures("engine")
async def test_gc_beside_slow_writers_and_deleters_leaves_nothing_dangling(
    tmp_path: Path, seconds: float, database: str
) -> None:
    storage = SlowStorage(FileSystem(tmp_path / "objects", durable=False), delay=0.003, name="slow").register()
    await churn(storage, seconds, f"{database} and files")


@pytest.mark.long
@pytest.mark.parametrize("database", ["mysql", "mariadb"], indirect=True)
@pytest.mark.usefixtures("engine")
async def test_gc_beside_slow_writers_and_deleters_on_the_other_servers(tmp_path: Path, database: str) -> None:
    storage = SlowStorage(FileSystem(tmp_path / "objects", durable=False), delay=0.003, name="slow").register()
    await churn(storage, 60, f"{database} and files")
