"""What the stores of schema version 0002 hold beyond those of 0001: names and values of runs, leases, uses, aliases.

The classes and values are never changed, since they say what is in tests/data/stores/0002.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from artigraph import (
    NO_PARENT,
    ArtifactMapping,
    ArtifactModel,
    Node,
    Run,
    RunManager,
    ancestors,
    columns,
    descendants,
    select,
    series,
    tracked,
)
from artigraph.db import current_database
from tests.stores.release_0001 import INLINE_LIMIT, Leaf, Tree, Values, tree, values
from tests.support.identical import assert_identical

__all__ = ["INLINE_LIMIT", "STORAGE", "check", "fill"]

STORAGE = "store-0002"
"""The name of the storage that holds the objects."""
TAGS = {"team": "a", "Ünï": "cødé 🍣", "it's": '%s "quoted"'}
PARAMETERS: dict[str, Any] = {
    "rate": 0.1,
    "steps": 3**100,
    "from": datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin")),
    "exact": Decimal("-0.10"),
    "none": None,
    "long": "x" * 300 + "é",
    "nested": {"a": [1, (2.0, {"b"})]},
}
ENVIRONMENT = {"git_commit": "0" * 40, "packages": {"artigraph": "1.0.0"}}
NAME = "training 🍣 of 'it'"


@dataclass
class Step(ArtifactModel, name="stores.Step"):
    number: int


@tracked(name="step", tags={"kind": "tracked"})
async def step(before: Step, by: int = 2) -> Step:
    return Step(before.number + by)


async def fill(folder: Path) -> dict[str, Any]:
    """Save it all into the database that is in force, and return what is not the same in any two stores."""
    del folder
    models: dict[str, UUID] = {}
    models["values"] = await Values(ArtifactMapping(values())).save("values")
    named = Run(NO_PARENT, name=NAME, tags=TAGS, parameters=PARAMETERS, environment=ENVIRONMENT)
    async with RunManager(named) as outer:
        await Values.load(models["values"])
        models["tree"] = await outer.save_artifact("tree", tree())
        await step(await step(Step(1)), by=5)
        tracked_runs = await outer.load_descendant_runs()
    for number in range(3):
        async with RunManager(Run(NO_PARENT, name="nightly")) as manager:
            models[f"nightly {number}"] = await manager.save_artifact("leaf", Leaf(number, "of a series"))
    leaves = series(Leaf, "leaf")
    await leaves.set_alias("production", 1)
    await leaves.set_alias("the 'best' 🍣", -1)
    running = RunManager(Run(NO_PARENT, name="running"), lease=timedelta(days=366))
    await running.__aenter__()
    return {
        "store_id": (await current_database()).store_id,
        "models": models,
        "runs": {"outer": outer.run.node_id, "running": running.run.node_id},
        "tracked": [run.node_id for run in tracked_runs],
    }


async def check(index: Mapping[str, Any]) -> None:
    """Ask for all that is in the store that is in force, and compare it with what was saved."""
    assert (await current_database()).store_id == UUID(index["store_id"])
    models = {name: UUID(node_id) for name, node_id in index["models"].items()}
    outer_id, tracked_ids = UUID(index["runs"]["outer"]), [UUID(run_id) for run_id in index["tracked"]]
    assert_identical(await Values.load(models["values"]), Values(ArtifactMapping(values())))
    assert_identical(await Tree.load(models["tree"]), tree())
    await _check_runs(outer_id, tracked_ids)
    await _check_lineage(models, outer_id, tracked_ids)
    leaves = series(Leaf, "leaf")
    assert await leaves.all() == [Leaf(number, "of a series") for number in range(3)]
    assert await leaves.aliases() == {"production": models["nightly 1"], "the 'best' 🍣": models["nightly 2"]}
    assert await leaves.alias("production") == Leaf(1, "of a series")
    assert [node.node_id for node in await select(Node).labeled("tree").artifacts().all()] == [models["tree"]]


async def _check_runs(outer_id: UUID, tracked_ids: list[UUID]) -> None:
    c = columns(Run)
    (outer,) = await select(Run).where(c.name == NAME, c.tags["it's"] == TAGS["it's"], c.parameters["rate"] < 0.2).all()
    assert (outer.node_id, outer.tags, outer.environment) == (outer_id, TAGS, ENVIRONMENT)
    assert_identical(dict(sorted(outer.parameters.items())), dict(sorted(PARAMETERS.items())))
    assert await select(Run).where(c.parameters["long"] == PARAMETERS["long"]).ids() == [outer_id]
    assert await select(Run).where(c.tags["kind"] == "tracked", c.parameters["by"] == 5).ids() == tracked_ids[1:]
    (running,) = await select(Run).where(c.name == "running").all()
    assert running.status in ("running", "lost")  # a year from the day it was made
    assert await select(Run).where(c.name == "nightly", c.status == "completed").count() == 3


async def _check_lineage(models: Mapping[str, UUID], outer_id: UUID, tracked_ids: list[UUID]) -> None:
    assert outer_id in await descendants(models["values"])
    made_from = await ancestors(tracked_ids[1])
    assert [run.node_id for run in made_from.runs] == tracked_ids
    steps = [await Step.load(artifact.node_id) for artifact in made_from.artifacts]
    assert steps == [Step(1), Step(3)]
