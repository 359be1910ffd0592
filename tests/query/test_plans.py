"""How SQLite goes about a question; `integration/test_query_plans.py` asks the servers."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from artigraph import ArtifactModel, Node, Run, RunManager, columns, save_many, select
from tests.support.plans import SORTED, plan


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
        select(Node).of_type("run").order_by(nodes.node_id.desc()).limit(2),
        select(Node).artifacts().order_by(nodes.node_id.desc()).limit(2),
        select(Node).order_by(nodes.node_id.desc()).limit(2),
    ):
        found = await plan(asked)
        assert not SORTED.search(found), found
    newest = [run.node_id for run in reversed(made)]
    assert await select(Run).order_by(runs.node_id.desc()).limit(2).ids() == newest[:2]
    assert await select(Node).of_type("run").order_by(nodes.node_id.desc()).ids() == newest
    assert await select(Run).order_by(runs.status, runs.node_id.desc(), runs.name).ids() == newest


@dataclass
class Measured(ArtifactModel, name="PlansMeasured"):
    value: int


async def test_a_value_is_found_by_all_columns_of_the_index_of_keys(engine: AsyncEngine) -> None:
    await save_many([("x", Measured(number)) for number in range(10)])
    c = columns(Measured)
    for asked, bound in ((c.value == 3, "search_key=?"), (c.value > 3, "search_key>? AND search_key<?")):
        found = await plan(select(Measured).where(asked))
        assert f"(node_type=? AND model_name=? AND label=? AND {bound})" in found
