"""Descendants and ancestors of a node in a large graph, where several runs used each artifact."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Table, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph import ancestors, descendants
from artigraph.db import write
from artigraph.identifiers import new_ids
from artigraph.lineage.sql import DATA, Direction, Start, select_reached
from artigraph.orm import link_table, node_table
from benchmarks.bench import Bench, Job
from benchmarks.floors.ways import nothing, select_ways
from benchmarks.harness import Way, interleave
from benchmarks.results import Row, compared

__all__ = ["JOBS"]

_NODES = 1_000_000
_PRODUCTS, _INPUTS, _LAYERS = 4, 8, 50
"""How many artifacts a run produces, how many it uses of the previous layer, and the number of layers."""
_BATCH = 10_000
_ROWS = 1 + 2 * _PRODUCTS
"""A run, its artifacts and their single values."""


async def lineage(bench: Bench) -> Sequence[Row]:
    """Find the descendants of an artifact of the first layer, and the ancestors of one of the last layer."""
    quick = bench.effort.divisor > 1
    first, last, nodes = await _fill(bench.effort.of(_NODES // 10 if quick else _NODES))
    await bench.core.analyze()
    rows: list[Row] = []
    asked: tuple[tuple[str, Any, Direction, Start], ...] = (
        ("descendants", descendants, "down", first),
        ("ancestors", ancestors, "up", last),
    )
    for name, ask, direction, start in asked:
        found = await ask(start.node_id)

        async def ours(_: object, ask: Any = ask, start: Start = start, count: int = len(found)) -> None:
            assert len(await ask(start.node_id)) == count

        statement = select_reached(start, direction, DATA, None)
        ways = {"ours": Way(ours, nothing), **select_ways(bench, statement, [{}])}
        seconds = await interleave(ways, rounds=bench.effort.heavy_rounds)
        title = f"{name} in a graph of {nodes:,} nodes: {len(found):,} nodes, {len(found.edges):,} edges"
        job = f"lineage-{name}"
        rows.append(compared(seconds, job=job, title=title, database=bench.database, limit=1.5))
    return rows


async def _fill(nodes: int) -> tuple[Start, Start, int]:
    """Write a graph. Return an artifact of its first layer, one of its last layer, and its number of rows of nodes."""
    at = datetime.now(UTC)
    chance = random.Random(0)
    width = max(2, nodes // _ROWS // _LAYERS)
    before: list[UUID] = []
    products: list[UUID] = []
    ends: list[Start] = []
    for _ in range(_LAYERS):
        runs = new_ids(width)
        products = new_ids(width * _PRODUCTS)
        made_by = dict(zip(products, [run for run in runs for _ in range(_PRODUCTS)], strict=True))
        await _insert(
            node_table,
            [{"node_id": run, "node_type": "run", "run_status": "completed", "run_started_at": at} for run in runs],
        )
        await _insert(
            node_table,
            [
                _of_tree(artifact, artifact, run, str(number % _PRODUCTS), 0)
                for number, (artifact, run) in enumerate(made_by.items())
            ],
        )
        values = zip(new_ids(len(products)), products, strict=True)
        await _insert(node_table, [_of_tree(value, artifact, artifact, "value", 1) for value, artifact in values])
        uses = {(artifact, run) for run in runs for artifact in chance.sample(before, min(_INPUTS, len(before)))}
        await _insert(
            link_table,
            [
                {"source_id": artifact, "target_id": run, "kind": "used", "created_at": at}
                for artifact, run in sorted(uses)
            ],
        )
        ends.append(Start(products[0], is_run=False, parent_id=runs[0]))
        before = products
    return ends[0], ends[-1], _LAYERS * width * _ROWS


def _of_tree(node_id: UUID, root_id: UUID, parent_id: UUID, label: str, position: int) -> dict[str, Any]:
    return {
        "node_id": node_id,
        "node_type": "value" if position else "model",
        "parent_id": parent_id,
        "label": label,
        "tree_root_id": root_id,
        "position": position,
        "span": 1 if position else 2,
        "model_name": "BenchmarkMeasure",
        "model_version": None if position else 1,
        "serializer": "json" if position else None,
        "value": b"0.5" if position else None,
    }


async def _insert(table: Table, rows: list[dict[str, Any]]) -> None:
    async def work(connection: AsyncConnection, part: list[dict[str, Any]]) -> None:
        await connection.execute(insert(table), part)

    for start in range(0, len(rows), _BATCH):
        await write(partial(work, part=rows[start : start + _BATCH]))


JOBS = (Job("lineage", lineage, long=True),)
