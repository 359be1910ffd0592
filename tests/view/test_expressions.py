"""Conditions and columns written as text."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from artigraph import ArtifactModel, Run, RunManager, columns, select
from artigraph.errors import ExpressionError
from artigraph.view.expressions import column_of, condition_of


@dataclass
class Data(ArtifactModel, name="expressions.Data"):
    name: str


@dataclass
class Report(ArtifactModel, name="expressions.Report"):
    accuracy: float
    title: str | None
    data: Data


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("accuracy > 0.5", [1, 2]),
        ("0.5 < accuracy", [1, 2]),
        ("0.5 < accuracy < 0.8", [1]),
        ("accuracy >= 0.75 and accuracy <= 0.75", [1]),
        ("accuracy == 0.5 or accuracy == 1", [0, 2]),
        ("not (accuracy == 0.5)", [1, 2]),
        ("accuracy != decimal('0.5')", [1, 2]),
        ("accuracy in (0.5, 0.75)", [0, 1]),
        ("accuracy not in [0.5, 0.75]", [2]),
        ("accuracy > -1", [0, 1, 2]),
        ("title is None", [2]),
        ("title is not None", [0, 1]),
        ("title == None", [2]),
        ("title.startswith('f')", [0]),
        ("'eco' in title", [1]),
        ("'eco' not in title", [0, 2]),
        ("title.contains('o')", [1]),
        ('data.name == "b"', [1]),
        ('fields["data"]["name"] == "b"', [1]),
    ],
)
async def test_conditions_on_artifacts(text: str, expected: list[int]) -> None:
    ids = [
        await Report(accuracy, title, Data(name)).save("report")
        for accuracy, title, name in ((0.5, "first", "a"), (0.75, "second", "b"), (1.0, None, "c"))
    ]
    found = await select("expressions.Report").where(condition_of(text, columns("expressions.Report"))).ids()
    assert [ids.index(node_id) for node_id in found] == expected


@pytest.mark.usefixtures("engine")
async def test_conditions_on_runs() -> None:
    async with RunManager(Run(name="train", parameters={"rate": 0.1}, tags={"my team": "a"})) as manager:
        pass
    async with RunManager(Run(name="other")):
        pass
    for text in (
        'status == "completed" and parameters.rate > 0.05',
        'tags["my team"] == "a"',
        'name in ("train",)',
        'name.startswith("tr") and started_at > datetime("2020-01-01")',
        f'node_id == uuid("{manager.run.node_id}")',
    ):
        assert await select(Run).where(condition_of(text, columns(Run))).ids() == [manager.run.node_id]


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("", 0),
        ("accuracy >", 10),
        ("accuracy", 0),
        ("accuracy > title", 11),
        ("  1 > 2", 2),
        ("accuracy > (1).real", 11),
        ("__import__('os') == 1", 0),
        ("accuracy > [x for x in ()]", 11),
        ("title == f'{accuracy}'", 9),
        ("title.upper() == 'A'", 0),
        ("accuracy in 5", 12),
        ("accuracy is 5", 12),
        ("accuracy == date('x')", 17),
        ("title['a', 'b'] == 1", 0),
        ("lambda: 1", 0),
        ("accuracy == 1 if True else 2", 0),
    ],
)
def test_anything_else_is_refused_at_its_place(text: str, position: int) -> None:
    with pytest.raises(ExpressionError) as refused:
        condition_of(text, columns("expressions.Report"))
    assert refused.value.position == position
    assert str(refused.value).endswith(f"\n  {' ' * position}^")


@pytest.mark.parametrize(
    "text", ["(" * 300 + "a" + ")" * 300, "not " * 60 + "a == 1", "a" * 10_001, "status == 'none'"]
)
def test_long_deep_and_impossible_texts_are_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        condition_of(text, columns(Run))


def test_columns() -> None:
    assert repr(column_of("data.name", columns("expressions.Report"))) == "<column data.name>"
    assert repr(column_of("parameters.rate", columns(Run))) == "<column parameters['rate'] of runs>"
    for text in ("parameters", "nothing", "1", "a + b"):
        with pytest.raises(ExpressionError):
            column_of(text, columns(Run))


def test_an_expression_has_a_limited_number_of_comparisons() -> None:
    c = columns(Run)
    condition_of(" or ".join(['name == "a"'] * 100), c)
    for text in (" or ".join(['name == "a"'] * 101), " and ".join(['name.startswith("a")'] * 101)):
        with pytest.raises(ExpressionError, match="at most 100 comparisons; this one has 101"):
            condition_of(text, c)
    many = ", ".join(f'uuid("{number:032x}")' for number in range(150))
    condition_of(f"node_id in ({many})", c)  # values are no comparisons


@pytest.mark.parametrize("value", ["uuid(5)", f"date(0x{'f' * 5000})", f"timedelta(0x{'f' * 5000})", "uuid(None)"])
def test_what_no_value_is_made_of_is_named(value: str) -> None:
    with pytest.raises(ExpressionError, match="cannot be made of"):
        condition_of(f"parameters.x == {value}", columns(Run))
