"""Runs side by side."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from artigraph import ArtifactMapping, ArtifactModel, Run, RunManager
from artigraph.db import write
from artigraph.errors import InvalidNodeIdError, NodeNotFoundError, QueryError
from artigraph.graph import record_inputs
from artigraph.view import CompareRow, compare_runs
from tests.support.documents import as_json
from tests.support.statements import counted

pytestmark = pytest.mark.usefixtures("engine")


@dataclass
class Data(ArtifactModel, name="compare.Data"):
    name: str


@dataclass
class Report(ArtifactModel, name="compare.Report"):
    accuracy: float
    losses: dict[str, float]
    history: list[float]
    data: Data
    metrics: ArtifactMapping[str, float]


async def trained(accuracy: float, *, label: str = "report", **fields: Any) -> Run:
    async with RunManager(Run(**fields)) as manager:
        own_input = await manager.save_artifact("input", Data(f"input of {accuracy}"))
        await write(partial(record_inputs, run_id=manager.run.node_id, node_ids=[own_input]))
        made = Report(accuracy, {"train": 1.0, "test": accuracy}, [1.0], Data("d"), ArtifactMapping({"f1": accuracy}))
        await manager.save_artifact(label, made)
    return manager.run


def by_name(rows: tuple[CompareRow, ...]) -> dict[str, CompareRow]:
    return {f"{row.kind} {row.name}": row for row in rows}


async def test_values_and_results_are_rows() -> None:
    first = await trained(0.5, parameters={"rate": 1, "same": [1, 2]}, tags={"team": "a"})
    second = await trained(0.75, parameters={"rate": 3, "same": [1, 2], "extra": None}, tags={"team": "b"})
    third = await trained(0.25, parameters={"rate": 2, "same": [1, 2]}, environment={"packages": {"numpy": "1"}})
    document = await compare_runs([first, second, third])
    data = as_json(document)["data"]
    assert [item["run_id"] for item in data["runs"]] == [str(run.node_id) for run in (first, second, third)]
    rows = by_name(document.rows)
    assert list(rows) == [
        *("parameter extra", "parameter rate", "parameter same", "tag team", "environment packages.numpy"),
        *("result report.accuracy", "result report.data.name", "result report.history", "result report.losses.test"),
        *("result report.losses.train", "result report.metrics.f1"),
    ]
    assert rows["parameter rate"] == CompareRow(
        "parameter", "rate", (1, 3, 2), (True, True, True), True, (0.0, 2.0, 1.0), (0,), (1,)
    )
    assert rows["parameter same"] == CompareRow(
        "parameter", "same", ("[1, 2]",) * 3, (True, True, True), False, (None,) * 3, (), ()
    )
    assert (rows["parameter extra"].present, rows["parameter extra"].differs) == ((False, True, False), True)
    assert rows["parameter extra"].values == (None, None, None)
    assert rows["tag team"].values == ("a", "b", None)
    for name in ("result report.accuracy", "result report.losses.test", "result report.metrics.f1"):
        row = rows[name]
        assert (row.values, row.deltas) == ((0.5, 0.75, 0.25), (0.0, 0.25, -0.25))
        assert (row.lowest, row.highest) == ((2,), (1,))
    assert (document.equal, document.cut) == (4, False)


async def test_only_differences() -> None:
    first, second = await trained(0.5, parameters={"a": 1, "b": 1}), await trained(0.5, parameters={"a": 1, "b": 2})
    document = await compare_runs([first, second], only_differences=True)
    assert [(row.kind, row.name) for row in document.rows] == [("parameter", "b")]
    assert document.equal == 7
    assert len((await compare_runs([first, second])).rows) == 8


@pytest.mark.parametrize(
    ("values", "differs", "deltas", "lowest", "highest"),
    [
        ((1, 1.0), True, (0, 0), (), ()),
        ((1, True), True, (0, None), (), ()),
        ((float("nan"), float("nan")), False, (None, None), (), ()),
        ((float("nan"), 1), True, (None, None), (), ()),
        ((float("inf"), 1), True, (None, None), (1,), (0,)),
        ((10**400, 1), True, (0, None), (1,), (0,)),
        (("a", "a"), False, (None, None), (), ()),
        (("x" * 20_000 + "a", "x" * 20_000 + "b"), True, (None, None), (), ()),
        (("x" * 20_000, "x" * 20_000), False, (None, None), (), ()),
        (({1, 2}, {2, 1}), False, (None, None), (), ()),
    ],
)
async def test_what_differs_is_decided_by_the_whole_values(
    values: tuple[Any, Any], differs: bool, deltas: Any, lowest: Any, highest: Any
) -> None:
    runs = [await _with_parameter(value) for value in values]
    document = await compare_runs(runs)
    as_json(document)
    [row] = document.rows
    assert (row.differs, row.deltas, row.lowest, row.highest) == (differs, deltas, lowest, highest)


async def _with_parameter(value: object) -> Run:
    async with RunManager(Run(parameters={"x": value})) as manager:
        pass
    return manager.run


async def test_two_of_three_may_share_the_best() -> None:
    runs = [await _with_parameter(value) for value in (2, 1, 2)]
    [row] = (await compare_runs(runs)).rows
    assert (row.lowest, row.highest) == ((1,), (0, 2))


async def test_what_is_left_out_is_said() -> None:
    async with RunManager(Run()) as manager:
        for number in range(101):
            await manager.save_artifact(f"{number:03}", Data("x"))
    other = await _with_parameter(1)
    document = await compare_runs([manager.run, other])
    assert document.cut
    assert [row.name for row in document.rows if row.kind == "result"] == [f"{n:03}.name" for n in range(100)]


async def test_what_cannot_be_compared_is_refused() -> None:
    run = await _with_parameter(1)
    many = [uuid4() for _ in range(51)]
    for wrong in ([], [run], [run, run], many):
        with pytest.raises(QueryError, match="2 to 50 different runs"):
            await compare_runs(wrong)
    with pytest.raises(InvalidNodeIdError, match="compare_runs takes several ids"):
        await compare_runs(run)  # type: ignore[arg-type]
    with pytest.raises(NodeNotFoundError, match="There is no run"):
        await compare_runs([run, uuid4()])
    with pytest.raises(NodeNotFoundError, match="There is no run"):
        await compare_runs([run, await Data("x").save("x")])


async def test_a_constant_number_of_statements() -> None:
    runs = [await trained(number / 10, parameters={"x": number}) for number in range(10)]
    counts: set[int] = set()
    for count in (2, 10):
        with counted() as statements:
            await compare_runs(runs[:count])
        counts.add(len(statements))
    assert counts == {4}
