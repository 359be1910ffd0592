"""How SQLite executes a query. `integration/test_query_plans.py` runs on servers."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from artigraph import ArtifactModel, Node, Run, RunManager, columns, save_many, select
from artigraph.graph.leases import _first_expired
from tests.support.plans import SORTED, explained, plan


async def test_the_newest_are_found_without_sorting(engine: AsyncEngine) -> None:
    runs, nodes = columns(Run), columns(Node)
    made = [Run() for _ in range(5)]
    for run in made:
        async with RunManager(run):
            pass
    for asked in (
        select(Run).order_by(runs.node_id.desc()).limit(2),
        select(Run).order_by(runs.node_id.desc(), runs.started_at).limit(2),
        select(Run).limit(2),
        select(Run).where(runs.node_id < made[3]).order_by(runs.node_id.desc()).limit(2),
        select(Node).artifacts().where(nodes.node_id < made[3]).order_by(nodes.node_id.desc()).limit(2),
        select(Node).of_type("run").order_by(nodes.node_id.desc()).limit(2),
        select(Node).artifacts().order_by(nodes.node_id.desc()).limit(2),
        select(Node).order_by(nodes.node_id.desc()).limit(2),
    ):
        found = await plan(asked)
        assert not SORTED.search(found), found
    newest = [run.node_id for run in reversed(made)]
    page = select(Run).where(runs.node_id < made[3]).order_by(runs.node_id.desc()).limit(2)
    assert "(node_id<?)" in await plan(page)  # it begins at the id, and passes no newer nodes
    assert await page.ids() == newest[2:4]
    between = select(Run).where((runs.node_id <= made[3]) & (runs.node_id > made[1])).limit(9)
    assert await between.ids() == [made[2].node_id, made[3].node_id]
    assert await select(Run).order_by(runs.node_id.desc()).limit(2).ids() == newest[:2]
    assert await select(Node).of_type("run").order_by(nodes.node_id.desc()).ids() == newest
    assert await select(Run).order_by(runs.status, runs.node_id.desc(), runs.name).ids() == newest


@dataclass
class Measured(ArtifactModel, name="PlansMeasured"):
    value: int


async def test_runs_below_are_looked_up_even_with_statistics(engine: AsyncEngine) -> None:
    """With statistics, SQLite built a Bloom filter first, for which it read all nodes."""
    async with RunManager(Run()) as outer, RunManager(Run()) as inner:
        await save_many([(str(number), Measured(number)) for number in range(100)], inner.run.node_id)
    async with engine.begin() as connection:
        await connection.execute(text("ANALYZE"))
    found = await plan(select(Run).in_run(outer.run, descendants=True))
    assert "SCAN runs_below" in found
    assert "BLOOM" not in found
    assert "(parent_id>?)" not in found
    assert re.search(r"SEARCH child USING .*\(parent_id=\?\)", found), found
    assert await select(Run).in_run(outer.run, descendants=True).ids() == [inner.run.node_id]


async def test_a_value_is_found_by_all_columns_of_the_index_of_keys(engine: AsyncEngine) -> None:
    await save_many([("x", Measured(number)) for number in range(10)])
    c = columns(Measured)
    for asked, bound in ((c.value == 3, "search_key=?"), (c.value > 3, "search_key>? AND search_key<?")):
        found = await plan(select(Measured).where(asked))
        assert f"(node_type=? AND model_name=? AND label=? AND {bound})" in found


async def test_an_expired_lease_is_looked_for_at_the_end_of_an_index(engine: AsyncEngine) -> None:
    """Every start of a run looks for one. It must not read the leases of all running runs."""
    async with RunManager(Run()):
        found = await explained(_first_expired, {})
    assert "SEARCH artigraph_lease USING INDEX ix_artigraph_lease_expires_at (expires_at<?)" in found
    assert not SORTED.search(found), found
