"""Rewriting artifacts of older class versions: what stays, what changes, races, failures, and the plan."""

from __future__ import annotations

import asyncio
import gc as memory
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select as sql_select
from sqlalchemy.ext.asyncio import AsyncEngine

from artigraph import (
    ArtifactMapping,
    ArtifactModel,
    Lazy,
    Run,
    RunManager,
    artifact_field,
    columns,
    delete,
    descendants,
    migration,
    select,
    series,
)
from artigraph.db import read, session_context
from artigraph.errors import ArgumentError, SessionStateError
from artigraph.maintenance import fsck, gc, upgrade
from artigraph.orm import blob_table, node_table
from artigraph.storage import MemoryStorage
from artigraph.stored import load_stored

store = MemoryStorage("upgrade")


# Classes of which a function returns another one each time are of any type to a type checker.
find: Any = select
columns_of: Any = columns


def old() -> tuple[Any, Any]:
    """Define the classes as they were."""
    memory.collect()

    @dataclass
    class Part(ArtifactModel, name="up.Part"):
        a: int

    @dataclass
    class Report(ArtifactModel, name="up.Report"):
        accuracy: float
        data: str = artifact_field(storage=store, default="")
        parts: ArtifactMapping[str, Part] = artifact_field(default_factory=ArtifactMapping)
        other: Any = None

    return Part, Report


def new(name: str = "up.Report", aliases: tuple[str, ...] = ()) -> tuple[Any, Any]:
    """Define the classes of today: one field of each is renamed, one is added, one is removed."""
    memory.collect()

    @dataclass
    class Part(ArtifactModel, name="up.Part", version=2):
        b: int

    @migration(Part, from_version=1)
    def rename_a(data: dict[str, Any]) -> dict[str, Any]:
        if data["a"] < 0:
            raise ValueError("it is negative")
        return {"b": data["a"]}

    @dataclass
    class Report(ArtifactModel, name=name, version=3, aliases=aliases):
        score: float
        parts: ArtifactMapping[str, Part]
        data: str = artifact_field(storage=store, default="")
        notes: str = "none"

    @migration(Report, from_version=1)
    def rename_accuracy(data: dict[str, Any]) -> dict[str, Any]:
        data["score"] = data.pop("accuracy")
        return data

    @migration(Report, from_version=2)
    def drop_other(data: dict[str, Any]) -> dict[str, Any]:
        del data["other"]
        return data

    return Part, Report


async def rows() -> list[Any]:
    """Return all rows of nodes, in a fixed order."""
    statement = sql_select(node_table).order_by(node_table.c.node_id)
    return list(await read(lambda connection: _all(connection, statement)))


async def blobs() -> int:
    statement = sql_select(blob_table.c.blob_id)
    return len(await read(lambda connection: _all(connection, statement)))


async def _all(connection: Any, statement: Any) -> Any:
    return (await connection.execute(statement)).all()


async def test_an_artifact_keeps_its_identity_and_gets_the_form_of_today(engine: AsyncEngine) -> None:
    part, report = old()
    async with RunManager(Run()) as maker:
        node_id = await maker.save_artifact("report", report(0.5, "x" * 5000, ArtifactMapping(p=part(1)), [1, 2]))
    async with RunManager(Run()) as user:
        await report.load(node_id)
    await series(report, "report").set_alias("best", 0)
    before = await rows()
    part_id = next(row.node_id for row in before if row.label == "p")
    assert (await load_stored(node_id)).class_version == 1
    del part, report
    part, report = new()
    expected = report(0.5, ArtifactMapping(p=part(1)), "x" * 5000)
    assert await report.load(node_id) == expected
    c = columns_of(report)
    assert await find(report).where(c.score == 0.5).ids() == []

    plan = await upgrade(report)
    assert plan.dry_run
    assert (plan.artifacts, plan.versions, plan.failures) == (1, {("up.Report", 1): 1}, ())
    assert await rows() == before
    done = await upgrade(report, dry_run=False)
    assert (done.artifacts, done.versions, done.value_bytes) == (1, plan.versions, plan.value_bytes)
    assert done.value_bytes > 5000

    assert await report.load(node_id) == expected
    stored = await load_stored(node_id)
    assert (stored.class_version, stored.label, stored.run_id) == (3, "report", maker.run.node_id)
    assert list(stored.fields) == ["score", "parts", "data", "notes"]
    assert await part.load(part_id) == part(1)
    assert await find(report).where(c.score == 0.5).ids() == [node_id]
    assert await find(report).where(c.parts["p"].b == 1).ids() == [node_id]
    assert await series(report, "report").alias_id("best") == node_id
    assert user.run.node_id in await descendants(node_id)
    assert await maker.load_artifacts() == {"report": expected}
    assert not (await fsck()).problems
    again = await upgrade(report, dry_run=False)
    assert (again.artifacts, again.rows) == (0, 0)
    assert await blobs() == 1  # the text in the storage did not change


async def test_a_nested_model_alone_is_upgraded_where_it_is(engine: AsyncEngine) -> None:
    part, report = old()

    @dataclass
    class Around(ArtifactModel, name="up.Around"):
        parts: list[Any]

    node_id = await Around([part(1), part(2)]).save("around")
    await part(3).save("part")
    del part, report
    part, _ = new()
    done = await upgrade(part, dry_run=False)
    assert (done.artifacts, done.versions) == (2, {("up.Part", 1): 3})
    assert {row.model_version for row in await rows() if row.model_name == "up.Part" and row.node_type == "model"} == {
        2
    }
    assert await Around.load(node_id) == Around([part(1), part(2)])


async def test_a_renamed_class_is_stored_under_its_name_of_today(engine: AsyncEngine) -> None:
    part, report = old()
    ids = [await report(0.1).save("r"), await report(0.2).save("r")]
    await series(report, "r").set_alias("best", 1)
    await series(report, "r").set_alias("first", 0)
    del part, report
    _, report = new("up.Renamed", ("up.Report",))
    await report(0.3, ArtifactMapping()).save("r")
    await upgrade(report, dry_run=False)
    assert {row.model_name for row in await rows() if row.node_type == "model"} == {"up.Renamed"}
    assert await series(report, "r").aliases() == {"best": ids[1], "first": ids[0]}
    assert (await series(report, "r").ids())[:2] == ids
    assert not (await fsck()).problems


async def test_failures_are_reported_and_the_others_go_on(engine: AsyncEngine) -> None:
    part, report = old()
    for number in (1, -1, 2):
        await report(float(number), parts=ArtifactMapping(p=part(number))).save(f"r{number}")
    del part, report
    before = await rows()
    _, report = new()
    plan = await upgrade(report)
    assert await rows() == before
    done = await upgrade(report, dry_run=False)
    for each in (plan, done):
        assert each.artifacts == 2
        assert [failure.label for failure in each.failures] == ["r-1"]
        assert each.failures[0].error.node_id == each.failures[0].node_id
        assert "it is negative" in str(each.failures[0].error)
        assert "'r-1'" in each.render()
    failed = done.failures[0].node_id
    assert [row for row in await rows() if row.tree_root_id == failed] == [
        row for row in before if row.tree_root_id == failed
    ]
    assert (await upgrade(report)).artifacts == 0


async def test_an_upgrade_that_ends_early_goes_on_where_it_was(engine: AsyncEngine) -> None:
    part, report = old()
    for number in range(4):
        await report(float(number)).save("r")
    del part, report
    _, report = new()

    def stop(progress: Any) -> None:
        if progress.stage == "upgrade" and progress.done:
            raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        await upgrade(report, dry_run=False, progress=stop)
    left = await upgrade(report)
    assert left.artifacts + sum(row.model_version == 3 for row in await rows() if row.node_type == "model") == 4
    assert (await upgrade(report, dry_run=False)).artifacts == left.artifacts
    assert [each.score for each in await find(report).all()] == [0.0, 1.0, 2.0, 3.0]


async def test_upgrades_readers_and_deletions_at_once(engine: AsyncEngine) -> None:
    part, report = old()
    ids = [await report(float(n), str(n) * 2000, ArtifactMapping(p=part(n))).save("r") for n in range(12)]
    del part, report
    part, report = new()
    expected = [report(float(n), ArtifactMapping(p=part(n)), str(n) * 2000) for n in range(12)]
    seen: list[Any] = []

    async def keep_reading() -> None:
        for _ in range(10):
            seen.append([await report.load(each) for each in ids[1:]])
            await asyncio.sleep(0)

    first, second, *_ = await asyncio.gather(
        upgrade(report, dry_run=False), upgrade(report, dry_run=False), delete(ids[0]), keep_reading()
    )
    assert all(each == expected[1:] for each in seen)
    assert len(seen) == 10
    assert not first.failures
    assert not second.failures
    assert first.artifacts + second.artifacts in (11, 12)
    assert await find(report).ids() == ids[1:]
    assert await find(report).all() == expected[1:]
    assert (await upgrade(report)).artifacts == 0
    assert not (await fsck()).problems


async def save_text() -> tuple[UUID, Any]:
    """Save two texts in the storage, and return the id, and a model whose texts are not loaded yet."""

    @dataclass
    class Text(ArtifactModel, name="up.Text"):
        text: Lazy[str] = artifact_field(storage=store)
        same: Lazy[str] = artifact_field(storage=store)

    node_id = await Text(Lazy("a" * 3000), Lazy("s" * 3000)).save("text")
    return node_id, await Text.load(node_id)


async def test_replaced_objects_are_left_to_gc(engine: AsyncEngine) -> None:
    node_id, reader = await save_text()

    @dataclass
    class Text(ArtifactModel, name="up.Text", version=2):
        text: str = artifact_field(storage=store)
        same: Lazy[str] = artifact_field(storage=store)

        @classmethod
        def migrate(cls, version: int, data: dict[str, Any]) -> dict[str, Any]:
            assert version == 1
            return {"text": "b" * 3000, "same": data["same"]}

    assert (await upgrade(Text, dry_run=False)).artifacts == 1
    assert await reader.text.load() == "a" * 3000
    assert await blobs() == 3
    await gc(dry_run=False, grace=timedelta(0))
    assert await blobs() == 2
    found: Any = await Text.load(node_id)
    assert (found.text, await found.same.load()) == ("b" * 3000, "s" * 3000)


async def test_what_is_no_model_class_is_refused(engine: AsyncEngine) -> None:
    wrong: Any = "Report"
    with pytest.raises(ArgumentError, match="upgrade takes a model class"):
        await upgrade(wrong)
    async with session_context():
        with pytest.raises(SessionStateError, match="outside of session_context"):
            await upgrade(ArtifactModel)
