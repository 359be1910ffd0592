"""Changes of a run that take effect, and those that are refused. integration/test_runs.py runs on servers."""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from artigraph import Run, RunManager, columns, select
from artigraph.errors import InvalidLabelError, RunStateError, SerializationError, ValueTooLargeError
from artigraph.sync import RunManager as SyncRunManager
from artigraph.sync.db import engine_context

FIELDS = [field.name for field in dataclasses.fields(Run)]


async def loaded(run: Run) -> Run:
    return await select(Run).where(columns(Run).node_id == run.node_id).one()


async def test_what_is_changed_before_a_run_is_entered_takes_effect(engine: AsyncEngine) -> None:
    run = Run(parameters={"rate": 1}, tags={"a": "b"})
    run.name = "train"
    run.parameters = {"rate": 2}
    assert isinstance(run.tags, dict)
    run.tags["c"] = "d"
    async with RunManager(run):
        pass
    found = await loaded(run)
    assert (found.name, found.parameters, found.tags) == ("train", {"rate": 2}, {"a": "b", "c": "d"})


@pytest.mark.parametrize("field", FIELDS)
async def test_a_field_of_a_run_that_was_entered_is_read_only(engine: AsyncEngine, field: str) -> None:
    """No assigned value is lost silently: in the block, after it, and in a loaded run."""
    async with RunManager(Run(name="train", tags={"a": "b"})) as manager:
        runs = [manager.run, await loaded(manager.run)]
        for run in runs:
            before = getattr(run, field)
            with pytest.raises(RunStateError, match=rf"The {field} of run .*{run.node_id}"):
                setattr(run, field, getattr(Run(name="other"), field))
            assert getattr(run, field) == before
    for run in (*runs, await loaded(manager.run)):
        with pytest.raises(RunStateError, match=f"The {field} of run"):
            setattr(run, field, None)
    assert manager.run.status == "completed"


@pytest.mark.parametrize(
    ("field", "advice"), [("tags", "add_tags"), ("parameters", "add_parameters"), ("environment", r"Run\(environment=")]
)
async def test_the_mappings_of_a_run_that_was_entered_refuse_each_change(
    engine: AsyncEngine, field: str, advice: str
) -> None:
    changes: list[Callable[[Any], object]] = [
        lambda values: values.__setitem__("b", "x"),
        lambda values: values.__delitem__("a"),
        lambda values: values.update({"b": "x"}),
        lambda values: values.update(b="x"),
        lambda values: values.setdefault("b", "x"),
        lambda values: values.pop("a"),
        lambda values: values.popitem(),
        lambda values: values.clear(),
        lambda values: values.__ior__({"b": "x"}),
    ]
    given = {"a": "b"}
    kinds: dict[str, Any] = {field: given}
    async with RunManager(Run(**kinds)) as manager:
        for values in (getattr(manager.run, field), getattr(await loaded(manager.run), field)):
            for change in changes:
                with pytest.raises(RunStateError, match=advice):
                    change(values)
            assert values == {"a": "b"}
            assert json.dumps(values) == '{"a": "b"}'
            assert pickle.loads(pickle.dumps(values)) == copy.deepcopy(values) == values
        given["a"] = "changed"  # the caller's own dictionary is not the run's
        assert getattr(manager.run, field) == {"a": "b"}
    assert dataclasses.asdict(manager.run)[field] == {"a": "b"}
    assert copy.deepcopy(manager.run) == pickle.loads(pickle.dumps(manager.run)) == manager.run


async def test_parameters_are_added_as_tags_are(engine: AsyncEngine) -> None:
    layers = [64, 32]
    async with RunManager(Run(parameters={"rate": 0.1, "seed": 1})) as manager:
        await manager.add_parameters({"rate": 0.2, "layers": layers, "none": None})
        layers.append(0)
        expected = {"rate": 0.2, "seed": 1, "layers": [64, 32], "none": None}
        assert manager.run.parameters == (await loaded(manager.run)).parameters == expected
        assert await select(Run).where(columns(Run).parameters["rate"] > 0.15).count() == 1
        assert await select(Run).where(columns(Run).parameters["rate"] < 0.15).count() == 0
        with pytest.raises(InvalidLabelError):
            await manager.add_parameters({"fine": 1, "\0": 2})
        with pytest.raises(SerializationError):
            await manager.add_parameters({"fine": 1, "bad": object()})
        with pytest.raises(ValueTooLargeError):
            await manager.add_parameters({"fine": 1, "large": "x" * 300_000})
        assert manager.run.parameters == expected
        async with RunManager.resume(manager.token()) as joined:
            await joined.add_parameters({"elsewhere": 1})
    await manager.add_parameters({"after": 1})
    assert (await loaded(manager.run)).parameters == {**expected, "elsewhere": 1, "after": 1}
    assert (await loaded(manager.run)).tags == {}


async def test_the_parameters_of_a_run_have_a_limit_over_several_calls(engine: AsyncEngine) -> None:
    async with RunManager(Run(parameters={str(number): number for number in range(999)})) as manager:
        await manager.add_parameters({"a": 1})
        await manager.add_parameters({"0": "changed"})
        with pytest.raises(ValueTooLargeError, match="1,000 parameters"):
            await manager.add_parameters({"b": 1})
    found = (await loaded(manager.run)).parameters
    assert (len(found), found["0"], "b" in found) == (1000, "changed", False)


async def test_parameters_are_added_to_a_run_that_was_entered_only() -> None:
    with pytest.raises(RunStateError, match="not entered"):
        await RunManager(Run()).add_parameters({"a": 1})


async def test_a_change_within_a_parameter_is_told(engine: AsyncEngine, caplog: pytest.LogCaptureFixture) -> None:
    run = Run(parameters={"layers": [64], "same": {"a": 1}}, environment={"files": ["a"]})
    with caplog.at_level(logging.WARNING, "artigraph"):
        async with RunManager(run):
            run.parameters["layers"].append(32)
            assert run.environment is not None
            run.environment["files"].append("b")
    told = [record.getMessage() for record in caplog.records if "changed in place" in record.getMessage()]
    assert len(told) == 2
    assert str(run.node_id) in told[0]
    assert "'layers'" in told[0]
    assert "'same'" not in told[0]
    assert "add_parameters" in told[0]
    assert "'files'" in told[1]


async def test_a_run_that_could_not_start_can_be_changed_and_entered_again(engine: AsyncEngine) -> None:
    run = Run(parameters={"bad": object()})
    with pytest.raises(SerializationError):
        await RunManager(run).__aenter__()
    run.parameters = {"good": 1}
    absent = Run().node_id
    run.node_parent_id = absent
    with pytest.raises(LookupError):
        await RunManager(run).__aenter__()
    assert isinstance(run.parameters, dict)
    run.parameters["better"] = 2
    run.node_parent_id = None
    async with RunManager(run):
        pass
    assert (await loaded(run)).parameters == {"good": 1, "better": 2}


async def test_a_run_that_is_joined_is_not_changed_before(engine: AsyncEngine) -> None:
    async with RunManager(Run()) as manager:
        joined = RunManager.resume(manager.token())
        joined.run.name = "lost"
        with pytest.raises(RunStateError, match="add_tags or add_parameters"):
            await joined.__aenter__()


async def test_the_run_of_a_manager_stays(engine: AsyncEngine) -> None:
    async with RunManager(Run()) as manager:
        with pytest.raises(AttributeError):
            manager.run = Run()  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def test_the_sync_twin_adds_parameters_and_refuses_changes(database_url: str) -> None:
    with engine_context(database_url, create_tables=True), SyncRunManager(Run(parameters={"a": 1})) as manager:
        manager.add_parameters({"b": [2]})
        with pytest.raises(RunStateError, match="add_parameters"):
            manager.run.parameters["c"] = 3  # type: ignore[index]  # pyright: ignore[reportIndexIssue]
        with pytest.raises(RunStateError, match="name"):
            manager.run.name = "x"
    assert manager.run.parameters == {"a": 1, "b": [2]}
