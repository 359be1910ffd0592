"""The public interface as the docs show it, and the errors for code that cannot work."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from dataclasses import InitVar, dataclass, field
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID, uuid4

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sqlalchemy import Column, Integer, MetaData, Table, event, func, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from artigraph import (
    NO_PARENT,
    ArtifactMapping,
    ArtifactModel,
    ArtifactModelConfig,
    ArtifactSequence,
    Run,
    RunManager,
    artifact_field,
    run_manager,
)
from artigraph.db import (
    create_tables,
    current_session,
    dispose_engines,
    engine_context,
    get_engine,
    read,
    session_context,
    set_engine,
)
from artigraph.errors import (
    ArtigraphError,
    ConfigurationError,
    InvalidLabelError,
    LabelConflictError,
    MissingTablesError,
    NodeNotFoundError,
    RegistrationError,
    RunStateError,
    SerializationError,
    UnknownSerializerError,
    UnknownStorageError,
    ValueTooLargeError,
)
from artigraph.orm import blob_table, node_table
from artigraph.serializer import Serializer, get_serializer_by_name, get_serializer_by_type
from artigraph.serializer.datetime import datetime_serializer, timedelta_serializer
from artigraph.serializer.json import json_serializer
from artigraph.serializer.numpy import array_serializer
from artigraph.serializer.pandas import dataframe_serializer, pandas_serializer
from artigraph.serializer.polars import dataframe_serializer as polars_frame_serializer
from artigraph.serializer.pyarrow import feather_serializer, parquet_serializer
from artigraph.storage import Storage, get_storage_by_name, register_storage
from artigraph.storage.file import FileSystem, FileSystemStorage, temp_file_storage

_pd: Any = pd
_np: Any = np
_pa: Any = pa


@pytest.fixture
def files(tmp_path: Path) -> FileSystem:
    return FileSystem(tmp_path / "objects", name=f"files-{uuid4().hex}")


async def counts() -> tuple[int, int]:
    async def work(connection: Any) -> tuple[int, int]:
        nodes = await connection.scalar(select(func.count()).select_from(node_table))
        blobs = await connection.scalar(select(func.count()).select_from(blob_table))
        return int(nodes), int(blobs)

    return await read(work)


def objects_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_names_that_were_promised_are_there() -> None:
    assert FileSystemStorage is FileSystem
    assert isinstance(temp_file_storage, Storage)
    assert pandas_serializer is dataframe_serializer
    for serializer in (
        json_serializer,
        datetime_serializer,
        timedelta_serializer,
        dataframe_serializer,
        array_serializer,
        polars_frame_serializer,
        feather_serializer,
        parquet_serializer,
    ):
        assert get_serializer_by_name(serializer.name) is serializer
    assert get_serializer_by_type(pd.DataFrame) is dataframe_serializer
    assert get_serializer_by_type(np.ndarray) is array_serializer
    assert get_serializer_by_type(pl.DataFrame) is polars_frame_serializer
    from artigraph.storage.aws import S3Storage

    assert S3Storage("bucket", prefix="p").name != S3Storage("other").name


async def test_the_model_of_the_readme(engine: AsyncEngine, files: FileSystem) -> None:
    @dataclass
    class MyDataModel(ArtifactModel, version=1, config=ArtifactModelConfig(default_field_storage=files)):
        some_value: int
        large_value: Any = artifact_field(storage=files, serializer=pandas_serializer)
        nested: MyDataModel | None = None
        by_name: ArtifactMapping[str, MyDataModel] = field(default_factory=ArtifactMapping)
        in_order: ArtifactSequence[MyDataModel] = field(default_factory=ArtifactSequence)

    def make(number: int, **more: Any) -> MyDataModel:
        return MyDataModel(number, _pd.DataFrame({"a": [number, 1.5], "b": ["x", None]}), **more)

    model = make(
        1,
        nested=make(2),
        by_name=ArtifactMapping(a=make(3), b=make(1)),
        in_order=ArtifactSequence([make(4), make(5, nested=make(6))]),
    )
    node_id = await model.save(label="my-data-model")
    assert await MyDataModel.load(node_id) == model
    again = await model.save(label="my-data-model")  # at the root, labels may repeat
    assert again != node_id
    assert model.in_order[-1] == model.in_order[1]
    assert model.in_order[:1] == ArtifactSequence([make(4)])


async def test_runs_as_they_were_shown(engine: AsyncEngine) -> None:
    @dataclass
    class Result(ArtifactModel):
        value: int

    model, m1, m2 = Result(0), Result(1), Result(2)
    run = Run(node_parent_id=None)
    known = run.node_id
    async with RunManager(run) as manager:
        artifact_id = await manager.save_artifact("label", model)
        await manager.save_artifacts({"a": m1, "b": m2})
        assert await manager.load_artifact("label") == model
        assert await manager.load_artifacts() == {"label": model, "a": m1, "b": m2}
        async with RunManager(Run(node_parent_id=None)) as child:
            assert child.run.node_parent_id == manager.run.node_id
            assert run_manager() is child
            await run_manager().save_artifact("label", model)
        async with RunManager(Run(NO_PARENT)) as apart:
            assert apart.run.node_parent_id is None
    assert [run.node_id for run in await manager.load_descendant_runs()] == [child.run.node_id]
    assert await manager.load_descendant_artifacts() == {child.run.node_id: {"label": model}}
    assert isinstance(artifact_id, UUID)
    assert run.node_id == known
    assert run_manager(allow_none=True) is None
    with pytest.raises(LookupError):
        run_manager()


async def test_a_field_may_be_named_like_its_type(engine: AsyncEngine) -> None:
    made: dict[str, Any] = {}
    # Type checkers refuse it; as text it is what a module with `from __future__ import annotations` has.
    exec(DATED, made)
    dated: Any = made["Dated"]
    model = dated(made["date"](2020, 1, 1))
    assert await dated.load(await model.save("x")) == model


DATED = """
from __future__ import annotations
import sys, types
from dataclasses import dataclass
from datetime import date
from artigraph import ArtifactModel

__name__ = "tests_dated"
sys.modules[__name__] = types.ModuleType(__name__)
sys.modules[__name__].__dict__.update(date=date)

@dataclass
class Dated(ArtifactModel):
    date: date | None = None
"""


async def test_storages_in_annotations_of_unions_count_and_those_of_parts_are_refused(
    engine: AsyncEngine, files: FileSystem, tmp_path: Path
) -> None:
    @dataclass
    class Maybe(ArtifactModel):
        x: Annotated[str, files] | None = None

    @dataclass
    class Part(ArtifactModel):
        x: list[Annotated[str, files]]

    assert await Maybe.load(await Maybe("text").save("x")) == Maybe("text")
    assert list(objects_in(tmp_path / "objects").values()) == [b'"text"']
    with pytest.raises(ArtigraphError, match=r"'x' of model .*Part.*part of its value"):
        await Part(["x"]).save("x")


def keep_references(raw: Any, _: object) -> None:
    raw.execute("PRAGMA foreign_keys=ON")


async def test_a_session_of_ones_own_with_tables_of_ones_own(database_url: str, files: FileSystem) -> None:
    @dataclass
    class Kept(ArtifactModel):
        text: str = artifact_field(storage=files)

    metadata = MetaData()
    mine = Table("mine", metadata, Column("id", Integer, primary_key=True))
    engine = create_async_engine(database_url.replace("sqlite://", "sqlite+aiosqlite://"))
    # An engine of one's own is not altered; on SQLite its sessions have to keep references whole by themselves.
    event.listen(engine.sync_engine, "connect", keep_references)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        async with engine_context(engine, create_tables=True):
            await create_tables()
            async with AsyncSession(engine) as session, session.begin(), session_context(session):
                assert current_session() is session
                await session.execute(mine.insert().values(id=1))
                kept = await Kept("kept").save("x")
            async with AsyncSession(engine) as session:
                async with session_context(session):
                    await session.execute(mine.insert().values(id=2))
                    lost = await Kept("lost").save("x")
                    assert await Kept.load(lost) == Kept("lost")
                await session.rollback()
            async with AsyncSession(engine) as session:
                assert list((await session.execute(select(mine.c.id))).scalars()) == [1]
            assert await Kept.load(kept) == Kept("kept")
            with pytest.raises(NodeNotFoundError):
                await Kept.load(lost)
            with pytest.raises(LookupError):
                await Kept.load(lost)
    finally:
        await engine.dispose()


async def test_the_engine_of_the_process_is_set_and_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass
    class Note(ArtifactModel):
        text: str

    undo = set_engine(f"sqlite:///{tmp_path}/one.db", create_tables=True)
    try:
        first = await Note("one").save("x")
        undo_second = set_engine(f"sqlite:///{tmp_path}/two.db", create_tables=True)
        with pytest.raises(NodeNotFoundError):
            await Note.load(first)
        undo_second()
        undo_second()
        assert await Note.load(first) == Note("one")
        with engine_context(f"sqlite:///{tmp_path}/two.db"):
            assert get_engine().url.database == f"{tmp_path}/two.db"
            await dispose_engines()
    finally:
        undo()
        await dispose_engines()
    monkeypatch.setenv("ARTIGRAPH_URL", f"sqlite:///{tmp_path}/one.db")
    assert await Note.load(first) == Note("one")
    await dispose_engines()


async def test_the_embedded_default_keeps_large_values_in_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @dataclass
    class Report(ArtifactModel):
        score: float
        table: Any
        nested: Report | None = None

    monkeypatch.delenv("ARTIGRAPH_URL", raising=False)
    below = tmp_path / "project" / "src"
    below.mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project")
    large = _pd.DataFrame(_np.random.default_rng(1).random((20_000, 4)), columns=list("abcd"))
    model = Report(0.5, large, Report(0.25, large.head(3)))
    node_id = await model.save("report")
    folder = tmp_path / "project" / ".artigraph"
    assert await Report.load(node_id) == model
    assert len(objects_in(folder / "objects")) == 1
    assert (folder / "artigraph.db").is_file()
    monkeypatch.chdir(below)  # found upward
    assert await Report.load(node_id) == model
    assert not (below / ".artigraph").exists()
    if os.name == "posix":
        assert (folder.stat().st_mode & 0o777, (folder / "artigraph.db").stat().st_mode & 0o777) == (0o700, 0o600)
    await dispose_engines()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", "URL"),
        ("oracle://x/y", "oracle"),
        ("sqlite:///{tmp}/no/such/folder/x.db", "folder|open"),
        ("", "URL|empty"),
    ],
)
async def test_a_wrong_url_is_told(url: str, words: str, tmp_path: Path) -> None:
    @dataclass
    class Note(ArtifactModel):
        text: str

    with pytest.raises(ArtigraphError, match=words):
        async with engine_context(url.format(tmp=tmp_path), create_tables=True):
            await Note("x").save("x")


async def test_missing_tables_are_told_with_what_to_do(tmp_path: Path) -> None:
    @dataclass
    class Note(ArtifactModel):
        text: str

    async with engine_context(f"sqlite:///{tmp_path}/empty.db"):
        for call in (lambda: Note("x").save("x"), lambda: Note.load(uuid4()), RunManager(Run()).__aenter__):
            with pytest.raises(MissingTablesError, match="create_tables=True"):
                await call()
    assert run_manager(allow_none=True) is None


@dataclass
class Amount:
    number: int


class Picky(Serializer[Amount]):
    name = "tests.picky"
    types = (Amount,)

    def serialize(self, value: Amount) -> bytes:
        if not value.number:
            raise ValueError("nothing to write")
        return str(value.number).encode()

    def deserialize(self, data: bytes) -> Amount:
        return Amount(int(data))


picky = Picky().register()


class Locations(Storage):
    """Returns the values that a test has set."""

    def __init__(self, name: str, location: Any, data: Any = None) -> None:
        self.name, self._location, self._data = name, location, data

    async def create(self, data: bytes, *, key: str | None = None) -> str:
        return str(key) if self._location is ... else self._location

    async def read(self, location: str) -> bytes:
        return self._data  # type: ignore[no-any-return]

    async def delete(self, location: str) -> None:
        pass

    async def exists(self, location: str) -> bool:
        return True


@dataclass
class Example(ArtifactModel, name="public.example.Example"):
    number: Any
    stored: Any = None


def failing_saves(manager: RunManager, files: FileSystem) -> dict[str, tuple[Callable[[], Any], type[ArtigraphError]]]:
    @dataclass
    class OnFiles(ArtifactModel):
        first: str = artifact_field(storage=files)
        second: Any = None

    @dataclass
    class Needs(ArtifactModel):
        x: InitVar[int]

    @dataclass
    class Wrong(ArtifactModel):
        first: str = artifact_field(storage=files)
        second: Any = artifact_field(storage=Locations("tests.nowhere", None), default="x")

    new = OnFiles("never seen before")
    run_id = manager.run.node_id
    return {
        "label taken": (lambda: manager.save_artifact("taken", new), LabelConflictError),
        "one of many taken": (lambda: manager.save_artifacts({"x": new, "taken": new}), LabelConflictError),
        "label taken by id": (lambda: new.save("taken", parent_id=run_id), LabelConflictError),
        "invalid label": (lambda: manager.save_artifact("a\0", new), InvalidLabelError),
        "label too long": (lambda: new.save("x" * 256), InvalidLabelError),
        "no label": (lambda: new.save(None), InvalidLabelError),  # type: ignore[arg-type]
        "unknown parent": (lambda: new.save("x", parent_id=uuid4()), NodeNotFoundError),
        "no storable value": (lambda: OnFiles("never", object()).save("x"), SerializationError),
        "refused by its serializer": (lambda: OnFiles("never", [Amount(1), Amount(0)]).save("x"), SerializationError),
        "no model": (lambda: manager.save_artifacts({"x": new, "y": 5}), SerializationError),  # type: ignore[dict-item]
        "no class": (lambda: manager.save_artifacts({"x": new, "y": Needs(1)}), ArtigraphError),
        "too large": (lambda: OnFiles("never", "x" * (9 * 1024 * 1024)).save("x"), ValueTooLargeError),
        "a storage without location": (lambda: Wrong("never").save("x"), ArtigraphError),
        "run of an unknown parent": (lambda: RunManager(Run(uuid4())).__aenter__(), NodeNotFoundError),
        "run entered again": (lambda: RunManager(manager.run).__aenter__(), RunStateError),
    }


async def test_after_any_error_rows_and_objects_are_as_they_were(
    engine: AsyncEngine, files: FileSystem, tmp_path: Path
) -> None:
    async with RunManager(Run()) as manager:
        await manager.save_artifact("taken", Example(1))
        before = (await counts(), objects_in(tmp_path / "objects"))
        for name, (call, expected) in failing_saves(manager, files).items():
            with pytest.raises(expected):
                await call()
            assert (await counts(), objects_in(tmp_path / "objects")) == before, name
            assert run_manager() is manager, name
        assert await manager.load_artifacts() == {"taken": Example(1)}


@pytest.mark.parametrize("location", [None, 5, "", "x" * 513])
async def test_a_storage_that_returns_no_location_is_told(engine: AsyncEngine, location: Any) -> None:
    @dataclass
    class Odd(ArtifactModel):
        x: str = artifact_field(storage=Locations(f"tests.odd-{len(str(location))}", location))

    with pytest.raises(ArtigraphError, match="location"):
        await Odd("x").save("x")
    assert await counts() == (0, 0)


async def test_a_storage_that_reads_no_bytes_is_told(engine: AsyncEngine) -> None:
    @dataclass
    class Odd(ArtifactModel):
        x: str = artifact_field(storage=Locations("tests.no-bytes", ..., None))

    with pytest.raises(ArtigraphError, match="read returns bytes"):
        await Odd.load(await Odd("x").save("x"))


def test_unknown_and_taken_names_are_told(tmp_path: Path) -> None:
    with pytest.raises(UnknownStorageError, match="nobody"):
        get_storage_by_name("nobody")
    with pytest.raises(UnknownSerializerError, match="nobody"):
        get_serializer_by_name("nobody")
    with pytest.raises(UnknownSerializerError, match="Strange"):
        get_serializer_by_type(type("Strange", (), {}))
    name = f"files-{uuid4().hex}"
    first = register_storage(FileSystem(tmp_path, name=name))
    assert register_storage(FileSystem(tmp_path, name=name)) is first
    assert get_serializer_by_name(Picky().register().name) is picky
    with pytest.raises(RegistrationError, match=name):
        register_storage(FileSystem(tmp_path / "other", name=name))


async def test_a_run_keeps_the_parent_that_it_was_given_until_it_is_entered(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    async with RunManager(Run()) as manager:
        apart, child = Run(NO_PARENT), Run()
        async with engine_context(f"sqlite:///{tmp_path}/empty.db"):
            for run in (apart, child):
                with pytest.raises(MissingTablesError):
                    await RunManager(run).__aenter__()
        async with RunManager(apart), RunManager(child):
            assert (apart.node_parent_id, child.node_parent_id) == (None, apart.node_id)
        async with engine_context(f"sqlite:///{tmp_path}/other.db", create_tables=True):
            with pytest.raises(NodeNotFoundError, match="another database"):
                await RunManager(Run()).__aenter__()
        assert run_manager() is manager


async def test_concurrent_runs_in_tasks_do_not_mix(engine: AsyncEngine) -> None:
    async def work(number: int) -> None:
        async with RunManager(Run()) as manager:
            await manager.save_artifact("x", Example(number))
            await asyncio.sleep(0)
            assert await run_manager().load_artifacts() == {"x": Example(number)}

    await asyncio.gather(*(work(number) for number in range(10)))


@pytest.fixture(autouse=True)
async def closed() -> AsyncGenerator[None]:
    yield
    await dispose_engines()


def test_configuration_errors_are_value_errors() -> None:
    with pytest.raises(ConfigurationError) as caught:
        set_engine(5)  # type: ignore[arg-type]
    assert isinstance(caught.value, ValueError)
