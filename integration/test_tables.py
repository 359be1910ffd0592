"""Tables, and runs found by their artifacts, are the same on every database."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest

from artigraph import ArtifactMapping, ArtifactModel, Run, RunManager, artifact_field, columns, select
from artigraph.storage import MemoryStorage
from artigraph.stored import StoredEnum
from artigraph.table import ObjectCell
from tests.support.statements import counted

pytestmark = pytest.mark.usefixtures("engine")

memory = MemoryStorage("integration-tables")


class Color(Enum):
    RED = 1


@dataclass
class Data(ArtifactModel, name="integration-tables.Data"):
    size: int


@dataclass
class Report(ArtifactModel, name="integration-tables.Report"):
    title: str
    accuracy: float | None
    price: Decimal
    color: Color
    data: Data
    metrics: ArtifactMapping[str, float]
    settings: dict[str, int]
    large: bytes = artifact_field(storage=memory)


def report(number: int) -> Report:
    accuracy = None if number == 1 else number / 4
    metrics, settings = ArtifactMapping(loss=number / 8), {"depth": number}
    price, data = Decimal(f"{number}.10"), Data(number)
    return Report(f"é {number}", accuracy, price, Color.RED, data, metrics, settings, b"x" * number)


@pytest.fixture
async def run() -> Run:
    async with RunManager(Run(name="train", parameters={"rate": 0.5}, tags={"team": "é"})) as manager:
        for number in range(5):
            await manager.save_artifact(f"r{number}", report(number))
    return manager.run


async def test_rows_and_tables(run: Run) -> None:
    c = columns(Report)
    chosen = [c.title, c.accuracy, c.price, c.color, c.data.size, c.metrics["loss"], c.settings["depth"], c.large]
    properties = ("name", "status", "parameters.rate", "tags.team", "started_at")
    query = select(Report).where(c.metrics["loss"] > 0).order_by(c.data.size.desc())
    with counted() as statements:
        rows = await query.rows(*chosen, run=properties, label=True)
    assert len([text for text in statements if "SELECT" in text]) == 4  # ids, values, runs, their parameters
    assert [list(row.values())[2:9] for row in rows] == [
        [
            *(f"r{number}", f"é {number}", None if number == 1 else number / 4, Decimal(f"{number}.10")),
            *(Color.RED, number, number / 8),
        ]
        for number in (4, 3, 2, 1)
    ]
    for row in rows:
        assert isinstance(row["large"], ObjectCell)
        assert (row["settings.depth"], row["large"].size) == (row["data.size"], row["data.size"])
        assert (row["run_id"], row["run.name"], row["run.status"]) == (run.node_id, "train", "completed")
        assert (row["run.parameters.rate"], row["run.tags.team"]) == (0.5, "é")
        assert row["run.started_at"].utcoffset() is not None
    pytest.importorskip("pyarrow")
    table = (await query.table(*chosen, run=properties, label=True)).arrow
    assert table["price"].to_pylist() == [Decimal(f"{number}.10") for number in (4, 3, 2, 1)]
    assert table["color"].to_pylist() == ["RED"] * 4
    assert table["node_id"].to_pylist() == [str(row["node_id"]) for row in rows]
    batches = [len(batch) async for batch in select(Report).table_batches(c.title, size=2)]
    assert batches == [2, 2, 1]
    assert (await query.limit(2).table(c.title)).arrow["title"].to_pylist() == ["é 4", "é 3"]
    inside = select(Report).in_run(run, descendants=True)
    assert (await inside.table(c.title)).arrow["title"].to_pylist() == [f"é {number}" for number in range(5)]


async def test_by_stored_name(run: Run) -> None:
    c: Any = columns("integration-tables.Report")
    query = select("integration-tables.Report").where(c.metrics.loss >= 0.25).order_by(c.metrics.loss.desc())
    rows = await query.rows(c.title, c.color, c.settings.depth)
    red = StoredEnum("Color", "RED")
    assert [list(row.values())[2:] for row in rows] == [[f"é {number}", red, number] for number in (4, 3, 2)]
    names = list((await select("integration-tables.Report").rows())[0])
    assert names == ["node_id", "run_id", "accuracy", "color", "large", "price", "settings", "title"]


async def test_runs_by_what_they_hold_and_used(run: Run) -> None:
    c = columns(Report)
    some = select(Report).where(c.metrics["loss"] > 0.3)
    used = (await some.ids())[0]
    async with RunManager(Run(name="use")) as other:
        await Report.load(used)
    assert await select(Run).having(some).ids() == [run.node_id]
    assert await select(Run).having(some.limit(1)).count() == 1
    for asked in (used, some, some.limit(1), select(Report).in_run(run, descendants=True)):
        assert await select(Run).used(asked).ids() == [other.run.node_id]
    assert await select(Run).used(select(Report).where(c.accuracy > 5)).ids() == []
    assert [list(row.values())[1:] for row in await select(Run).rows("name", "parameters.rate")] == [
        ["train", 0.5],
        ["use", None],
    ]
