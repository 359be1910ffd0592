"""Numbers of the versions of a series, sampled for a chart."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from uuid import UUID

import pytest

from artigraph import ArtifactMapping, ArtifactModel, series
from artigraph.errors import InvalidLabelError, QueryError
from artigraph.identifiers import moment_of
from artigraph.view import SeriesPointsDocument, series_points
from tests.support.documents import as_json
from tests.support.statements import counted

pytestmark = pytest.mark.usefixtures("engine")


@dataclass
class Score(ArtifactModel, name="points.Score"):
    accuracy: float
    step: int
    cost: Decimal
    took: timedelta
    title: str
    good: bool
    metrics: ArtifactMapping[str, float]


def score(step: int, accuracy: float = 0.5) -> Score:
    metrics = ArtifactMapping({"f1": step / 10})
    return Score(accuracy, step, Decimal("1.50"), timedelta(minutes=1), f"version {step}", True, metrics)


async def saved(count: int, label: str = "score") -> list[UUID]:
    return [await score(step).save(label) for step in range(count)]


def numbers(document: SeriesPointsDocument) -> list[int]:
    return [point.number for point in document.points]


async def test_points_have_the_numbers_of_their_versions() -> None:
    ids = await saved(3)
    await saved(2, "other")
    await series(Score, "score").set_alias("best", ids[1])
    document = await series_points("points.Score", "score")
    assert (document.model_name, document.label, document.total) == ("points.Score", "score", 3)
    assert document.fields == ("accuracy", "step", "cost", "took")
    assert [point.artifact_id for point in document.points] == ids
    assert [point.created_at for point in document.points] == [moment_of(node_id) for node_id in ids]
    assert [point.aliases for point in document.points] == [(), ("best",), ()]
    assert document.points[2].values == {"accuracy": 0.5, "step": 2.0, "cost": 1.5, "took": 60.0}
    assert as_json(document)["schema"] == "artigraph.series-points/1"


async def test_fields_are_chosen_by_path() -> None:
    await saved(2)
    document = await series_points("points.Score", "score", ["metrics.f1", "title", "none", ["metrics", "f1"]])
    assert document.fields == ("metrics.f1", "title", "none")
    assert [point.values for point in document.points] == [{"metrics.f1": 0.0}, {"metrics.f1": 0.1}]


async def test_what_is_not_finite_is_left_out() -> None:
    for accuracy in (float("nan"), float("inf"), 0.25):
        await score(1, accuracy).save("score")
    document = await series_points("points.Score", "score", ["accuracy"])
    assert [point.values for point in document.points] == [{}, {}, {"accuracy": 0.25}]


@pytest.mark.parametrize(("total", "most"), [(1, 2), (2, 2), (3, 2), (10, 4), (11, 10), (12, 11), (12, 12), (13, 5)])
async def test_a_sample_is_even_and_has_both_ends(total: int, most: int) -> None:
    await saved(total)
    document = await series_points("points.Score", "score", ["step"], most=most)
    found = numbers(document)
    assert len(found) == min(total, most)
    assert (found[0], found[-1], document.total) == (1, total, total)
    steps = [after - before for before, after in pairwise(found)]
    assert max(steps, default=0) - min(steps, default=0) <= 1
    assert [point.values["step"] for point in document.points] == [number - 1 for number in found]


async def test_versions_with_an_alias_are_always_points() -> None:
    ids = await saved(20)
    await series(Score, "score").set_alias("best", ids[3])
    await series(Score, "score").set_alias("again", ids[3])
    document = await series_points("points.Score", "score", ["step"], most=2)
    assert [(point.number, point.aliases) for point in document.points] == [(1, ()), (4, ("again", "best")), (20, ())]


async def test_a_series_without_versions_has_no_points() -> None:
    document = await series_points("points.Score", "none", ["step"])
    assert (document.total, document.points, document.fields) == (0, (), ("step",))


async def test_statements_do_not_depend_on_the_number_of_versions() -> None:
    await saved(2, "short")
    await saved(40, "long")
    with counted() as few:
        await series_points("points.Score", "short", ["step", "metrics.f1"])
    with counted() as many:
        await series_points("points.Score", "long", ["step", "metrics.f1"], most=20)
    assert len(few) == len(many) <= 6


async def test_invalid_arguments_are_refused() -> None:
    with pytest.raises(QueryError, match="at most 10 fields"):
        await series_points("points.Score", "score", [f"f{number}" for number in range(11)])
    for most in (1, 10_001, True):
        with pytest.raises(QueryError, match="most is a number of versions, from 2"):
            await series_points("points.Score", "score", most=most)
    with pytest.raises(QueryError, match="sequence of paths"):
        await series_points("points.Score", "score", "accuracy")
    with pytest.raises(InvalidLabelError):
        await series_points("points.Score", "\0")
