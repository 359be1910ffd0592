"""Runs in the order of their results: how many artifacts are looked through."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import pytest

from artigraph import ArtifactModel, Run, RunManager, columns, delete, select, tracked
from artigraph.errors import QueryError
from artigraph.view import _by_result
from artigraph.view.listing import runs_by_result

pytestmark = pytest.mark.usefixtures("engine")


@dataclass
class Score(ArtifactModel, name="view.byresult.Score"):
    value: int


async def made(count: int) -> list[UUID]:
    """Make runs with a score each, the best last."""
    found: list[UUID] = []
    for number in range(count):
        run = Run(name="even" if number % 2 == 0 else "odd")
        async with RunManager(run) as manager:
            await manager.save_artifact("score", Score(number))
        found.append(run.node_id)
    return found


async def test_all_steps_together_may_be_all_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_by_result, "_STEPS", (2, 3))
    runs = await made(5)
    odd = select(Run).where(columns(Run).name == "odd")
    page = await runs_by_result("results.score.value", query=odd)
    assert [item.run_id for item in page.items] == [runs[1], runs[3]]
    [more] = await made(1)
    with pytest.raises(QueryError, match="Only 2 of these runs are among the first 5 by"):
        await runs_by_result("results.score.value", query=odd)
    assert more in [item.run_id for item in (await runs_by_result("results.score.value")).items]


@tracked(cache=True, label="score")
async def score(number: int) -> Score:
    return Score(number)


async def test_a_run_has_its_place_by_what_it_was_served() -> None:
    for number in (2, 3, 2, 1, 3):
        await score(number)
    by_start = await select(Run).ids()
    for descending, places in ((False, [3, 0, 2, 1, 4]), (True, [1, 4, 0, 2, 3])):
        page = await runs_by_result("results.score.value", descending=descending, columns=["results.score.value"])
        assert [item.run_id for item in page.items] == [by_start[place] for place in places]
        values = [item.columns["results.score.value"] for item in page.items]
        assert values == sorted([1, 2, 2, 3, 3], reverse=descending)
    served = select(Run).where(columns(Run).cached_from.is_not(None))
    page = await runs_by_result("results.score.value", query=served, descending=True)
    assert [item.run_id for item in page.items] == [by_start[4], by_start[2]]
    await delete(by_start[1])  # the other run stays, without its result
    page = await runs_by_result("results.score.value", query=served)
    assert [item.run_id for item in page.items] == [by_start[2]]


async def test_artifacts_of_no_run_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_by_result, "_STEPS", (2, 3))
    runs = await made(3)
    for number in range(17):
        await Score(100 + number).save("score")
    page = await runs_by_result("results.score.value", descending=True)
    assert [item.run_id for item in page.items] == runs[::-1]
