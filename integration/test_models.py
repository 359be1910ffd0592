"""Models, saves and runs on every database, with objects in files: a short version of the tests on SQLite."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from artigraph import ArtifactMapping, ArtifactModel, ArtifactSequence, Run, RunManager
from artigraph.db import read, session_context, write
from artigraph.errors import LabelConflictError, NodeNotFoundError, SerializationError
from artigraph.orm import blob_table, node_table
from artigraph.outline import outline_of
from artigraph.storage.file import FileSystem
from artigraph.testing.equality import assert_identical
from artigraph.testing.strategies import instances, plain_values, scalars
from tests.support.identical import assert_identical as assert_same_models
from tests.support.values import Known, frame

pytestmark = pytest.mark.usefixtures("engine")

_np: Any = np


@pytest.fixture
def files(tmp_path: Path) -> FileSystem:
    """A folder of objects, registered under its own name."""
    return FileSystem(tmp_path / "objects", name=f"files-{uuid4().hex}")


def several(count: int) -> settings:
    checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(deadline=None, max_examples=count, suppress_health_check=checks)


@dataclass
class Holder(ArtifactModel, name="integration.Holder"):
    value: Any
    known: Known | Any = None
    models: list[Any] = field(default_factory=list[Any])
    by_name: ArtifactMapping[str, Any] = field(default_factory=ArtifactMapping)
    in_order: ArtifactSequence[Any] = field(default_factory=ArtifactSequence)


@dataclass
class Link(ArtifactModel, name="integration.Link"):
    inner: Any


async def count(table: Any) -> int:
    return await read(lambda connection: connection.scalar(select(func.count()).select_from(table))) or 0


def stored_objects(folder: Path) -> set[str]:
    return {str(path) for path in folder.rglob("*") if path.is_file() and path.stat().st_size}


@several(25)
@given(value=plain_values(), known=plain_values(scalars() | instances(), max_leaves=5))
async def test_every_plain_value_comes_back(value: Any, known: Any) -> None:
    model = Holder(value, known, [Holder(value)], ArtifactMapping(k=[value]), ArtifactSequence([value]))
    loaded = await Holder.load(await model.save("x"))
    assert loaded == model
    assert_same_models(loaded, model)


@pytest.mark.parametrize("size", [65_535, 65_536, 1024 * 1024])
async def test_values_of_any_size_come_back_inline(size: int) -> None:
    model = Holder("x" * size, b"\x00\xff" * (size // 2))
    assert_identical(await Holder.load(await model.save("x")), model)


async def test_a_model_with_everything_comes_back_from_rows_and_objects(files: FileSystem) -> None:
    @dataclass
    class Everything(ArtifactModel):
        number: float
        table: Annotated[Any, files]
        array: Annotated[Any, files]
        frames: Annotated[dict[str, Any], files]
        text: Annotated[str, files]
        nested: Everything | None = None

    def make() -> Everything:
        array = _np.arange(100_000.0).reshape(100, 1000)
        return Everything(1, frame(), array, {"a": frame(), "b": [array]}, "é" * 100_000, None)

    model = make()
    model.nested = make()
    async with RunManager(Run()) as manager:
        await manager.save_artifact("it", model)
        loaded = await manager.load_artifact("it", Everything)
    assert loaded == model
    assert_same_models(loaded, model)
    assert await count(blob_table) == 3
    assert "Everything" in str(await outline_of(manager.run.node_id))


async def test_nothing_remains_of_a_save_that_fails(files: FileSystem, tmp_path: Path) -> None:
    @dataclass
    class Kept(ArtifactModel):
        text: Annotated[str, files]

    async with RunManager(Run()) as manager:
        await manager.save_artifact("taken", Kept("first"))
        before = (await count(node_table), await count(blob_table), stored_objects(tmp_path))
        with pytest.raises(LabelConflictError):
            await manager.save_artifacts({"free": Kept("new"), "taken": Kept("newer")})
        with pytest.raises(SerializationError):
            await manager.save_artifacts({"free": Kept("new"), "bad": Link(object())})
        with pytest.raises(NodeNotFoundError):
            await Kept("new").save("x", parent_id=uuid4())
        with pytest.raises(NodeNotFoundError):
            await Kept("new").save("x", parent_id=(await Link(1).save("root")))
        assert (await count(node_table) - 2, await count(blob_table)) == before[:2]
        assert {path for path in stored_objects(tmp_path) if "objects" in path} == {
            path for path in before[2] if "objects" in path
        }
        assert await manager.load_artifacts() == {"taken": Kept("first")}


async def test_tasks_that_save_equal_content_share_one_object(files: FileSystem, tmp_path: Path) -> None:
    @dataclass
    class Shared(ArtifactModel):
        same: Annotated[str, files]
        own: Annotated[str, files]

    models = [Shared("same" * 1000, str(number)) for number in range(8)]
    ids = await asyncio.gather(*(model.save("x") for model in models))

    async def delete(connection: Any) -> None:
        tree = node_table.c.tree_root_id == ids[0]
        for row in (
            await connection.execute(select(node_table.c.node_id).where(tree).order_by(node_table.c.position.desc()))
        ).all():
            await connection.execute(node_table.delete().where(node_table.c.node_id == row.node_id))

    await write(delete)
    again = await models[0].save("again")
    loaded = await asyncio.gather(*(Shared.load(node_id) for node_id in [again, *ids[1:]]))
    assert loaded == models
    with pytest.raises(NodeNotFoundError):
        await Shared.load(ids[0])
    assert await count(blob_table) == 9
    assert len(stored_objects(tmp_path / "objects")) == 9


async def test_sessions_commit_and_roll_back_as_a_whole(files: FileSystem, engine: AsyncEngine) -> None:
    @dataclass
    class Kept(ArtifactModel):
        text: Annotated[str, files]

    async with RunManager(Run()) as manager:
        async with session_context():
            await manager.save_artifact("a", Kept("a"))
            with pytest.raises(LabelConflictError):
                await manager.save_artifact("a", Kept("b"))
            assert await manager.load_artifacts() == {"a": Kept("a")}
            await asyncio.gather(*(manager.save_artifact(str(n), Link(n)) for n in range(4)))
        assert set(await manager.load_artifacts()) == {"a", "0", "1", "2", "3"}
        with pytest.raises(ZeroDivisionError):  # noqa: PT012
            async with session_context():
                await manager.save_artifact("lost", Kept("lost"))
                raise ZeroDivisionError
        async with AsyncSession(engine) as session, session.begin(), session_context(session):
            await manager.save_artifact("kept", Kept("kept"))
        async with AsyncSession(engine) as session:
            async with session_context(session):
                await manager.save_artifact("rolled back", Kept("rolled back"))
            await session.rollback()
        assert set(await manager.load_artifacts()) == {"a", "0", "1", "2", "3", "kept"}
        assert await manager.load_artifact("kept") == Kept("kept")


async def test_two_sessions_do_not_see_each_other_before_they_commit(database: str) -> None:
    if database == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    saved, seen = asyncio.Event(), asyncio.Event()
    async with RunManager(Run()) as manager:

        async def first() -> None:
            async with session_context():
                await manager.save_artifact("first", Link(1))
                saved.set()
                await seen.wait()

        async def second() -> None:
            await saved.wait()
            async with session_context():
                await manager.save_artifact("second", Link(2))
                assert await manager.load_artifacts() == {"second": Link(2)}
            seen.set()

        await asyncio.gather(first(), second())
        assert await manager.load_artifacts() == {"first": Link(1), "second": Link(2)}
