"""How a database would execute a statement."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import ClauseElement, Executable
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles

from artigraph.db import fetch_rows, read
from artigraph.db._dialect import dialect_name
from artigraph.query import Select

__all__ = ["SORTED", "explained", "plan"]

EXPLAIN = {
    "sqlite": "EXPLAIN QUERY PLAN",
    "postgresql": "EXPLAIN",
    "mysql": "EXPLAIN FORMAT=JSON",
    "mariadb": "EXPLAIN FORMAT=JSON",
}
SORTED = re.compile(r"TEMP B-TREE|Sort|filesort\": true|\"filesort\"", re.IGNORECASE)


class Explain(Executable, ClauseElement):
    """EXPLAIN before a statement."""

    inherit_cache = False

    def __init__(self, statement: Any) -> None:
        self.statement = statement


@compiles(Explain)
def _explain(element: Explain, compiler: Any, **kw: Any) -> str:
    return f"{EXPLAIN[dialect_name(compiler.dialect)]} {compiler.process(element.statement, **kw)}"


async def plan(asked: Select[Any]) -> str:
    """Return the plan of the database."""
    return await explained(asked._statement(*asked._asked(), paged=True), {})


async def explained(statement: Any, parameters: dict[str, Any]) -> str:
    async def work(connection: AsyncConnection) -> str:
        found = await fetch_rows(connection, Explain(statement), parameters)
        return "\n".join(" ".join(str(cell) for cell in row) for row in found)

    return await read(work)
