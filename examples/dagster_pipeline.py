"""Dagster assets that are saved in one Artigraph run.

    pip install artigraph dagster
    python examples/dagster_pipeline.py

A resource passes the run's token to the assets. This also works in another process or on another machine, if
`ARTIGRAPH_URL` names the database there. The metadata of each asset tells Dagster the node id of its artifact.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

import dagster as dg

from artigraph import ArtifactModel, Run, RunManager


@dataclass
class Orders(ArtifactModel):
    """The orders of a day, each with its amount."""

    amounts: dict[str, float]


@dataclass
class Report(ArtifactModel):
    """A summary of the orders."""

    count: int
    total: float


class ArtigraphRun(dg.ConfigurableResource[None]):
    """The run in which assets are saved."""

    token: str


async def keep(token: str, label: str, model: ArtifactModel) -> dg.MaterializeResult[Any]:
    """Save an asset's model, and return its node id to Dagster."""
    async with RunManager.resume(token) as manager:
        node_id = await manager.save_artifact(label, model)
    return dg.MaterializeResult(metadata={"artigraph_node_id": str(node_id)})


@dg.asset
async def orders(artigraph_run: ArtigraphRun) -> dg.MaterializeResult[Any]:
    """Save today's orders."""
    return await keep(artigraph_run.token, "orders", Orders({"apples": 3.5, "pears": 2.25, "plums": 4.0}))


@dg.asset(deps=[orders])
async def report(artigraph_run: ArtigraphRun) -> dg.MaterializeResult[Any]:
    """Load the saved orders, and sum them up."""
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
