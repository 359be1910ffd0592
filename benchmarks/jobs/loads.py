"""Loading models whose values are in the database, always outside of a run."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Select, bindparam, literal, select

from artigraph import Run, RunManager, load_many, save_many
from artigraph.orm import node_table
from benchmarks.bench import Bench, Job
from benchmarks.floors.ways import nothing, select_ways
from benchmarks.harness import Way, interleave
from benchmarks.models import Group, Record, group_of_nodes, record
from benchmarks.results import Row, compared
from benchmarks.rows import load_columns, load_tree

__all__ = ["JOBS"]

_root = node_table.alias("root")
_in_run = (
    select(_root.c.node_id, *load_columns)
    .select_from(_root.join(node_table, node_table.c.tree_root_id == _root.c.node_id))
    .where(_root.c.parent_id == bindparam("run"))
    .order_by(_root.c.node_id, node_table.c.position)
)
"""All rows of a run's artifacts."""


def _below_run() -> Select[Any]:
    """Return the select of all rows of the artifacts of all runs below a run."""
    below = select(_root.c.node_id).where(_root.c.parent_id == bindparam("run"), _root.c.node_type == "run").cte(
        "below", recursive=True
    )  # fmt: skip
    deeper = select(_root.c.node_id).join(below, _root.c.parent_id == below.c.node_id).where(_root.c.node_type == "run")
    runs = below.union(deeper)
    artifact = node_table.alias("artifact")
    return (
        select(artifact.c.parent_id, artifact.c.node_id, *load_columns)
        .select_from(
            runs.join(artifact, artifact.c.parent_id == runs.c.node_id).join(
                node_table, node_table.c.tree_root_id == artifact.c.node_id
            )
        )
        .order_by(artifact.c.node_id, node_table.c.position)
    )


def _by_ids(ids: Sequence[UUID]) -> Select[Any]:
    """Return the select of all rows of some artifacts."""
    wanted = node_table.c.tree_root_id.in_([literal(each, node_table.c.tree_root_id.type) for each in ids])
    return (
        select(node_table.c.tree_root_id, *load_columns)
        .where(wanted)
        .order_by(*node_table.c["tree_root_id", "position"])
    )


async def load_one(bench: Bench) -> Sequence[Row]:
    """Load one model after another."""
    count = bench.effort.of(100)
    ids = [await record(number).save("benchmark") for number in range(count)]

    async def ours(_: object) -> None:
        for node_id in ids:
            await Record.load(node_id)

    ways = select_ways(bench, load_tree, [{"root": node_id} for node_id in ids])
    seconds = await interleave({"ours": Way(ours, nothing), **ways}, rounds=bench.effort.rounds)
    title = "load one model (7 rows)"
    return [compared(seconds, job="load-one", title=title, database=bench.database, limit=1.6, each=count)]


async def load_nodes(bench: Bench) -> Sequence[Row]:
    """Load a tree of 10,000 nodes."""
    nodes = bench.effort.of(10_000)
    root_id = await group_of_nodes(nodes).save("benchmark")

    async def ours(_: object) -> None:
        await Group.load(root_id)

    title = f"load a tree of {nodes:,} nodes into models"
    return await _compare(bench, ours, load_tree, {"root": root_id}, "load-tree", title)


async def load_run(bench: Bench) -> Sequence[Row]:
    """Load a run of 1,000 models."""
    count = bench.effort.of(1000)
    async with RunManager(Run()) as manager:
        await manager.save_artifacts({f"model-{number}": record(number) for number in range(count)})

    async def ours(_: object) -> None:
        await manager.load_artifacts()

    title = f"load a run of {count:,} models"
    return await _compare(bench, ours, _in_run, {"run": manager.run.node_id}, "load-run", title)


async def load_by_ids(bench: Bench) -> Sequence[Row]:
    """Load 1,000 models by their ids in one call."""
    count = bench.effort.of(1000)
    ids = await save_many((f"model-{number}", record(number)) for number in range(count))

    async def ours(_: object) -> None:
        await load_many(Record, ids)

    title = f"load {count:,} models by their ids in one call"
    return await _compare(bench, ours, _by_ids(ids), {}, "load-many", title)


async def load_descendants(bench: Bench) -> Sequence[Row]:
    """Load the artifacts of 10 child runs of 1,000 each."""
    count = bench.effort.of(1000)
    numbers = itertools.count()
    async with RunManager(Run()) as manager:
        for _ in range(10):
            async with RunManager(Run()) as child:
                await child.save_artifacts({f"model-{number}": record(next(numbers)) for number in range(count)})

    async def ours(_: object) -> None:
        await manager.load_descendant_artifacts()

    title = f"load 10 child runs of {count:,} models each"
    return await _compare(bench, ours, _below_run(), {"run": manager.run.node_id}, "load-child-runs", title, heavy=True)


async def _compare(
    bench: Bench,
    ours: Any,
    statement: Select[Any],
    parameters: dict[str, Any],
    job: str,
    title: str,
    *,
    heavy: bool = False,
) -> list[Row]:
    """Compare a load with a select of its rows."""
    rounds = bench.effort.heavy_rounds if heavy else bench.effort.rounds
    ways = select_ways(bench, statement, [parameters])
    seconds = await interleave({"ours": Way(ours, nothing), **ways}, rounds=rounds)
    return [compared(seconds, job=job, title=title, database=bench.database, limit=2.0)]


JOBS = (
    Job("load-one", load_one),
    Job("load-tree", load_nodes),
    Job("load-run", load_run),
    Job("load-many", load_by_ids),
    Job("load-child-runs", load_descendants),
)
