"""copy_objects on SQLite: what it refuses, what it reports, and objects that cannot be copied."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph import ArtifactModel, artifact_field, delete
from artigraph.db import current_database, read, session_context
from artigraph.errors import (
    ConfigurationError,
    SessionStateError,
    StorageFullError,
    StorageUnavailableError,
    UnknownStorageError,
)
from artigraph.graph import objects, tombstones
from artigraph.maintenance import Progress, copy_objects, fsck, gc
from artigraph.orm import blob_table
from artigraph.storage import MemoryStorage, Storage, StoredEntry
from artigraph.storage.file import FileSystem
from tests.support.maintenance import NOW, files, locations, rows, tamper

pytestmark = pytest.mark.usefixtures("alone")


@pytest.fixture
def source(tmp_path: Path) -> FileSystem:
    return FileSystem(tmp_path / "source", name="source", durable=False).register()


@pytest.fixture
def target() -> MemoryStorage:
    return MemoryStorage("target").register()


def model_on(storage: Storage) -> Any:
    @dataclass
    class Kept(ArtifactModel):
        value: bytes = artifact_field(storage=storage)

    return Kept


async def test_large_objects_are_streamed_and_progress_is_told(source: FileSystem, target: MemoryStorage) -> None:
    model = model_on(source)
    values = [bytes([number]) * (20 << 20) for number in range(2)] + [b"small"]
    ids = [await model(value).save("x") for value in values]
    told: list[Progress] = []
    report = await copy_objects(source, target, dry_run=False, progress=told.append)
    assert report.ok
    assert report.moved == report.planned
    assert report.moved.count == 3
    assert (told[0].done, told[0].total) == (0, report.planned.size)
    assert told[-1].done == told[-1].total == report.planned.size
    assert {step.stage for step in told} == {"copy objects"}
    assert [await model.load(node_id) for node_id in ids] == [model(value) for value in values]
    assert {entry.location async for entry in target.list(await prefix())} == await locations()
    assert "remaining in source: 0 objects" in report.render()
    assert "copied" in report._repr_html_()


async def test_a_dry_run_changes_nothing(source: FileSystem, target: MemoryStorage) -> None:
    await model_on(source)(b"value").save("x")
    before = await rows(blob_table)
    report = await copy_objects("source", "target")
    assert report.dry_run
    assert not report.ok
    assert "would be copied: 1 object" in report.render()
    assert await rows(blob_table) == before
    assert [entry async for entry in target.list(await prefix())] == []


async def test_what_is_refused(source: FileSystem, target: MemoryStorage) -> None:
    with pytest.raises(UnknownStorageError):
        await copy_objects("source", "nothing")
    with pytest.raises(ConfigurationError, match="both the source and the target"):
        await copy_objects(source, "source")
    async with session_context():
        with pytest.raises(SessionStateError, match="outside of session_context"):
            await copy_objects(source, target)


async def test_what_is_damaged_or_missing_stays_and_is_reported(source: FileSystem, target: MemoryStorage) -> None:
    model = model_on(source)
    ids = [await model(b"value %d" % number).save("x") for number in range(4)]
    for location, data in files(source).items():
        if data.endswith(b"1"):
            (source.directory / location).write_bytes(b"damaged")
        elif data.endswith(b"2"):
            (source.directory / location).unlink()
    report = await copy_objects(source, target, dry_run=False)
    assert (report.moved.count, report.failed.count, report.remaining.count) == (2, 2, 2)
    assert len(report.failed_examples) == 2
    assert "could not be copied (see fsck): 2 objects" in report.render()
    assert await model.load(ids[0]) == model(b"value 0")
    assert sorted((await fsck(read_data_subset="100%")).counts) == ["object-corrupt", "object-missing"]
    assert len(await listed(target)) == 2


async def alter(column: str, value: str, where: str = "1 = 1") -> None:
    await tamper(text(f"UPDATE artigraph_blob SET {column} = {value} WHERE {where}"))


async def named(storage: str) -> int:
    """How many rows name a storage. It reads no other column."""
    statement = text("SELECT count(*) FROM artigraph_blob WHERE storage = :storage")
    return await read(partial(_count, statement, storage))


async def _count(statement: Any, storage: str, connection: AsyncConnection) -> int:
    return int((await connection.execute(statement, {"storage": storage})).scalar_one())


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("size", "'abc'"),
        ("sha256", "'abc'"),
        ("sha256", "x'00'"),
        ("location", "x'ff'"),
        ("blob_id", "7"),
        ("blob_id", "x'00'"),
        ("chunk_sha256", "'abc'"),
        ("storage", "x'ff'"),
        ("storage", "CAST(x'ff' AS TEXT)"),
    ],
)
async def test_malformed_rows_are_reported_and_never_passed_over(
    source: FileSystem, target: MemoryStorage, column: str, value: str
) -> None:
    model = model_on(source)
    for number in range(2):
        await model(b"value %d" % number).save("x")
    bad = min(await locations())
    await alter(column, value, f"location = '{bad}'")
    for dry_run in (True, False, False):
        report = await copy_objects(source, target, dry_run=dry_run)
        assert not report.ok
        assert report.malformed >= 1
        assert column in report.malformed_examples[0]
        assert "malformed" in report.render()
        assert "malformed" in report._repr_html_()
    assert await named("target") == 1


async def test_a_malformed_row_of_another_storage_does_not_concern_the_copy(
    source: FileSystem, target: MemoryStorage
) -> None:
    other = MemoryStorage("copy-other").register()
    await model_on(other)(b"another").save("x")
    await alter("size", "'abc'", "storage = 'copy-other'")
    await model_on(source)(b"value").save("x")
    report = await copy_objects(source, target, dry_run=False)
    assert report.ok
    assert (report.malformed, report.malformed_examples) == (0, ())


@pytest.mark.parametrize("column", ["sha256", "chunk_sha256"])
async def test_a_chunked_object_with_another_hash_is_not_copied(
    source: FileSystem, target: MemoryStorage, column: str
) -> None:
    await model_on(source)(bytes(20 << 20)).save("x")
    await alter(column, f"zeroblob(length({column}))")
    report = await copy_objects(source, target, dry_run=False)
    assert (report.moved.count, report.failed.count, report.remaining.count, report.ok) == (0, 1, 1, False)
    assert "SHA-256" in report.failed_examples[0].text
    assert [row["storage"] for row in await rows(blob_table)] == ["source"]
    assert await listed(target) == set()


@pytest.mark.parametrize("failure", [StorageUnavailableError, StorageFullError])
async def test_a_storage_that_does_not_answer_ends_the_copy(
    source: FileSystem, target: MemoryStorage, failure: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model_on(source)
    ids = [await model(b"value %d" % number).save("x") for number in range(150)]
    create, done = target.create, 0

    async def failing(data: bytes, *, key: str | None = None) -> str:
        nonlocal done
        done += 1
        if done > 120:
            msg = "on purpose"
            raise failure(msg)
        return await create(data, key=key)

    monkeypatch.setattr(target, "create", failing)
    with pytest.raises(failure, match="on purpose"):
        await copy_objects(source, target, dry_run=False)
    named = [row["storage"] for row in await rows(blob_table)]
    assert (named.count("target"), named.count("source")) == (100, 50)
    assert [await model.load(node_id) for node_id in ids] == [model(b"value %d" % number) for number in range(150)]
    monkeypatch.setattr(target, "create", create)
    assert (await copy_objects(source, target, dry_run=False)).ok


async def test_a_damaged_copy_is_put_again_under_another_key(source: FileSystem, target: MemoryStorage) -> None:
    model = model_on(source)
    node_id = await model(b"value").save("x")
    [location] = await locations()
    await target.create(b"damaged", key=location)
    assert (await copy_objects(source, target, dry_run=False)).ok
    assert await locations() != {location}
    assert await model.load(node_id) == model(b"value")
    for _ in range(2):  # one handles a location once, and the object of the source is there, too
        await gc(dry_run=False, grace=NOW)
    assert await listed(target) == await locations()


async def test_a_location_with_a_tombstone_is_not_used(source: FileSystem, target: MemoryStorage) -> None:
    """A save would find its row refused there, too."""
    model = model_on(source)
    node_id = await model(b"value").save("x")
    [location] = await locations()
    await tombstones.create_tombstones(await current_database(), "target", [location], ["target"])
    assert (await copy_objects(source, target, dry_run=False)).ok
    there = {row["location"] for row in await rows(blob_table) if row["storage"] == "target" and row["size"] >= 0}
    assert location not in there
    assert await model.load(node_id) == model(b"value")


async def test_a_copy_that_gc_found_meanwhile_is_made_again(
    source: FileSystem, target: MemoryStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy under another key than its source is an orphan until its row is switched."""
    model = model_on(source)
    node_id = await model(b"value").save("x")
    [location] = await locations()
    await target.create(b"damaged", key=location)
    create, collected = target.create, 0

    async def collected_at_once(data: bytes, *, key: str | None = None) -> str:
        nonlocal collected
        made = await create(data, key=key)
        if not collected:
            collected += 1
            names = ["source", "target"]
            assert await tombstones.create_tombstones(await current_database(), "target", [made], names) == {made}
        return made

    monkeypatch.setattr(target, "create", collected_at_once)
    report = await copy_objects(source, target, dry_run=False)
    assert report.ok, report.render()
    assert await model.load(node_id) == model(b"value")
    assert (await fsck(read_data_subset="100%")).ok


async def test_a_copy_that_took_a_day_is_not_registered(
    source: FileSystem, target: MemoryStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await model_on(source)(b"value").save("x")

    def is_past(_: objects.Stopwatch, limit: timedelta) -> bool:
        return limit == tombstones.REGISTERED_WITHIN

    monkeypatch.setattr(objects.Stopwatch, "is_past", is_past)
    report = await copy_objects(source, target, dry_run=False)
    assert (report.moved.count, report.remaining.count) == (0, 1)


async def test_what_no_artifact_refers_to_is_copied_too(source: FileSystem, target: MemoryStorage) -> None:
    model = model_on(source)
    node_id = await model(b"value").save("x")
    async with session_context():
        await delete(node_id)
    report = await copy_objects(source, target, dry_run=False)
    assert report.moved.count == 1
    assert (await gc(dry_run=False, grace=NOW)).unused.count == 1
    assert await listed(target) == set()


async def listed(storage: MemoryStorage) -> set[str]:
    entries: AsyncIterator[StoredEntry] = storage.list(await prefix())
    return {entry.location async for entry in entries}


async def prefix() -> str:
    return f"{(await current_database()).store_id.hex}/"
