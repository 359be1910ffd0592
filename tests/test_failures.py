"""A load that fails names the artifact, or skips it if asked to."""

from __future__ import annotations

import logging
import pickle
import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, assert_type
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from artigraph import (
    ArtifactModel,
    ArtifactModelConfig,
    Loaded,
    LoadFailure,
    Run,
    RunManager,
    columns,
    delete,
    errors,
    load_many,
    select,
    sync,
)
from artigraph.errors import (
    ArgumentError,
    ArtigraphError,
    DatabaseError,
    DeserializationError,
    FieldNotLoadedError,
    NodeNotFoundError,
    ObjectNotFoundError,
    StorageUnavailableError,
    WrongModelTypeError,
)
from artigraph.orm import run_value_table
from artigraph.storage import MemoryStorage
from artigraph.sync.db import engine_context
from tests.support.failures import FAULTS, Leaf, Report, broken, change, lose, memory, newer, reports

memory.register()


def check(failures: tuple[LoadFailure, ...] | list[LoadFailure], ids: dict[str, UUID]) -> None:
    assert [failure.label for failure in failures] == list(FAULTS)
    for failure in failures:
        assert failure.label is not None
        _, error, words = FAULTS[failure.label]
        assert type(failure.error) is error, failure.label
        assert re.search(words, str(failure.error)), failure.label
        assert failure.node_id == failure.error.node_id == ids[failure.label]
        assert str(failure.node_id) in str(failure.error)


def check_no_circle(error: Any, *around: BaseException) -> None:
    """Check that no error leads back to itself. Dask pickles an error with its causes and contexts, without an end."""
    assert all(error is not each for each in around)
    for each in (error.__cause__, error.__context__, *getattr(error, "exceptions", ())):
        if each is not None:
            check_no_circle(each, error, *around)


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_load_that_fails_names_the_node(engine: AsyncEngine, fault: str) -> None:
    manager, ids = await reports()
    await FAULTS[fault][0](ids[fault])
    _, error, words = FAULTS[fault]
    for load in (
        lambda: Report.load(ids[fault]),
        lambda: load_many(Report, ids.values()),
        lambda: select(Report).all(),
        manager.load_artifacts,
        lambda: manager.load_artifact(fault),
    ):
        with pytest.raises(error, match=words) as caught:
            await load()
        assert (caught.value.node_id, caught.value.label) == (ids[fault], fault)
        assert str(ids[fault]) in str(caught.value)
        again = pickle.loads(pickle.dumps(caught.value))
        assert (str(again), again.node_id, again.label) == (str(caught.value), ids[fault], fault)
        check_no_circle(caught.value)


async def test_what_cannot_be_loaded_is_skipped_and_told(engine: AsyncEngine, caplog: pytest.LogCaptureFixture) -> None:
    _, ids = await broken()
    with pytest.raises(ArtigraphError):
        await select(Report).all()
    with caplog.at_level(logging.WARNING, "artigraph"):
        found = await select(Report).all(errors="skip")
    assert_type(found, Loaded[Report])
    assert [report.leaf.value for report in found] == ["leaf 0", f"leaf {len(ids) - 1}"]
    check(found.failures, ids)
    (record,) = [record.getMessage() for record in caplog.records if record.name == "artigraph"]
    assert record.startswith(f"{len(FAULTS)} of {len(ids)} could not be loaded")
    many = await load_many(Report, ids.values(), errors="skip")
    assert many == found
    check(many.failures, ids)
    failures: list[LoadFailure] = []
    assert [report async for report in select(Report).iterate(errors="skip", failures=failures)] == found
    check(failures, ids)
    assert await select(Report).labeled("first", "last").all(errors="skip") == found
    assert (await delete(found.failures, dry_run=True)).artifacts == len(FAULTS)


async def test_skipping_takes_as_many_statements_as_loading(engine: AsyncEngine) -> None:
    counted: list[str] = []
    event.listen(engine.sync_engine, "before_cursor_execute", lambda *a: counted.append(a[2]))
    _, ids = await reports()
    await select(Report).all()
    counted.clear()
    await select(Report).all()
    before = len(counted)
    for label, (fault, error, _) in FAULTS.items():
        if error is not ObjectNotFoundError:
            await fault(ids[label])
    counted.clear()
    assert len((await select(Report).all(errors="skip")).failures) == len(FAULTS) - 1
    assert len(counted) == before


async def test_ids_of_other_things_are_skipped_by_load_many(
    engine: AsyncEngine, caplog: pytest.LogCaptureFixture
) -> None:
    async with RunManager(Run()) as manager:
        good = await manager.save_artifact("good", Report(1))
        other = await manager.save_artifact("other", Leaf(1))
    absent = uuid4()
    found = await load_many(Report, [absent, good, manager, other, good], errors="skip")
    assert found == [Report(1), Report(1)]
    assert caplog.messages[-1].startswith("3 of 5 could not be loaded")
    assert [(failure.node_id, failure.label, type(failure.error)) for failure in found.failures] == [
        (absent, None, NodeNotFoundError),
        (manager.run.node_id, None, NodeNotFoundError),
        (other, "other", WrongModelTypeError),
    ]
    parts = await load_many(Report, [good, absent], fields=["number"], errors="skip")
    assert (parts[0].number, len(parts.failures)) == (1, 1)


async def test_two_artifacts_that_share_an_object_are_both_told(engine: AsyncEngine) -> None:
    ids = [await Report(1, leaf=Leaf("shared")).save(label) for label in ("one", "two")]
    await lose(ids[0])
    failures = (await select(Report).all(errors="skip")).failures
    assert [(each.node_id, each.label, each.error.node_id) for each in failures] == [
        (ids[0], "one", ids[0]),
        (ids[1], "two", ids[1]),
    ]


class Down(MemoryStorage):
    async def read(self, location: str) -> bytes:
        raise StorageUnavailableError("nobody answers")


down = Down("failures-down")
down.register()


@dataclass
class Elsewhere(ArtifactModel, name="failures Elsewhere", config=ArtifactModelConfig(default_field_storage=down)):
    value: str


async def test_what_is_not_about_one_artifact_is_never_skipped(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    node_id = await Elsewhere("a").save("a")
    with pytest.raises(StorageUnavailableError, match="nobody answers") as caught:
        await select(Elsewhere).all(errors="skip")
    assert (caught.value.node_id, caught.value.label) == (node_id, "a")
    await Report(1).save("report")
    with pytest.raises(FieldNotLoadedError):
        await load_many(Report, [node_id], fields=["absent"], errors="skip")
    wrong: Any = "ignore"
    with pytest.raises(ArgumentError, match="'raise' or 'skip', not 'ignore'"):
        await select(Report).all(errors=wrong)

    async def fails(*_: object, **__: object) -> None:
        raise DatabaseError("away")

    monkeypatch.setattr("artigraph.graph.read_trees", fails)
    with pytest.raises(DatabaseError, match="away"):
        await select(Report).all(errors="skip")


async def test_conditions_that_the_database_leaves_open_are_skipped_too(engine: AsyncEngine) -> None:
    """Such an artifact has to be loaded before it is known whether it is asked for."""
    long = "x" * 300
    good = await Report(1, long + "a").save("good")
    bad = await Report(2, long + "a").save("bad")
    await newer(bad)
    asked = select(Report).where(columns(Report).text == long + "a")
    found = await asked.all(errors="skip")
    assert found == [await Report.load(good)]
    assert [failure.node_id for failure in found.failures] == [bad]


async def test_runs_that_cannot_be_read_are_skipped(engine: AsyncEngine) -> None:
    async with RunManager(Run(parameters={"a": 1})) as bad, RunManager(Run()) as good:
        pass
    await change(run_value_table, run_value_table.c.run_id == bad.run.node_id, value=b"{")
    with pytest.raises(DeserializationError) as caught:
        await select(Run).all()
    assert caught.value.node_id == bad.run.node_id
    found = await select(Run).all(errors="skip")
    assert (list(found), [each.node_id for each in found.failures]) == ([good.run], [bad.run.node_id])


def test_the_sync_twin_skips_too(database_url: str, caplog: pytest.LogCaptureFixture) -> None:
    with engine_context(database_url, create_tables=True):
        _, ids = sync.wait_for(broken())
        found = sync.select(Report).all(errors="skip")
        assert_type(found, Loaded[Report])
        check(found.failures, ids)
        failures: list[LoadFailure] = []
        assert list(sync.select(Report).iterate(errors="skip", failures=failures)) == found
        check(failures, ids)
        check(sync.load_many(Report, ids.values(), errors="skip").failures, ids)


@pytest.fixture(autouse=True)
async def empty() -> AsyncGenerator[None]:
    yield
    memory._objects.clear()


@pytest.mark.parametrize("name", errors.__all__)
def test_what_copies_errors_makes_them_by_new(name: str) -> None:
    """Dask copies exceptions between processes so. An error with two bases of C takes the wrong one by itself."""
    cls: type[Exception] = getattr(errors, name)
    assert type(cls.__new__(cls)) is cls
