"""How each database executes a query: it uses the index of keys, and does not scan the table."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from artigraph import ArtifactModel, Node, Run, RunManager, columns, save_many, select
from artigraph.db import current_database, insert_rows, write
from artigraph.graph._read import _SELECTS
from artigraph.graph.leases import _first_expired
from artigraph.identifiers import new_ids
from artigraph.orm import lease_table, node_table, run_value_table
from artigraph.run._state import row_at_start
from artigraph.versions._sql import SeriesKey, _versions
from tests.support.plans import SORTED, explained, plan

INDEX = "ix_artigraph_node_search"
_NODES = "(artifact|child|part|labeled)"
THROUGH_THE_TABLE = re.compile(
    rf'SCAN {_NODES}\b|Seq Scan|Table scan on {_NODES}\b|"table_name": "{_NODES}",\s*"access_type": "ALL"'
)
"""The text by which each database reports a scan of all nodes."""
IN_RANGE_OF_EXPIRY = re.compile(
    r'expires_at \(expires_at<\?\)|Index Cond: \(expires_at|index range scan|"used_key_parts": \["expires_at"\]'
)
"""The text by which each database reports a range of the index of expiry times."""
ANALYZE = {
    "sqlite": "ANALYZE",
    "postgresql": "ANALYZE artigraph_node",
    "mysql": "ANALYZE TABLE artigraph_node",
    "mariadb": "ANALYZE TABLE artigraph_node PERSISTENT FOR ALL",
}


@dataclass
class Measure(ArtifactModel, name="PlanMeasure"):
    value: float
    name: str


@dataclass
class Measures(ArtifactModel, name="PlanMeasures"):
    measures: list[Measure]


async def analyze(table: str = "artigraph_node") -> None:
    """Let the database gather statistics."""
    dialect = (await current_database()).dialect
    statement = text(ANALYZE[dialect].replace("artigraph_node", table))

    async def work(connection: AsyncConnection) -> None:
        (await connection.execute(statement)).close()

    await write(work)


async def test_values_are_found_by_the_index_of_keys(engine: AsyncEngine) -> None:
    await save_many([("x", Measure(number, f"name {number:05}")) for number in range(4000)])
    await analyze()
    c = columns(Measure)
    conditions: list[Any] = [
        c.value == 17,
        c.value > 3990,
        (c.value > 17) & (c.value < 20),
        c.value.in_([1, 2, 3]),
        c.name.startswith("name 0001"),
        (c.value == 17) | (c.name == "name 00018"),
    ]
    for condition in conditions:
        asked = select(Measure).where(condition)
        assert INDEX in await plan(asked)
        assert INDEX in await plan(asked.order_by(c.value.desc()).limit(5))


async def test_runs_are_found_by_their_names_tags_and_parameters(engine: AsyncEngine) -> None:
    dialect = (await current_database()).dialect
    runs = [
        row_at_start(Run(name=f"name {number:05}", tags={"x": f"{number}"}, parameters={"x": number}))
        for number in range(2000)
    ]

    async def insert(connection: AsyncConnection) -> None:
        nodes = [
            {"node_id": run.node_id.bytes, "node_type": "run", "run_status": "completed", "search_key": run.name_key}
            for run in runs
        ]
        await insert_rows(connection, node_table, nodes)
        values = [{**row._asdict(), "run_id": run.node_id.bytes} for run in runs for row in run.values]
        await insert_rows(connection, run_value_table, values)
        for table in ("artigraph_node", "artigraph_run_value"):
            analyze = ANALYZE[dialect].replace("artigraph_node", table)
            (await connection.execute(text(analyze))).close()

    await write(insert)
    c: Any = columns(Run)
    for condition in (c.parameters["x"] == 17, c.parameters["x"] > 1990, c.tags["x"] == "17"):
        assert "ix_artigraph_run_value_search" in await plan(select(Run).where(condition))
        assert "ix_artigraph_run_value_search" in await plan(select(Run).where(condition | (c.tags["x"] == "18")))
    for condition in (c.name == "name 00017", c.name.startswith("name 0001")):
        assert INDEX in await plan(select(Run).where(condition))
        assert INDEX in await plan(select(Run).where(condition | (c.name == "name 00042")))


@pytest.mark.parametrize("analyzed", [True, False])
async def test_the_newest_are_found_without_sorting(engine: AsyncEngine, *, analyzed: bool) -> None:
    """A walk backward along the primary key ends after `limit` matches, with statistics and without."""
    rows = [row_at_start(Run()) for _ in range(12_000)]
    await write(
        lambda connection: insert_rows(
            connection,
            node_table,
            [{"node_id": row.node_id.bytes, "node_type": "run", "run_status": "completed"} for row in rows],
        )
    )
    await save_many([(f"label {number}", Measure(number, "x")) for number in range(2000)])
    if analyzed:
        await analyze()
    runs, nodes = columns(Run).node_id, columns(Node).node_id
    for asked in (
        select(Run).order_by(runs.desc()).limit(2),
        select(Run).order_by(runs).limit(2),
        select(Run).order_by(runs.desc(), columns(Run).started_at).limit(2),
        select(Run).limit(2),
        select(Run).where(runs < rows[6000].node_id).order_by(runs.desc()).limit(2),
        select(Node).artifacts().order_by(nodes.desc()).limit(2),
    ):
        found = await plan(asked)
        assert not SORTED.search(found), found
    newest = [row.node_id for row in rows[:-3:-1]]
    assert await select(Run).order_by(runs.desc()).limit(2).ids() == newest
    page = select(Run).where(runs < rows[6000].node_id).order_by(runs.desc()).limit(2)
    assert [run.node_id for run in await page.all()] == [rows[5999].node_id, rows[5998].node_id]


@pytest.mark.parametrize("analyzed", [True, False])
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_runs_among_many_nodes_have_an_index_of_their_own(engine: AsyncEngine, *, analyzed: bool) -> None:
    """Few runs among many nodes, and few top-level runs among many runs, are found without a walk through the rest."""
    top = row_at_start(Run())
    inside = [row_at_start(Run(top.node_id)) for _ in range(6000)]
    await write(
        lambda connection: insert_rows(
            connection,
            node_table,
            [
                {
                    "node_id": row.node_id.bytes,
                    "parent_id": None if row is top else top.node_id.bytes,
                    "node_type": "run",
                    "run_status": "completed",
                }
                for row in (top, *inside)
            ],
        )
    )
    await save_many([(f"label {number}", Measure(number, "x")) for number in range(6000)])
    if analyzed:
        await analyze()
    top_level = select(Run).top_level().newest_first().limit(2)
    assert "ix_artigraph_node_top_run" in await plan(top_level)
    assert "ix_artigraph_node_top_run" in await plan(top_level.older_than(inside[-1].node_id))
    assert await top_level.ids() == [top.node_id]
    newest = select(Run).newest_first().limit(2)
    assert "ix_artigraph_node_run" in await plan(newest)
    assert "ix_artigraph_node_run" in await plan(newest.older_than(inside[2000].node_id))
    for asked in (top_level, newest):
        found = await plan(asked)
        assert not SORTED.search(found), found


async def test_a_tree_that_is_all_of_its_table_is_read_by_its_index(engine: AsyncEngine) -> None:
    """By itself, MySQL would scan and sort the table. SQLite and PostgreSQL may choose any plan; theirs are good."""
    root_id = await Measures([Measure(number, "x") for number in range(1000)]).save("all")
    dialect = (await current_database()).dialect
    if dialect in ("mysql", "mariadb"):
        assert "uq_artigraph_node_tree_root_id_position" in await explained(_SELECTS["one", False], {"ids": root_id})
    assert len((await Measures.load(root_id)).measures) == 1000


async def test_nodes_are_found_by_their_labels_and_runs(engine: AsyncEngine) -> None:
    await save_many([(f"label {number % 200}", Measure(number, "x")) for number in range(4000)])
    await Measures([Measure(number, "y") for number in range(20)]).save("measures")
    async with RunManager(Run()) as outer, RunManager(Run()) as inner:
        await inner.save_artifacts({str(number): Measure(number, "z") for number in range(20)})
    await analyze()
    for asked in (
        select(Node).labeled("label 7"),
        select(Node).labeled("label 7").limit(5),
        select(Node).labeled("7").artifacts(),
        select(Node).labeled("x", "y").of_model(Measures),
    ):
        found = await plan(await asked._named())
        assert INDEX in found
        assert not THROUGH_THE_TABLE.search(found), found
    for asked in (select(Node).in_run(inner), select(Node).in_run(outer, descendants=True).of_type("value")):
        found = await plan(asked)
        assert "artigraph_node_parent_id_label" in found or "artigraph_node_2 (parent_id=?)" in found
        assert not THROUGH_THE_TABLE.search(found), found


async def test_versions_are_found_in_their_order(engine: AsyncEngine) -> None:
    """No other rows are read and nothing is sorted, however many rows there are."""
    ids = await save_many([("same", Measure(number, "x")) for number in range(4000)])
    await save_many([("nested", Measures([Measure(1, "x")])) for _ in range(200)])
    await analyze()
    key = SeriesKey("PlanMeasure", "same")
    place = node_table.c.search_key
    for order in (place, place.desc()):
        newest = _versions(key, ids[0], ids[-1], node_table.c.node_id).order_by(order).limit(1)
        found = await explained(newest, {})
        assert INDEX in found
        assert not SORTED.search(found), found


@pytest.mark.parametrize("analyzed", [False, True])
async def test_an_expired_lease_is_looked_for_at_the_end_of_an_index(engine: AsyncEngine, *, analyzed: bool) -> None:
    """Every start of a run looks for one. It must not read the leases of all running runs."""
    ids = new_ids(2000)
    runs = [{"node_id": each, "node_type": "run", "run_status": "running"} for each in ids]
    later = datetime.now(UTC) + timedelta(days=1)

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(insert(node_table), runs)
        await connection.execute(insert(lease_table), [{"run_id": each, "expires_at": later} for each in ids])

    await write(work)
    if analyzed:
        await analyze("artigraph_lease")
    found = await explained(_first_expired, {})
    assert IN_RANGE_OF_EXPIRY.search(found), found
    assert not SORTED.search(found), found
