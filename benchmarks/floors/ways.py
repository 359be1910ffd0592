"""The floors as ways that take turns with ours: inserting rows, and selecting rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.sql import Executable

from benchmarks.bench import Bench
from benchmarks.floors.raw import PostgresqlFloor
from benchmarks.harness import Way
from benchmarks.rows import Rows, renewed

__all__ = ["insert_ways", "nothing", "select_ways"]


def insert_ways(bench: Bench, rows: Rows, *, times: int = 1) -> dict[str, Way]:
    """Return the ways to insert rows with new ids, each time in a transaction; with COPY if the database has it."""

    async def fresh() -> list[Rows]:
        return [renewed(rows) for _ in range(times)]

    async def fresh_values() -> list[Any]:
        return [bench.raw.values(each) for each in await fresh()]

    def way(insert: Any, prepare: Any) -> Way:
        async def run(prepared: list[Any]) -> None:
            for each in prepared:
                await insert(each)

        return Way(run, prepare)

    ways = {"core": way(bench.core.insert, fresh), "raw": way(bench.raw.insert, fresh_values)}
    if isinstance(bench.raw, PostgresqlFloor):
        ways["copy"] = way(bench.raw.copy, fresh_values)
    return ways


def select_ways(bench: Bench, statement: Executable, parameters: Sequence[dict[str, Any]]) -> dict[str, Way]:
    """Return the ways to select rows, once for each set of parameters."""
    sql = bench.raw.compiled(statement)
    bound = [bench.raw.bound(sql, each) for each in parameters]

    async def core(_: object) -> None:
        for each in parameters:
            await bench.core.select(statement, each)

    async def raw(_: object) -> None:
        for each in bound:
            await bench.raw.select(sql, each)

    return {"core": Way(core, nothing), "raw": Way(raw, nothing)}


async def nothing() -> None:
    """Prepare nothing."""
