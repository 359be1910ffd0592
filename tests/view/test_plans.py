"""Without statistics, SQLite still finds the rows of a page by their ids, and reads not all rows of their type."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

import pytest
from sqlalchemy import make_url

from artigraph import ArtifactModel, Run, RunManager, columns, select
from artigraph.view import artifacts_page, compare_runs, run_document, runs_page
from artigraph.view.listing import group_by_input, list_run_columns, ordered_runs, runs_by_result
from tests.support.statements import counted


@dataclass
class Planned(ArtifactModel, name="view.Planned"):
    value: float


@pytest.mark.usefixtures("engine")
async def test_rows_are_looked_up_by_their_ids(database_url: str) -> None:
    runs: list[Run] = []
    for number in range(60):
        run = Run(name="planned", parameters={"number": number})
        async with RunManager(run) as manager:
            await manager.save_artifact("planned", Planned(number / 2))
        runs.append(run)
    c = columns(Run)
    shown = ["parameters.number", "results.planned.value"]
    with counted() as seen:
        page = await runs_page(columns=shown, top_only=True)
        await runs_page(select(Run).where(c.name == "planned"), columns=shown)
        await group_by_input(page)
        await list_run_columns(runs)
        await runs_by_result("results.planned.value", columns=shown)
        await ordered_runs(select(Run).order_by(c.started_at.desc()), columns=shown)
        await compare_runs(runs[:50])
        await run_document(runs[0])
        await artifacts_page("view.Planned", columns=["value"])
        assert len(await select(Run).where(c.parameters["number"] < 55).all()) == 55
        assert len(await select(Planned).where(columns(Planned).value < 20).all()) == 40
    assert len(seen) > 20
    with sqlite3.connect(make_url(database_url).database or "") as connection:
        for statement in set(seen):
            if not statement.startswith(("SELECT", "WITH")):
                continue
            rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}", [None] * statement.count("?"))
            plan = "\n".join(row[3] for row in rows)
            if " IN (?, ?" in statement:
                assert "ix_artigraph_node_search (node_type=?)" not in plan, f"{statement}\n{plan}"
    connection.close()
