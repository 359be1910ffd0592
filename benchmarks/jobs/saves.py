"""Saving models whose values are stored in the database."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from artigraph import save_many
from benchmarks.bench import Bench, Job
from benchmarks.floors.ways import insert_ways, nothing
from benchmarks.harness import Way, interleave
from benchmarks.models import group, record
from benchmarks.results import Row, compared
from benchmarks.rows import Rows

__all__ = ["JOBS"]


async def save_one(bench: Bench) -> Sequence[Row]:
    """Save models one by one, each in its own transaction."""
    count = bench.effort.of(100)
    models = [record(number) for number in range(count)]
    rows = await bench.core.tree(await models[0].save("benchmark"))

    async def ours(_: object) -> None:
        for model in models:
            await model.save("benchmark")

    ways = insert_ways(bench, rows, times=count)
    ways.pop("copy", None)
    seconds = await interleave({"ours": Way(ours, nothing), **ways}, rounds=bench.effort.rounds)
    title = "save one model (7 rows), its own transaction"
    return [compared(seconds, job="save-one", title=title, database=bench.database, limit=1.5, each=count)]


async def save_nested(bench: Bench) -> Sequence[Row]:
    """Save one model with many nested ones."""
    count = bench.effort.of(1000)
    model = group(count)
    rows = await bench.core.tree(await model.save("benchmark"))

    async def ours(_: object) -> None:
        await model.save("benchmark")

    title = f"save one model with {count:,} nested models ({len(rows):,} rows)"
    return await _bulk(bench, Way(ours, nothing), rows, "save-nested", title)


async def save_in_bulk(bench: Bench) -> Sequence[Row]:
    """Save many models in one call."""
    count = bench.effort.of(1000)
    models = [record(number) for number in range(count)]
    labelled = [(f"model-{number}", model) for number, model in enumerate(models)]

    async def ours(_: object) -> list[UUID]:
        return await save_many(labelled)

    rows = [row for root_id in await ours(None) for row in await bench.core.tree(root_id)]
    title = f"save {count:,} models in one call ({len(rows):,} rows)"
    return await _bulk(bench, Way(ours, nothing), rows, "save-many", title)


async def _bulk(bench: Bench, ours: Way, rows: Rows, job: str, title: str) -> list[Row]:
    """Compare a save with one insert of its rows."""
    ways = {"ours": ours, **insert_ways(bench, rows)}
    seconds = await interleave(ways, rounds=bench.effort.rounds)
    copied = seconds.pop("copy", None)
    found = [compared(seconds, job=job, title=title, database=bench.database, limit=2.0)]
    if copied is not None:
        found.append(
            compared(
                {"ours": seconds["ours"], "raw": copied},
                job=f"{job}-copy",
                title=f"{title}, raw being COPY",
                database=bench.database,
                limit=None,
                against="raw",
                note="reported",
            )
        )
    return found


JOBS = (Job("save-one", save_one), Job("save-many", save_in_bulk), Job("save-nested", save_nested))
