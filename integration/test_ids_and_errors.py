"""Ids of nodes in every spelling, and the errors of failed loads, on each database."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, assert_type
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from artigraph import ArtifactModel, Run, RunManager, select
from artigraph.errors import ArgumentError
from integration.support.databases import SERVERS
from tests.support.failures import FAULTS, Report, broken, memory
from tests.support.identifiers import CASES, PARENTS, spellings
from tests.test_failures import (
    test_runs_that_cannot_be_read_are_skipped,
    test_the_sync_twin_skips_too,
    test_two_artifacts_that_share_an_object_are_both_told,
    test_what_cannot_be_loaded_is_skipped_and_told,
)
from tests.test_ids import test_from_a_model_to_its_id_and_its_run

__all__ = [
    "test_from_a_model_to_its_id_and_its_run",
    "test_runs_that_cannot_be_read_are_skipped",
    "test_the_sync_twin_skips_too",
    "test_two_artifacts_that_share_an_object_are_both_told",
    "test_what_cannot_be_loaded_is_skipped_and_told",
]


@pytest.fixture(params=SERVERS)
def database(request: pytest.FixtureRequest) -> str:
    """The name of each server in turn."""
    return str(request.param)


async def test_whatever_stands_for_a_node_is_taken(engine: AsyncEngine) -> None:
    for name, (kind, call) in CASES.items():
        for node_id, others in await spellings(kind):
            answer = await call(node_id)
            assert name not in PARENTS or answer == node_id
            for other in others:
                assert await call(other) == answer, (name, other)


async def test_a_load_that_fails_names_the_node(engine: AsyncEngine) -> None:
    manager, ids = await broken()
    for label, (_, error, words) in FAULTS.items():
        for load in (Report.load(ids[label]), manager.load_artifact(label)):
            with pytest.raises(error, match=words) as caught:
                await load
            assert (caught.value.node_id, caught.value.label) == (ids[label], label)
            assert str(ids[label]) in str(caught.value)


@dataclass
class Grade(ArtifactModel, name="ids and errors Grade"):
    value: float


@dataclass
class BetterGrade(Grade, name="ids and errors BetterGrade"):
    pass


@dataclass
class Note(ArtifactModel, name="ids and errors Note"):
    text: str


async def test_artifacts_of_runs_below_are_loaded_by_class(engine: AsyncEngine) -> None:
    async with RunManager(Run()) as top:
        await top.save_artifact("own", Grade(0))
        async with RunManager(Run()) as middle:
            await middle.save_artifacts({"grade": Grade(1), "note": Note("a")})
            async with RunManager(Run()) as below:
                await below.save_artifact("better", BetterGrade(2))
        async with RunManager(Run()) as beside:
            await beside.save_artifact("note", Note("b"))
        async with RunManager(Run()) as without:
            pass
    ids = [manager.run.node_id for manager in (middle, below, beside, without)]
    grades = await top.load_descendant_artifacts(model_type=Grade)
    assert_type(grades, dict[UUID, dict[str, Grade]])
    assert grades == dict(zip(ids, ({"grade": Grade(1)}, {"better": BetterGrade(2)}, {}, {}), strict=True))
    better = await top.load_descendant_artifacts(BetterGrade)
    assert better == dict(zip(ids, ({}, {"better": BetterGrade(2)}, {}, {}), strict=True))
    whole = await top.load_descendant_artifacts()
    assert [set(whole[key]) for key in ids] == [{"grade", "note"}, {"better"}, {"note"}, set()]
    assert await without.load_descendant_artifacts(Grade) == {}
    assert await select(Grade).count() == 3
    wrong: Any = "grade"
    with pytest.raises(ArgumentError, match="model class"):
        await top.load_descendant_artifacts(wrong)


@pytest.fixture(autouse=True)
async def empty() -> AsyncGenerator[None]:
    yield
    memory._objects.clear()
