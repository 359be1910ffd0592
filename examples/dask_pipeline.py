"""A search whose trials run on Dask's workers and save into one Artigraph run.

    pip install artigraph distributed
    python examples/dask_pipeline.py

The workers get the run's token as an argument. They find the database as this process does: by `ARTIGRAPH_URL`, or in
the `.artigraph` folder of the working directory. On other machines, set `ARTIGRAPH_URL`.
"""

import asyncio
import random
from dataclasses import dataclass

from distributed import Client, LocalCluster

from artigraph import ArtifactModel, Run, RunManager


@dataclass
class Estimate(ArtifactModel):
    """The result of a trial."""

    seed: int
    pi: float


async def estimate(seed: int, points: int, token: str) -> float:
    """Estimate pi, and save the result in the token's run."""
    numbers = random.Random(seed)  # noqa: S311 (no secret)
    inside = sum(numbers.random() ** 2 + numbers.random() ** 2 < 1 for _ in range(points))
    found = Estimate(seed, 4 * inside / points)
    async with RunManager.resume(token) as manager:
        await manager.save_artifact(f"seed {seed}", found)
    return found.pi


def trial(seed: int, points: int, token: str) -> float:
    """Run a trial in a worker's thread, on an event loop of its own."""
    return asyncio.run(estimate(seed, points, token))


def search(seeds: range, points: int, token: str) -> None:
    """Run the trials on a cluster."""
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster, Client(cluster) as client:
        client.gather(client.map(trial, seeds, points=points, token=token))


async def main() -> None:
    """Start a run, let the cluster fill it, and load its artifacts."""
    points = 20_000
    run = Run(name="estimate pi", parameters={"points": points}, tags={"on": "dask"})
    async with RunManager(run) as manager:
        await asyncio.to_thread(search, range(6), points, manager.token())
        estimates = (await manager.load_artifacts()).values()
    values = [estimate.pi for estimate in estimates if isinstance(estimate, Estimate)]
    print(f"{len(values)} trials in run {run.node_id}: pi is about {sum(values) / len(values):.3f}")


if __name__ == "__main__":
    asyncio.run(main())
