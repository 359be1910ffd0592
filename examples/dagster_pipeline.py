"""Dagster assets that are kept in one Artigraph run.

    pip install artigraph dagster
    python examples/dagster_pipeline.py

A resource tells the assets of the run, by its token: in another process or on another machine it works as well, where
`ARTIGRAPH_URL` names the database. Dagster is told of the node of each artifact, in the metadata of the asset.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

import dagster as dg

from artigraph import ArtifactModel, Run, RunManager


@dataclass
class Orders(ArtifactModel):
    """What was ordered, and for how much each."""

    amounts: dict[str, float]


@dataclass
class Report(ArtifactModel):
    """What came of it."""

    count: int
    total: float


class ArtigraphRun(dg.ConfigurableResource[None]):
    """The run that assets are kept in."""

    token: str


async def keep(token: str, label: str, model: ArtifactModel) -> dg.MaterializeResult[Any]:
    """Save what an asset is, and tell Dagster where."""
    async with RunManager.resume(token) as manager:
        node_id = await manager.save_artifact(label, model)
    return dg.MaterializeResult(metadata={"artigraph_node_id": str(node_id)})


@dg.asset
async def orders(artigraph_run: ArtigraphRun) -> dg.MaterializeResult[Any]:
    """Keep today's orders."""
    return await keep(artigraph_run.token, "orders", Orders({"apples": 3.5, "pears": 2.25, "plums": 4.0}))


@dg.asset(deps=[orders])
async def report(artigraph_run: ArtigraphRun) -> dg.MaterializeResult[Any]:
    """Sum up the orders, as they were kept."""
    async with RunManager.resume(artigraph_run.token) as manager:
        amounts = (await manager.load_artifact("orders", Orders)).amounts
    return await keep(artigraph_run.token, "report", Report(len(amounts), sum(amounts.values())))


async def main() -> None:
    """Materialize both assets in one run."""
    async with RunManager(Run(name="orders", tags={"by": "dagster"})) as manager:
        resources = {"artigraph_run": ArtigraphRun(token=manager.token())}
        result = await asyncio.to_thread(dg.materialize, [orders, report], resources=resources)
        kept = await manager.load_artifact("report", Report)
    node_id = result.asset_materializations_for_node("report")[0].metadata["artigraph_node_id"].value
    print(f"{kept.count} orders for {kept.total:.2f}: node {node_id} of run {manager.run.node_id}")


if __name__ == "__main__":
    asyncio.run(main())
