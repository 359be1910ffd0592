"""Artigraph of this checkout, in the project's environment.

One by one: `save` and `load`, outside of any run and session. Nested: one model with an `ArtifactSequence` of the
records. In bulk: `save_artifacts` in a new run, so that the run's start and end are in the figure, and `load_artifacts`
after it ended.

Newest: `select(Run).newest_first()`. The runs are copies of the rows of one that `RunManager` recorded: a name, a
parameter, and an artifact each. Lineage: `ancestors`, in a graph of runs that used and produced artifacts. Cached: a
call of a function with `@tracked(cache=True)`, with an equal model as its argument. Delete: `delete` of a run.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph import (
    ArtifactModel,
    ArtifactSequence,
    Run,
    RunManager,
    ancestors,
    delete,
    tracked,
)
from artigraph import select as find
from artigraph.db import create_tables, insert_rows, read, set_engine, write
from artigraph.identifiers import new_ids
from artigraph.lineage import Lineage
from artigraph.orm import node_table, run_value_table
from artigraph.serializer.search_key import search_key
from benchmarks.peers.answers import PAGE, RunValues, inputs, run_values
from benchmarks.peers.worker import Deleted, Job, Peer, Served, Values, Way, serve, the_size, values


@dataclass
class Record(ArtifactModel):
    """The record as a model."""

    number: int
    score: float
    name: str
    accepted: bool
    details: dict[str, Any]


@dataclass
class Group(ArtifactModel):
    """A model that holds all records."""

    records: ArtifactSequence[Record]


class Ours(Peer):
    """Artigraph of this checkout."""

    distribution = "artigraph-core"

    async def open(self, url: str, folder: Path) -> None:
        set_engine(url)
        await create_tables()

    def make(self, records: list[Values]) -> list[Record]:
        return [Record(*record) for record in records]

    def read(self, loaded: list[Record]) -> list[Values]:
        return [Values(**vars(record)) for record in loaded]


async def save(models: list[Record]) -> list[UUID]:
    return [await model.save("record") for model in models]


async def load(ids: list[UUID]) -> list[Record]:
    return [await Record.load(node_id) for node_id in ids]


async def save_nested(models: list[Record]) -> UUID:
    return await Group(ArtifactSequence(models)).save("group")


async def load_nested(node_id: UUID) -> list[Record]:
    return list((await Group.load(node_id)).records)


async def save_in_bulk(models: list[Record]) -> RunManager:
    async with RunManager(Run()) as manager:
        await manager.save_artifacts({f"record {number}": model for number, model in enumerate(models)})
    return manager


async def load_in_bulk(manager: RunManager) -> list[Any]:
    return list((await manager.load_artifacts()).values())


_BATCH = 1_000
"""Runs that are written in one transaction."""


async def fill_runs(count: int) -> None:
    """Record a run, and write copies of its rows with new ids, names and parameters."""
    async with RunManager(Run(name="the first", parameters={"rate": 0.0})) as manager:
        root_id = await manager.save_artifact("record", Record(*values(0)))
    run_id = manager.run.node_id

    async def sample(connection: AsyncConnection) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        tree = select(node_table).where((node_table.c.node_id == run_id) | (node_table.c.tree_root_id == root_id))
        of_run = select(run_value_table).where(run_value_table.c.run_id == run_id)
        nodes = [dict(row) for row in (await connection.execute(tree.order_by(node_table.c.position))).mappings()]
        return nodes, [dict(row) for row in (await connection.execute(of_run)).mappings()]

    nodes, of_run = await read(sample)
    for start in range(0, count, _BATCH):
        numbers = range(start, min(count, start + _BATCH))
        await write(partial(_copy, nodes=nodes, of_run=of_run, numbers=numbers))


async def _copy(
    connection: AsyncConnection, nodes: list[dict[str, Any]], of_run: list[dict[str, Any]], numbers: Sequence[int]
) -> None:
    run, tree = [row for row in nodes if row["node_type"] == "run"], [row for row in nodes if row["node_type"] != "run"]
    runs: list[dict[str, Any]] = []
    artifacts: list[dict[str, Any]] = []
    described: list[dict[str, Any]] = []
    ids = iter(new_ids(len(numbers) * len(nodes)))
    for number in numbers:
        name, rate = run_values(number)
        renamed = {row["node_id"]: next(ids) for row in (*run, *tree)}
        new_id = renamed[run[0]["node_id"]]
        runs.append(run[0] | {"node_id": new_id, "run_name": name})
        artifacts += [_renamed(row, renamed) for row in tree]
        parameter = {"value": json.dumps(rate).encode(), "search_key": search_key(rate)}
        described += [row | {"run_id": new_id} | (parameter if row["name"] == "rate" else {}) for row in of_run]
    await connection.execute(insert(node_table), runs)
    await insert_rows(connection, node_table, artifacts)
    await connection.execute(insert(run_value_table), described)


def _renamed(row: dict[str, Any], renamed: dict[UUID, UUID]) -> dict[str, Any]:
    """Return a row of an artifact with new ids, as `insert_rows` takes it: the columns of artifacts, ids as bytes."""
    ids = {name: renamed[row[name]].bytes for name in ("node_id", "parent_id", "tree_root_id")}
    if row["position"] == 0:
        ids["search_key"] = ids["node_id"]  # the root's key orders the versions of its label
    return {name: value for name, value in row.items() if not name.startswith("run_")} | ids


async def list_newest(_: None) -> list[Run]:
    return await find(Run).newest_first().limit(PAGE).all()


def describe(runs: list[Run]) -> list[RunValues]:
    return [RunValues(str(run.name), float(str(run.parameters["rate"]))) for run in runs]


async def fill_graph(count: int) -> UUID:
    made: list[UUID] = []
    for number, before in enumerate(inputs(count)):
        async with RunManager(Run()) as manager:
            for each in before:
                await manager.use(made[each])
            made.append(await manager.save_artifact(str(number), Record(*values(number))))
    return made[-1]


async def find_ancestors(node_id: UUID) -> tuple[UUID, Lineage]:
    return node_id, await ancestors(node_id)


def numbers_of(found: tuple[UUID, Lineage]) -> list[int]:
    node_id, lineage = found
    return sorted(int(str(node.label)) for node in lineage.artifacts if node.node_id != node_id)


@tracked(cache=True)
async def following(given: Record) -> Record:
    """Return the next record."""
    return Record(*values(given.number + 1))


def make_arguments(count: int) -> list[Record]:
    return [Record(*values(number)) for number in range(count)]


async def fill_cache(count: int) -> int:
    await call_again(make_arguments(count))
    return count


async def call_again(records: list[Record]) -> list[Record]:
    return [await following(record) for record in records]


async def read_served(records: list[Record]) -> Served:
    runs = await find(Run).newest_first().limit(len(records)).all()
    return Served([Values(**vars(record)) for record in records], sum(run.cached_from is None for run in runs))


async def count_rows() -> int:
    async def work(connection: AsyncConnection) -> int:
        return (await connection.execute(select(func.count()).select_from(node_table))).scalar_one()

    return await read(work)


async def make_run(count: int) -> tuple[UUID, int, int]:
    before = await count_rows()
    async with RunManager(Run()) as manager:
        await manager.save_artifacts({str(number): Record(*values(number)) for number in range(count)})
    artifacts = await find(Record).in_run(manager).count()
    return manager.run.node_id, artifacts, before


async def delete_run(run: tuple[UUID, int, int]) -> tuple[int, int]:
    await delete(run[0])
    return run[1:]


async def read_deleted(run: tuple[int, int]) -> Deleted:
    artifacts, before = run
    return Deleted(artifacts, await count_rows() - before)


Ours.ways = {
    "one by one": Way(save, load),
    "nested": Way(save_nested, load_nested),
    "in bulk": Way(save_in_bulk, load_in_bulk),
}
Ours.jobs = {
    "newest": Job(fill_runs, list_newest, describe),
    "lineage": Job(fill_graph, find_ancestors, numbers_of),
    "cached": Job(fill_cache, call_again, read_served, make_arguments),
    "delete": Job(the_size, delete_run, read_deleted, make_run),
}
Ours.lacks = {}

if __name__ == "__main__":
    serve(Ours())
