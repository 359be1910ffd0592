"""Saving models whose values are small objects in a storage."""

from __future__ import annotations

import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from artigraph import ArtifactModel, artifact_field
from artigraph.db import DialectName
from artigraph.storage.file import FileSystem
from benchmarks.bench import Bench, Job
from benchmarks.floors.protocol import save_with_objects
from benchmarks.harness import Way, interleave
from benchmarks.results import Row, compared
from benchmarks.rows import renewed

__all__ = ["JOBS"]

_SIZE = 4096


async def save_objects(bench: Bench) -> Sequence[Row]:
    """Save a model with one new object, and one with an object that is stored already."""
    count = bench.effort.of(40)
    storage = FileSystem(bench.folder / "objects", name=f"benchmark-{uuid.uuid4().hex}")
    plain = bench.folder / "floor"
    plain.mkdir()
    known = os.urandom(_SIZE)

    @dataclass
    class Objects(ArtifactModel, name="BenchmarkObjects"):
        new: bytes = artifact_field(storage=storage)
        known: bytes = artifact_field(storage=storage)

    rows = await bench.core.tree(await Objects(os.urandom(_SIZE), known).save("benchmark"))
    places = {row["label"]: number for number, row in enumerate(rows)}

    async def models() -> list[Objects]:
        return [Objects(os.urandom(_SIZE), known) for _ in range(count)]

    async def ours(prepared: list[Objects]) -> None:
        for model in prepared:
            await model.save("benchmark")

    async def batches() -> list[Any]:
        return [(renewed(rows), {places["new"]: os.urandom(_SIZE), places["known"]: known}) for _ in range(count)]

    async def core(prepared: list[Any]) -> None:
        dialect = cast("DialectName", bench.database)
        for batch, objects in prepared:
            await save_with_objects(bench.core, dialect, plain, storage.name, batch, objects)

    seconds = await interleave(
        {"ours": Way(ours, models), "core": Way(core, batches)}, rounds=bench.effort.heavy_rounds
    )
    title = "save a model with two objects of 4 KiB in files, one new and one known"
    return [compared(seconds, job="save-objects", title=title, database=bench.database, limit=1.5, each=count)]


JOBS = (Job("save-objects", save_objects),)
