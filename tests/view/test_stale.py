"""Which inputs of an artifact or a run have newer versions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import cast
from uuid import UUID, uuid4

import pytest

from artigraph import ArtifactModel, Run, RunManager
from artigraph.db import write
from artigraph.errors import NodeNotFoundError
from artigraph.graph import record_inputs
from artigraph.identifiers import moment_of
from artigraph.stored import StoredModel, load_stored
from artigraph.view import StaleDocument, StaleInput, stale_document
from artigraph.view._stale import select_newer
from tests.support.documents import as_json
from tests.support.plans import explained
from tests.support.statements import counted

pytestmark = pytest.mark.usefixtures("engine")


@dataclass
class Inner(ArtifactModel, name="stale.Inner"):
    value: int


@dataclass
class Data(ArtifactModel, name="stale.Data"):
    value: int
    inner: Inner


@dataclass
class Model(ArtifactModel, name="stale.Model"):
    value: int


def data(value: int) -> Data:
    return Data(value, Inner(value))


async def step(*used: UUID, label: str = "model") -> tuple[UUID, UUID]:
    """Return a run that used artifacts, and the model that it made."""
    async with RunManager(Run()) as manager:
        await manager.use(*used)
        made = await manager.save_artifact(label, Model(1))
    return manager.run.node_id, made


def told(document: StaleDocument) -> list[tuple[UUID, int, UUID, int]]:
    assert document.total == len(document.inputs)
    return [(item.artifact_id, item.newer, item.newest_id, item.distance) for item in document.inputs]


async def test_inputs_at_any_distance_with_newer_versions() -> None:
    first, other = await data(1).save("data"), await data(1).save("other")
    second = await data(2).save("data")
    run, model = await step(first, other)
    report_run, report = await step(model, second, label="report")
    document = await stale_document(report)
    assert told(document) == [(first, 1, second, 4)]  # what the report used itself is the newest
    assert (document.root_id, document.checked) == (report, 4)
    third, newest = await data(3).save("data"), await data(4).save("data")
    await Data(5, Inner(5)).save("elsewhere")
    await Model(5).save("data")  # of another model
    assert told(await stale_document(report)) == [(second, 2, newest, 2), (first, 3, newest, 4)]
    assert told(await stale_document(report_run)) == [(second, 2, newest, 1), (first, 3, newest, 3)]
    assert told(await stale_document(run)) == [(first, 3, newest, 1)]
    [item] = (await stale_document(model)).inputs
    assert item == StaleInput(first, "stale.Data", "data", moment_of(first), 2, 3, newest, moment_of(newest))
    body = as_json(await stale_document(model))["data"]
    assert (body["total"], body["checked"], body["inputs"][0]["newest_id"]) == (1, 2, str(newest))
    for start in (first, third, newest, other):
        assert told(await stale_document(start)) == []  # a node is not an input of its own


async def test_a_newer_version_of_what_a_later_step_made_is_told() -> None:
    source = await data(1).save("data")
    _, old = await step(source)
    _, report = await step(old, label="report")
    _, new = await step(source)
    assert told(await stale_document(report)) == [(old, 1, new, 2)]


async def test_a_part_means_its_artifact() -> None:
    first = await data(1).save("data")
    _, model = await step(first)
    second = await data(2).save("data")
    part = cast("StoredModel", (await load_stored(first)).fields["inner"].value)
    _, report = await step(part.node_id, label="report")
    assert told(await stale_document(report)) == told(await stale_document(model)) == [(first, 1, second, 2)]
    assert (await stale_document(part)).root_id == first


async def test_earlier_steps_of_a_series_are_no_old_inputs() -> None:
    """A training continues from its last checkpoint: each checkpoint is made from the one before."""
    start = await data(1).save("data")
    _, first = await step(start, label="checkpoint")
    second_run, second = await step(first, label="checkpoint")
    assert told(await stale_document(second)) == []
    assert told(await stale_document(second_run)) == []
    third_run, third = await step(second, label="checkpoint")
    assert told(await stale_document(third)) == told(await stale_document(third_run)) == []
    _, report = await step(second, label="report")
    document = await stale_document(report)
    assert told(document) == [(second, 1, third, 2)]  # and not the first, from which the second was made
    assert document.checked == 2


async def test_an_input_that_is_kept_with_the_run_is_an_input() -> None:
    async with RunManager(Run()) as manager:
        own_input = await manager.save_artifact("data", data(1))
        await write(partial(record_inputs, run_id=manager.run.node_id, node_ids=[own_input]))
        made = await manager.save_artifact("model", Model(1))
    newer = await data(2).save("data")
    assert told(await stale_document(made)) == [(own_input, 1, newer, 2)]
    assert told(await stale_document(manager)) == [(own_input, 1, newer, 1)]


async def test_at_most_a_thousand_are_in_the_document(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("artigraph.view._stale._MOST", 2)
    used = [await data(1).save(f"data {number}") for number in range(3)]
    _, model = await step(*used)
    for number in range(3):
        await data(2).save(f"data {number}")
    document = await stale_document(model)
    assert ([item.artifact_id for item in document.inputs], document.total, document.checked) == (used[:2], 3, 3)


async def test_what_is_nowhere_is_refused() -> None:
    with pytest.raises(NodeNotFoundError):
        await stale_document(uuid4())


async def test_a_constant_number_of_statements() -> None:
    counts: set[int] = set()
    for size in (1, 5, 20):
        used = [await data(1).save(f"{size} {number}") for number in range(size)]
        last = used
        for depth in range(size):
            _, model = await step(*last, label=f"{size} {depth}")
            last = [model]
        for number in range(size):
            await data(2).save(f"{size} {number}")
        with counted() as statements:
            document = await stale_document(last[0])
        assert document.total == size
        counts.add(len(statements))
    assert len(counts) == 1
    assert counts.pop() <= 5


async def test_each_input_reads_one_range_of_the_index_of_search_keys() -> None:
    used = [await data(1).save("data") for _ in range(5)]
    plan = await explained(select_newer(used), {})
    assert "TEMP B-TREE" not in plan
    assert "SCAN" not in plan.replace("CORRELATED SCALAR", "")
    assert plan.count("model_name=? AND label=? AND search_key>?") == 2
