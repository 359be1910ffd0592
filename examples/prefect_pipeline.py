"""A Prefect flow whose tasks save into one Artigraph run.

    pip install artigraph prefect
    python examples/prefect_pipeline.py

The tasks get the run's token as an argument. So they may run in other threads, in other processes, or on other machines
where `ARTIGRAPH_URL` names the database.
"""

import asyncio
from dataclasses import dataclass
from statistics import fmean

from prefect import flow, task

from artigraph import ArtifactModel, Run, RunManager

READINGS = {"Oslo": [3.5, 4.0, 2.5], "Rome": [14.0, 16.5, 15.0], "Cairo": [22.0, 25.5, 24.0]}


@dataclass
class Climate(ArtifactModel):
    """Climate figures of a city."""

    city: str
    degrees: list[float]
    mean: float


@task
async def measure(city: str, token: str) -> None:
    """Compute the figures of a city, and save them in the token's run."""
    degrees = READINGS[city]
    async with RunManager.resume(token) as manager:
        await manager.save_artifact(city, Climate(city, degrees, fmean(degrees)))


@task
async def warmest(token: str) -> str:
    """Load the artifacts of the other tasks, find the warmest city, and tag the run with it."""
    async with RunManager.resume(token) as manager:
        climates = [it for it in (await manager.load_artifacts()).values() if isinstance(it, Climate)]
        city = max(climates, key=lambda climate: climate.mean).city
        await manager.add_tags({"warmest": city})
    return city


@flow
async def survey(cities: list[str]) -> str:
    """Measure all cities concurrently, in a run with the name of the flow."""
    run = Run(name="survey", parameters={"cities": cities})
    async with RunManager(run, capture_environment=True) as manager:
        token = manager.token()
        for future in [measure.submit(city, token) for city in cities]:
            future.wait()
        return f"The warmest of {len(cities)} cities in run {run.node_id} is {await warmest(token)}"


if __name__ == "__main__":
    print(asyncio.run(survey(list(READINGS))))
