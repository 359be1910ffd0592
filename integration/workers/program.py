"""A program whose tasks run in the workers of an engine: `python program.py ENGINE`. It prints what came out as JSON.

It defines its models, storages and tracked functions itself. It is the main program, so an engine sends them by value.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
from dataclasses import dataclass
from typing import Annotated, Any

import attrs
import engines
import lab
import numpy as np

from artigraph import (
    ArtifactModel,
    ArtifactModelConfig,
    Lazy,
    Run,
    RunManager,
    ancestors,
    artifact_field,
    origin_of,
    select,
    tracked,
)
from artigraph.errors import StorageError
from artigraph.pydantic import ArtifactModel as PydanticModel
from artigraph.storage.file import FileSystem

FILES = FileSystem(lab.FOLDER / "main", name="main-files", durable=False)
BUCKET = lab.bucket("main-bucket")


@dataclass
class Point(ArtifactModel):
    """A model within the other one. The annotation there is a text, whose name only this program knows."""

    x: float


@dataclass
class Measured(
    ArtifactModel,
    name="main.Measured",
    version=2,
    aliases=("Measured", "Former"),
    config=ArtifactModelConfig(large_value_storage=FILES),
):
    """A model of the main program. Without its class line it would have another name, version and config."""

    number: int
    near: np.ndarray[Any, Any] = artifact_field(storage=FILES)
    far: np.ndarray[Any, Any] = artifact_field(storage=BUCKET)
    points: list[Point] = artifact_field(default_factory=list)


class Settings(PydanticModel, name="main.Settings", version=3):
    """A model of pydantic, with a model of attrs in it."""

    rate: float
    note: Note


@attrs.define
class Note(ArtifactModel, name="main.Note", version=4):
    """A model of attrs, with a handle to a value that is loaded later."""

    text: str
    later: Annotated[Lazy[np.ndarray[Any, Any]], FILES]


def measured(number: int) -> Measured:
    """Return a model whose arrays follow from its number."""
    return Measured(number, np.arange(number), np.ones(number), [Point(number / 2)])


@tracked(cache=True)
async def double(measured: Measured, by: int) -> Measured:
    """Return a larger model. The function is async, and of the main program."""
    points = [Point(point.x * by) for point in measured.points]
    return Measured(measured.number * by, measured.near * by, measured.far * by, points)


def without_credentials(item: Measured) -> str:
    """Save a model whose storage came without its credentials, and return the error."""
    try:
        asyncio.run(item.save("unsaved"))
    except StorageError as error:
        return str(error)
    return "saved"


def by_value(item: tuple[str, str, ArtifactModel]) -> tuple[ArtifactModel, str, int]:
    """Take a model as an argument, save it in the run, load it without its class, and return what was loaded."""
    token, name, model = item
    lab.meet(name)
    lab.bucket("main-bucket").register()

    async def work() -> tuple[ArtifactModel, str, int]:
        node_id = await model.save(type(model).__name__ + str(getattr(model, "number", "")))
        untyped = await ArtifactModel.load(node_id)
        assert type(untyped) is type(model)
        assert untyped == model == await type(model).load(node_id)
        if isinstance(model, Settings):  # the handle was made where the main program runs
            assert (await model.note.later.load()).tolist() == [0, 1, 2]
        return untyped, str(node_id), os.getpid()

    found: tuple[ArtifactModel, str, int] = lab.in_run(token, work)
    return found


def compute(item: tuple[str, str, str, str]) -> tuple[Measured, lab.Sample, int]:
    """Load models by their ids without their classes, call the tracked functions, and return what they return."""
    token, name, measured_id, sample_id = item
    lab.meet(name, 1 if name == "first" else 2)
    lab.bucket("main-bucket").register()

    async def work() -> tuple[Measured, lab.Sample, int]:
        own, other = await ArtifactModel.load(measured_id), await ArtifactModel.load(sample_id)
        assert type(own) is Measured
        assert type(other) is lab.Sample
        return await double(own, 2), await asyncio.to_thread(lab.grow, other, 2), os.getpid()

    found: tuple[Measured, lab.Sample, int] = lab.in_run(token, work)
    return found


async def main(name: str) -> None:
    """Run the tasks, and load everything afterwards."""
    out: dict[str, Any] = {}
    async with RunManager(Run(name="workers")) as manager:
        token = manager.token()
        first, sample = measured(3), lab.sample(4)
        ids = await first.save("first"), await sample.save("sample")
        with engines.ENGINES[name]() as run_each:
            out["errors"] = await asyncio.to_thread(run_each, without_credentials, [measured(2)])
            settings_id = await Settings(rate=0.5, note=Note("of attrs", Lazy(np.arange(3)))).save("settings")
            models = [measured(5), measured(6), await Settings.load(settings_id), Note("alone", Lazy(np.ones(2)))]
            given = [(token, "values", model) for model in models]
            values = await asyncio.to_thread(run_each, by_value, given)
            tasks = [(token, step, str(ids[0]), str(ids[1])) for step in ("first", "second", "second")]
            computed = await asyncio.to_thread(run_each, compute, tasks[:1])
            computed += await asyncio.to_thread(run_each, compute, tasks[1:])
        here = await double(first, 2), await asyncio.to_thread(lab.grow, sample, 2)
        out["lineage"] = [
            first_id in (await ancestors(await origin_of(result))).nodes
            for first_id, result in zip(ids, here, strict=True)
        ]
    gc.collect()
    out["processes"] = [[pid for *_, pid in values], [pid for *_, pid in computed], os.getpid()]
    out["values"] = [
        type(model) is type(sent) and model == sent for (model, *_), (*_, sent) in zip(values, given, strict=True)
    ]
    out["results"] = [
        (type(one), type(other)) == (Measured, lab.Sample) and (one, other) == here for one, other, _ in computed
    ]
    loaded = [
        (await ArtifactModel.load(node_id), await type(model).load(node_id))
        for model, (_, node_id, _) in zip(models, values, strict=True)
    ]
    out["loads"] = [type(untyped) is type(typed) and untyped == typed for untyped, typed in loaded]
    out["found"] = len(await select(Measured).all())
    runs = [run for run in await select(Run).all() if run.name in ("double", "grow")]
    out["calls"] = sorted(
        (run.name, run.status, run.cached_from is not None, run.node_parent_id == manager.run.node_id) for run in runs
    )
    print(json.dumps(out))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
