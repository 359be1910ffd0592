"""How each database goes about a query: by the index of keys, not through the table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ClauseElement, Executable, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.ext.compiler import compiles

from artigraph import ArtifactModel, columns, save_many, select
from artigraph.db import current_database, fetch_rows, read, write
from artigraph.db._dialect import dialect_name
from artigraph.graph.read import _SELECTS
from artigraph.query import Select
from artigraph.query.sql import ask_all

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


async def test_a_tree_that_is_all_of_its_table_is_read_by_its_index(engine: AsyncEngine) -> None:
    """MySQL would read the table and sort it; SQLite and PostgreSQL may do as they like, and do well."""
    root_id = await Measures([Measure(number, "x") for number in range(1000)]).save("all")
    dialect = (await current_database()).dialect
    if dialect in ("mysql", "mariadb"):
        assert "uq_artigraph_node_tree_root_id_position" in await explained(_SELECTS[True, False], {"id": root_id})
    assert len((await Measures.load(root_id)).measures) == 1000
