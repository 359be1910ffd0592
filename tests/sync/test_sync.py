"""What the sync twin does, on a database. integration/test_sync.py does it on servers."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import func
from sqlalchemy import select as sql_select

import artigraph
import artigraph.sync.query
from artigraph import Run
from artigraph.db import current_session
from artigraph.db import dispose_engines as async_dispose_engines
from artigraph.db import engine_context as async_engine_context
from artigraph.db import session_context as async_session_context
from artigraph.errors import (
    FieldNotLoadedError,
    LabelConflictError,
    NoActiveRunError,
    NodeNotFoundError,
    RunStateError,
    SerializationError,
    SessionStateError,
    WrongEventLoopError,
    WrongModelTypeError,
)
from artigraph.identifiers import new_id
from artigraph.orm import NodeRow, link_table
from artigraph.storage import MemoryStorage
from artigraph.sync import (
    NO_PARENT,
    ArtifactMapping,
    ArtifactModel,
    Lazy,
    RunManager,
    artifact_field,
    columns,
    delete,
    load_many,
    prune,
    run_manager,
    save_many,
    select,
    series,
    wait_for,
)
from artigraph.sync.db import create_tables, dispose_engines, engine_context, get_engine, session_context
from artigraph.sync.maintenance import fsck, gc
from artigraph.sync.outline import outline_of

memory = MemoryStorage("sync")


@dataclass
class Point(ArtifactModel, name="SyncPoint"):
    x: float
    inner: Point | None = None
    others: ArtifactMapping[str, Point] = field(default_factory=ArtifactMapping)


@dataclass
class Further(Point, name="SyncFurther"):
    y: float = 0.0


@dataclass
class AsyncPoint(artigraph.ArtifactModel, name="SyncAsyncPoint"):
    x: float


@dataclass
class Sampled(ArtifactModel, name="SyncSampled"):
    samples: Lazy[np.ndarray[Any, Any]] = artifact_field(storage=memory)
    more: list[Lazy[bytes]] = field(default_factory=list[Lazy[bytes]])


@dataclass
class Described(ArtifactModel, name="SyncDescribed"):
    text: Lazy[str]


@dataclass
class Kept(ArtifactModel, name="SyncKept"):
    content: Lazy[bytes] = artifact_field(storage=memory)


@dataclass
class AsyncSampled(artigraph.ArtifactModel, name="SyncAsyncSampled"):
    samples: artigraph.Lazy[bytes]


@contextmanager
def store(url: str) -> Generator[None]:
    """Have a database in force in this thread, with tables."""
    with engine_context(url, create_tables=True) as engine:
        assert engine is get_engine()
        yield


def test_models_come_back(database_url: str) -> None:
    with store(database_url):
        point = Point(1.5, inner=Further(2.5, y=3.5), others=ArtifactMapping(a=Point(4.5)))
        point_id = point.save("point")
        assert Point.load(point_id) == point
        assert ArtifactModel.load(point_id) == point
        ids = save_many({"a": Further(0.5), "b": Point(0.25)})
        assert load_many(Point, ids) == [Further(0.5), Point(0.25)]
        part = Point.load(point_id, fields=["x"])
        assert part.x == 1.5
        with pytest.raises(FieldNotLoadedError):
            print(part.inner)
        with pytest.raises(WrongModelTypeError):
            Further.load(ids[1])
        with pytest.raises(NodeNotFoundError):
            Point.load(new_id())


def test_models_of_either_kind_are_saved_and_loaded_by_either(database_url: str) -> None:
    with store(database_url):
        [point_id] = save_many([("async", AsyncPoint(1.0))])
        assert load_many(AsyncPoint, [point_id]) == [AsyncPoint(1.0)]
        assert load_many(artigraph.ArtifactModel, [point_id]) == [AsyncPoint(1.0)]
        with pytest.raises(WrongModelTypeError, match=r"artigraph.sync.model.ArtifactModel; .* load_many\(AsyncPoint"):
            ArtifactModel.load(point_id)
        sync_id = Point(2.0).save("sync")

        async def elsewhere() -> list[artigraph.ArtifactModel]:
            found = await artigraph.load_many(artigraph.ArtifactModel, [point_id, sync_id])
            assert await AsyncPoint.load(point_id) == found[0]
            assert await artigraph.select(Point).all() == [found[1]]
            return found

        assert asyncio.run(elsewhere()) == [AsyncPoint(1.0), Point(2.0)]


def test_runs_nest_and_record_how_they_ended(database_url: str) -> None:
    def fail(manager: RunManager, outer: RunManager) -> None:
        with manager as inner:
            assert inner is manager
            assert inner.run.node_parent_id == outer.run.node_id
            assert run_manager() == inner != outer
            inner.save_artifact("kept", Point(3.0))
            with pytest.raises(LabelConflictError):
                inner.save_artifact("kept", Point(4.0))
            raise ValueError("enough")

    with store(database_url):
        with pytest.raises(NoActiveRunError):
            run_manager()
        with RunManager(Run()) as outer:
            assert run_manager() == outer
            assert outer.save_artifacts({"a": Point(1.0), "b": AsyncPoint(2.0)}).keys() == {"a", "b"}
            inner = RunManager(Run())
            with pytest.raises(ValueError, match="enough"):
                fail(inner, outer)
            assert run_manager() == outer
            with RunManager(Run(NO_PARENT)) as apart:
                assert apart.run.node_parent_id is None
        assert run_manager(allow_none=True) is None
        assert (inner.run.status, inner.run.error_type, inner.run.error_message) == ("failed", "ValueError", "enough")
        assert outer.run.status == "completed"
        assert outer.load_artifacts() == {"a": Point(1.0), "b": AsyncPoint(2.0)}
        assert outer.load_artifact("a", Point) == Point(1.0)
        assert outer.load_descendant_runs() == [inner.run]
        assert outer.load_descendant_artifacts() == {inner.run.node_id: {"kept": Point(3.0)}}
        assert str(inner.run.node_id) in str(outline_of(outer.run.node_id))
        with pytest.raises(RunStateError), outer:
            raise AssertionError
        failed = columns(Run).status == "failed"
        assert select(Run).where(failed).all() == [inner.run]


def test_what_is_asked_for_comes_typed_in_order_and_in_parts(database_url: str) -> None:
    with store(database_url), RunManager(Run()) as manager:
        manager.save_artifacts({str(number): Point(float(number)) for number in range(5)})
        c = columns(Point)
        asked = select(Point).where(c.x > 1).order_by(c.x.desc())
        assert isinstance(asked, artigraph.sync.query.ArtifactSelect)
        assert [point.x for point in asked.all()] == [4.0, 3.0, 2.0]
        assert [point.x for point in asked.limit(2).offset(1)] == [3.0, 2.0]
        assert asked.first() == Point(4.0)
        assert asked.where(c.x < 3).one() == Point(2.0)
        assert asked.count() == len(asked.ids()) == 3
        assert select(Point).in_run(manager).labeled("3").all() == [Point(3.0)]
        assert select(ArtifactModel).in_run(manager.run).count() == 5
        assert [run.node_id for run in select(Run)] == [manager.run.node_id]
        for point in asked:
            assert point == Point(4.0)
            break


def test_versions_nodes_and_aliases(database_url: str) -> None:
    with store(database_url):
        ids = save_many([("point", Point(number)) for number in range(3)])
        points = series(Point, "point")
        assert (points.model_type, points.label) == (Point, "point")
        points.set_alias("production", 0)
        assert points.alias("production") == Point(0)
        assert list(points) == points.all() == [Point(0), Point(1), Point(2)]
        assert [version.aliases for version in points.versions()] == [("production",), (), ()]
        assert [change.path for change in points.diff("production", -1)] == ["x"]
        nodes = select(artigraph.Node).artifacts().labeled("point").limit(2)
        assert [node.node_id for node in nodes] == nodes.ids() == ids[:2]
        assert not points.remove_alias("staging")


def test_a_session_is_one_transaction(database_url: str) -> None:
    def fail() -> None:
        with session_context() as session:
            assert current_session() is session
            Point(1.0).save("lost")
            with RunManager(Run()):
                Point(2.0).save("lost")
            models = sql_select(func.count()).where(NodeRow.node_type == "model").select_from(NodeRow)
            assert wait_for(session.scalar(models)) == 2
            raise ZeroDivisionError

    with store(database_url):
        with pytest.raises(ZeroDivisionError):
            fail()
        assert current_session(allow_none=True) is None
        assert (select(Point).count(), select(Run).count()) == (0, 0)
        with RunManager(Run()) as manager, session_context() as session:
            manager.save_artifact("kept", Point(3.0))
            with session_context() as joined:
                assert joined is session
                with pytest.raises(LabelConflictError):
                    manager.save_artifact("kept", Point(4.0))
            manager.save_artifact("other", Point(5.0))
        assert select(Point).all() == [Point(3.0), Point(5.0)]


def test_a_session_of_another_database_leaves_the_one_around_it_open(database_url: str, tmp_path: Path) -> None:
    other = f"sqlite:///{tmp_path}/other.db"

    def fail() -> None:
        with session_context() as outer:
            with store(other), session_context() as inner:
                assert inner is not outer
                Point(1.0).save("kept")
            assert current_session() is outer
            Point(2.0).save("lost")
            raise ZeroDivisionError

    with store(database_url):
        with pytest.raises(ZeroDivisionError):
            fail()
        assert select(Point).count() == 0
    with store(other):
        assert select(Point).count() == 1


def test_lazy_values_are_loaded_when_they_are_asked_for(database_url: str) -> None:
    with store(database_url):
        array = np.arange(10)
        sampled = Sampled(Lazy(array), [Lazy(b"one"), Lazy(b"two")])
        sampled_id = sampled.save("sampled")
        loaded = Sampled.load(sampled_id)
        assert type(loaded.samples) is Lazy
        assert loaded.samples.size
        assert np.array_equal(loaded.samples.load(), array)
        assert [lazy.load() for lazy in loaded.more] == [b"one", b"two"]
        with loaded.more[0].open() as file:
            assert file.read() == b"one"
        assert loaded == sampled
        assert Sampled.load(loaded.save("again")) == loaded
        text = "x" * 300  # too long for its search key: it is loaded to be compared
        Described(Lazy(text)).save("described")
        assert [model.text.load() for model in select(Described).where(columns(Described).text == text)] == [text]
        assert select(Described).where(columns(Described).text == text + "x").all() == []
        with pytest.raises(SerializationError, match=r"artigraph.model.lazy.Lazy, .* artigraph.sync.model.Lazy"):
            save_many({"wrong": Sampled(artigraph.Lazy(array))})  # type: ignore[arg-type]
        with pytest.raises(SerializationError, match=r"artigraph.sync.model.Lazy, .* artigraph.model.lazy.Lazy"):
            save_many({"wrong": AsyncSampled(Lazy(b"x"))})
        [other_id] = save_many({"async": AsyncSampled(artigraph.Lazy(b"y"))})
        [other] = load_many(AsyncSampled, [other_id])
        assert wait_for(other.samples.load()) == b"y"


def test_what_is_kept_is_deleted_collected_and_checked(database_url: str) -> None:
    with store(database_url):
        old = Sampled(Lazy(np.arange(3))).save("old")
        Point(1.0).save("checkpoint")
        newest = Point(2.0).save("checkpoint")
        assert delete(old, dry_run=True).artifacts == 1
        assert delete([old]).objects == 1
        assert prune(keep_newest={"checkpoint": 1}).artifacts == 1
        assert select(ArtifactModel).ids() == [newest]
        assert gc().in_use.count == 0
        assert fsck().ok
        with session_context(), pytest.raises(SessionStateError):
            gc()


def test_threads_do_not_mix(database_url: str) -> None:
    count = 16
    barrier = threading.Barrier(count)
    failures: list[BaseException] = []
    runs: list[UUID] = []

    def work(number: int) -> None:
        try:
            barrier.wait()
            with RunManager(Run(NO_PARENT)) as manager:
                for step in range(3):
                    assert run_manager() == manager
                    manager.save_artifact(str(step), Point(number + step / 10))
                assert manager.load_artifacts() == {str(step): Point(number + step / 10) for step in range(3)}
            runs.append(manager.run.node_id)
        except BaseException as error:
            failures.append(error)

    with store(database_url), RunManager(Run()) as around:
        threads = [threading.Thread(target=copy_context().run, args=(work, number)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert run_manager() == around
        assert select(Point).count() == 3 * count
        assert len(set(runs)) == count


async def test_it_works_where_a_loop_is_running(database_url: str) -> None:
    """As in the cells of a notebook."""
    with store(database_url):
        point_id = Point(1.0).save("cell")
        assert Point.load(point_id) == Point(1.0)
        async with artigraph.RunManager(Run()) as around:
            found = run_manager()
            assert found.run is around.run
            found.save_artifact("by sync", Point(2.0))
            with RunManager(Run()) as inner:
                assert inner.run.node_parent_id == around.run.node_id
                assert artigraph.run_manager().run is inner.run
                await artigraph.run_manager().save_artifact("by async", Point(3.0))
            assert artigraph.run_manager() is around
            assert await around.load_descendant_artifacts() == {inner.run.node_id: {"by async": Point(3.0)}}
        async with async_session_context():
            with pytest.raises(WrongEventLoopError, match=r"Await the async function .* or make this call outside"):
                Point(4.0).save("not there")
        await async_dispose_engines()


async def test_what_sync_code_loads_is_used_by_the_run_that_is_active(database_url: str) -> None:
    with store(database_url):
        seen, named, again = (Point(float(number)).save("point") for number in range(3))
        async with artigraph.RunManager(Run()) as around:
            Point.load(seen)
            with RunManager(Run()) as inner:
                inner.use(named)
                await artigraph.load_many(Point, [again])
        links = sql_select(link_table.c.source_id, link_table.c.target_id)
        with session_context() as session:
            found = {tuple(row) for row in wait_for(session.execute(links))}
        assert found == {
            (seen, around.run.node_id),
            (named, inner.run.node_id),
            (again, inner.run.node_id),
        }
        await async_dispose_engines()


async def test_an_engine_of_another_loop_is_refused(database_url: str) -> None:
    async with async_engine_context(database_url, create_tables=True) as engine:
        await artigraph.select(Point).count()
        with engine_context(engine), pytest.raises(WrongEventLoopError, match="another event loop"):
            select(Point).count()


def test_a_large_object_is_read_where_the_caller_is(database_url: str) -> None:
    content = bytes(range(256)) * (36 * 1024)
    with store(database_url):
        loaded = Kept.load(Kept(Lazy(content)).save("large"))
        with loaded.content.open() as file:
            assert type(file).__name__ == "_OpenObject"
            file.seek(-3, io.SEEK_END)
            assert file.read() == content[-3:]
        assert loaded.content.load() == content


def test_a_database_in_memory_lives_on_the_background_loop() -> None:
    with store("sqlite://"):
        point_id = Point(1.0).save("x")
        assert Point.load(point_id) == Point(1.0)
        with session_context():
            assert Point.load(point_id) == Point(1.0)


def test_tables_and_connections(database_url: str) -> None:
    with engine_context(database_url) as engine:
        create_tables()
        Point(1.0).save("x")
        pool = engine.sync_engine.pool
        dispose_engines()
        assert get_engine().sync_engine.pool is not pool
        assert select(Point).count() == 1
