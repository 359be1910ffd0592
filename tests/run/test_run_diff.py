"""What changed between two runs: parameters, tags, environment and results."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from sqlalchemy import select, update

from artigraph import (
    ArtifactMapping,
    ArtifactModel,
    ArtifactSequence,
    Run,
    RunDiff,
    RunManager,
    ancestors,
    diff,
    sync,
)
from artigraph.db import engine_context, session_context, write
from artigraph.difference.stored import compare_nodes
from artigraph.errors import ArgumentError, InvalidNodeIdError, MalformedRowError, NodeNotFoundError, UnknownModelError
from artigraph.graph import record_inputs
from artigraph.orm import blob_table, node_table, run_value_table
from artigraph.storage import MemoryStorage
from artigraph.sync.db import engine_context as sync_engine_context
from tests.support.statements import counted

pytestmark = pytest.mark.usefixtures("engine")


@dataclass
class Part(ArtifactModel, name="rundiff.Part"):
    number: float


@dataclass
class Report(ArtifactModel, name="rundiff.Report"):
    accuracy: float
    weights: np.ndarray[Any, Any]
    parts: ArtifactSequence[Part]
    by_name: ArtifactMapping[str, float]
    note: str = dataclasses.field(default="", compare=False)


@dataclass
class Other(ArtifactModel, name="rundiff.Other"):
    accuracy: float


async def made(artifacts: dict[str, ArtifactModel] | None = None, **fields: Any) -> Run:
    async with RunManager(Run(**fields)) as manager:
        for label, model in (artifacts or {}).items():
            await manager.save_artifact(label, model)
    return manager.run


def report(accuracy: float = 0.5, **fields: Any) -> Report:
    given: dict[str, Any] = {
        "weights": np.array([1.0, 2.0]),
        "parts": ArtifactSequence([Part(1), Part(2)]),
        "by_name": ArtifactMapping({"f1": 0.1}),
    }
    return Report(accuracy, **given | fields)


def listed(found: RunDiff) -> list[tuple[str, str, object, object]]:
    return [(change.kind, change.path, change.before, change.after) for change in found]


async def test_equal_runs_do_not_differ() -> None:
    nan = float("nan")
    values: dict[str, Any] = {"nan": nan, "list": [1, nan], "set": {1, 2, 3}, "dict": {"a": 1, "b": 2}}
    first = await made({"report": report()}, parameters=values, tags={"a": "b"}, environment={"python": "3.11"})
    values["dict"], values["set"] = {"b": 2, "a": 1}, {3, 2, 1}
    second = await made({"report": report()}, parameters=values, tags={"a": "b"}, environment={"python": "3.11"})
    found = await diff(first, second)
    assert (list(found), bool(found), found.changed, len(found)) == ([], False, False, 0)
    assert (found.before, found.after) == (first.node_id, second.node_id)
    assert str(found) == f"Run {first.node_id} → {second.node_id}: no changes"
    assert not await diff(first, first)


async def test_named_values_are_compared_by_their_exact_types() -> None:
    first = await made(
        parameters={"a": 1, "b": 1, "c": [1, {"x": 1, "y": 2}], "gone": None, "my rate": 1, "t": (1,), "k": {1: 1}},
        tags={"team": "a"},
        environment={"packages": {"numpy": "1", "pandas": "2"}},
    )
    second = await made(
        parameters={"a": 1.0, "b": True, "c": [1, {"x": True, "z": 3}], "new": None, "my rate": 2, "t": [1]}
        | {"k": {True: 1}},
        tags={"team": "b", "stage": "1"},
        environment={"packages": {"numpy": "2", "pandas": "2"}},
    )
    found = await diff(first, second)
    expected = [
        ("changed", "parameters.a", 1, 1.0),
        ("changed", "parameters.b", 1, True),
        ("changed", "parameters.c[1]['x']", 1, True),
        ("removed", "parameters.c[1]['y']", 2, None),
        ("added", "parameters.c[1]['z']", None, 3),
        ("removed", "parameters.gone", None, None),
        ("removed", "parameters.k[1]", 1, None),
        ("added", "parameters.k[True]", None, 1),
        ("changed", "parameters['my rate']", 1, 2),
        ("added", "parameters.new", None, None),
        ("changed", "parameters.t", (1,), [1]),
        ("added", "tags.stage", None, "1"),
        ("changed", "tags.team", "a", "b"),
        ("changed", "environment.packages['numpy']", "1", "2"),
    ]
    assert listed(found) == expected
    assert [type(change.after) for change in found][:2] == [float, bool]
    assert [len(each) for each in (found.parameters, found.tags, found.environment, found.results)] == [11, 2, 1, 0]
    assert found.changes == (*found.parameters, *found.tags, *found.environment)
    assert found.render(most=1).splitlines() == [
        f"Run {first.node_id} → {second.node_id}: 14 changes",
        "  ~ parameters.a: 1 → 1.0",
        "  and 13 more",
    ]
    assert repr(found) == f"<RunDiff of Run {first.node_id} → {second.node_id}: 14 changes>"
    assert "environment.packages[&#x27;numpy&#x27;]" in found._repr_html_()  # pyright: ignore[reportPrivateUsage]


async def test_results_are_compared_as_models_are() -> None:
    before = report(note="not compared")
    after = report(
        0.75, weights=np.array([1.0, 3.0]), parts=[Part(1), Part(2), Part(3)], by_name=ArtifactMapping({"f1": 0.2})
    )
    same = {"same": report(note="a"), "my data": Other(1)}
    first = await made({"report": before, "gone": Other(1), "kind": Other(1), **same})
    second = await made({"report": after, "new": Other(2), "kind": Part(2), "my data": Other(2), "same": report()})
    found = await diff(first, second)
    paths = [(change.kind, change.path) for change in found]
    assert paths == [
        ("removed", "results.gone"),
        ("class", "results.kind"),
        ("removed", "results.kind.accuracy"),
        ("added", "results.kind.number"),
        ("changed", "results['my data'].accuracy"),
        ("added", "results.new"),
        *[("changed", f"results.report.{name}") for name in ("accuracy", "weights")],
        ("added", "results.report.parts[2]"),
        ("changed", "results.report.by_name['f1']"),
    ]
    assert found.changes == found.results
    models = [(change.kind, f"results.report.{change.path}", change.summary) for change in diff(before, after)]
    assert [(change.kind, change.path, change.summary) for change in found if "report" in change.path] == models
    assert found.results[0].summary == "rundiff.Other (version 1)"
    assert "results.report.accuracy: 0.5 → 0.75" in str(found)


async def test_own_inputs_and_runs_below_are_no_results() -> None:
    async with RunManager(Run()) as manager:
        own_input = await manager.save_artifact("input", Other(1))
        await write(partial(record_inputs, run_id=manager.run.node_id, node_ids=[own_input]))
        await made({"below": Other(1)})
    assert not await diff(manager, await made())


@contextmanager
def without_class(monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """Let no class be found by its stored name, as in a process that does not import it."""
    with monkeypatch.context() as patch:
        patch.setattr("artigraph.model._read.find_class", unknown)
        yield


def unknown(name: str, *_: object) -> None:
    msg = f"unknown {name}"
    raise UnknownModelError(msg)


async def test_what_cannot_be_loaded_is_compared_as_it_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    first = await made({"report": report()})
    changed = report(0.75, weights=np.array([3.0]), parts=ArtifactSequence([Part(7)]), note="is compared")
    second = await made({"report": changed, "new": Part(1)})
    with without_class(monkeypatch):
        found = await diff(first, second)
    assert listed(found) == [
        ("added", "results.new", None, None),
        ("changed", "results.report.accuracy", 0.5, 0.75),
        ("changed", "results.report.weights", None, None),
        ("changed", "results.report.parts[0].number", 1, 7),
        ("removed", "results.report.parts[1]", None, None),
        ("removed", "results.report.parts[1].number", 2, None),
        ("changed", "results.report.note", "", "is compared"),
    ]
    assert found.results[1].summary == "0.5 → 0.75"
    assert found.results[2].summary == "numpy-array, 144 bytes → numpy-array, 136 bytes"
    assert found.results[4].summary == "rundiff.Part (version 1)"


async def test_recorded_hashes_decide_without_a_read(tmp_path: Path) -> None:
    storage = MemoryStorage(f"rundiff-{uuid4().hex}")
    async with engine_context(
        f"sqlite:///{tmp_path}/store.db", create_tables=True, large_value_storage=storage, inline_limit=1024
    ):
        large = report(weights=np.ones(1_000))
        first, second = await made({"report": large}), await made({"report": large})
        third = await made({"report": report(weights=np.zeros(1_000))})
        async with session_context() as session:
            locations = (await session.scalars(select(blob_table.c.location))).all()
        assert len(locations) == 2
        for location in locations:
            await storage.delete(location)
        assert not await diff(first, second)
        found = await diff(first, third)  # the objects are missing, so the models cannot be loaded
        assert [change.path for change in found] == ["results.report.weights"]
        assert [each.path for each in await compare_nodes(first.node_id, third.node_id)] == [
            ("results", "report", "weights")
        ]


async def test_a_constant_number_of_statements_and_a_load_for_each_pair_that_differs() -> None:
    counts: list[int] = []
    for size, differing in ((1, 0), (30, 0), (1, 1), (30, 1), (30, 2)):
        first = await made({str(number): report(number) for number in range(size)}, parameters={"a": 1})
        second = await made(
            {str(number): report(number + (number < differing)) for number in range(size)}, parameters={"a": 2}
        )
        with counted() as statements:
            found = await diff(first, second)
        assert len(found.results) == differing
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 4
    assert counts[2] == counts[3]
    assert counts[4] - counts[3] == counts[3] - counts[1] > 0


async def test_comparing_is_no_use() -> None:
    first, second = await made({"report": report()}), await made({"report": report(0.75)})
    async with RunManager(Run()) as manager:
        assert await diff(first, second)
    assert list((await ancestors(manager)).artifacts) == []


async def test_values_that_cannot_be_read_hide_no_others() -> None:
    first, second = await made(parameters={"a": 1, "b": 1}), await made(parameters={"a": 2, "b": 2})
    third = await made(parameters={"b": 1})
    async with session_context() as session:
        value = run_value_table.c
        of_first = (value.run_id == first.node_id, value.name == "a")
        await session.execute(update(run_value_table).where(*of_first).values(value=b"\xff\x00"))
    found = await diff(first, second)
    assert [str(change) for change in found] == [
        "~ parameters.a: a value that cannot be read",
        "~ parameters.b: 1 → 2",
    ]
    assert [str(change) for change in await diff(third, first)] == ["+ parameters.a: a value that cannot be read"]
    assert not (await diff(first, first)).changed
    [change, _] = await compare_nodes(first.node_id, second.node_id)
    assert change == (("parameters", "a"), "changed", "a value that cannot be read", "a value that cannot be read")


async def test_damaged_rows_are_told() -> None:
    first, second = await made({"report": report()}), await made({"report": report()})
    async with session_context() as session:
        node = node_table.c
        damaged = update(node_table).where(node.parent_id == second.node_id, node.label == "report")
        await session.execute(damaged.values(span=99))
    with pytest.raises(MalformedRowError):
        await diff(first, second)


async def test_what_is_no_run_is_refused() -> None:
    run = await made({"report": report()})
    artifact_id = await Other(1).save("other")
    for wrong in (uuid4(), artifact_id, Run()):
        for ends in ((run, wrong), (wrong, run), (wrong, wrong)):
            with pytest.raises(NodeNotFoundError, match=r"There is no run .*await Model\.load"):
                await diff(*ends)
    call: Any = diff
    for mixed in ((run, Other(1)), (Other(1), run), (Other(1), str(artifact_id))):
        with pytest.raises(ArgumentError, match=r"two models or two runs.*Model\.load"):
            call(*mixed)
    anything = {"a": 1}
    with pytest.raises(InvalidNodeIdError, match=r"diff compares two models, or two runs.*=="):
        call(anything, anything)
    with pytest.raises(ArgumentError, match="Compare two runs, or two artifacts"):
        await compare_nodes(run.node_id, artifact_id)


def test_the_twin_returns_it(tmp_path: Path) -> None:
    with sync_engine_context(f"sqlite:///{tmp_path}/store.db", create_tables=True):
        with sync.RunManager(Run(parameters={"a": 1})) as first, sync.RunManager(Run(parameters={"a": 2})) as second:
            pass
        for found in (
            sync.diff(first, second),
            sync.diff(first.run, second.run),
            sync.diff(first.run.node_id, str(second.run.node_id)),
        ):
            assert [change.path for change in found.parameters] == ["parameters.a"]
    assert [change.path for change in sync.diff(Other(1), Other(2))] == ["accuracy"]
