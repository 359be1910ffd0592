"""How each database goes about a query: by the index of keys, not through the table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ClauseElement, Executable, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.ext.compiler import compiles

from artigraph import ArtifactModel, Run, columns, save_many, select
from artigraph.db import current_database, fetch_rows, insert_rows, read, write
from artigraph.db._dialect import dialect_name
from artigraph.graph.read import _SELECTS
from artigraph.orm import node_table, run_value_table
from artigraph.query import Select
from artigraph.query.sql import ask_all
from artigraph.run.state import row_at_start

INDEX = "ix_artigraph_node_search"
EXPLAIN = {
    "sqlite": "EXPLAIN QUERY PLAN",
    "postgresql": "EXPLAIN",
    "mysql": "EXPLAIN FORMAT=JSON",
    "mariadb": "EXPLAIN FORMAT=JSON",
}
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


class Explain(Executable, ClauseElement):
    """EXPLAIN before a statement."""

    inherit_cache = False

    def __init__(self, statement: Any) -> None:
        self.statement = statement


@compiles(Explain)
def _explain(element: Explain, compiler: Any, **kw: Any) -> str:
    return f"{EXPLAIN[dialect_name(compiler.dialect)]} {compiler.process(element.statement, **kw)}"


async def plan(asked: Select[Any]) -> str:
    """Return what the database says of how it would do it."""
    return await explained(asked._statement(*ask_all(asked._conditions), paged=True), {})


async def explained(statement: Any, parameters: dict[str, Any]) -> str:
    async def work(connection: AsyncConnection) -> str:
        found = await fetch_rows(connection, Explain(statement), parameters)
        return "\n".join(" ".join(str(cell) for cell in row) for row in found)

    return await read(work)


async def test_values_are_found_by_the_index_of_keys(engine: AsyncEngine) -> None:
    await save_many([("x", Measure(number, f"name {number:05}")) for number in range(4000)])
    dialect = (await current_database()).dialect

    async def analyze(connection: AsyncConnection) -> None:
        (await connection.execute(text(ANALYZE[dialect]))).close()

    await write(analyze)
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


async def test_a_tree_that_is_all_of_its_table_is_read_by_its_index(engine: AsyncEngine) -> None:
    """MySQL would read the table and sort it; SQLite and PostgreSQL may do as they like, and do well."""
    root_id = await Measures([Measure(number, "x") for number in range(1000)]).save("all")
    dialect = (await current_database()).dialect
    if dialect in ("mysql", "mariadb"):
        assert "uq_artigraph_node_tree_root_id_position" in await explained(_SELECTS[True, False], {"id": root_id})
    assert len((await Measures.load(root_id)).measures) == 1000
