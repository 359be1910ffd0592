"""A store of many runs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import insert_rows, write
from artigraph.identifiers import new_ids
from artigraph.orm import node_table, run_value_table
from artigraph.serializer.search_key import search_key
from benchmarks.rows import Rows

__all__ = ["FAILED", "FAN", "NIGHTLY", "ROWS", "fill_runs"]

ROWS = 10
"""Rows of nodes for each run: itself, and an artifact of a model with eight values."""
FAN = 10
"""How many runs are directly below a run."""
NIGHTLY = 10
"""Without a tree, each run of such a number is named "nightly"; each other one has a name of its own."""
FAILED = 1_000
"""Without a tree, each run of such a number failed."""
_BATCH = 1_000


async def fill_runs(count: int, *, tree: bool = True) -> list[UUID]:
    """Write runs, each with an artifact and a parameter, in the order of their ids. Return these ids.

    They are a tree. With `tree=False`, no run belongs to another, and they have names.
    """
    at = datetime.now(UTC)
    parameter = {"kind": "parameter", "name": "rate", "value": b"0.5", "search_key": search_key(0.5)}
    runs: list[UUID] = []
    for start in range(0, count, _BATCH):
        ids = new_ids(min(_BATCH, count - start) * ROWS)
        runs += ids[::ROWS]
        rows_of_runs: Rows = []
        nodes: Rows = []
        values: Rows = []
        for number in range(start, len(runs)):
            parent = runs[(number - 1) // FAN] if number and tree else None
            run, root, *fields = ids[(number - start) * ROWS : (number - start + 1) * ROWS]
            state: dict[str, Any] = {"run_status": "completed", "run_started_at": at, "run_ended_at": at}
            if not tree:
                name = f"train {number}" if number % NIGHTLY else "nightly"
                state |= {"run_name": name, "search_key": search_key(name)}
                state["run_status"] = "completed" if number % FAILED else "failed"
            rows_of_runs.append({"node_id": run, "parent_id": parent, "node_type": "run", **state})
            nodes += [_node(root, root, run, 0), *(_node(each, root, root, 1 + at) for at, each in enumerate(fields))]
            values.append({"run_id": run, **parameter})
        await _insert(rows_of_runs, nodes, values)
    return runs


def _node(node_id: UUID, root: UUID, parent: UUID, position: int) -> dict[str, Any]:
    return {
        "node_id": node_id.bytes,
        "node_type": "value" if position else "model",
        "parent_id": parent.bytes,
        "label": f"field {position}" if position else "report",
        "tree_root_id": root.bytes,
        "position": position,
        "span": 1 if position else ROWS - 1,
        "model_name": "BenchmarkReport",
        "model_version": None if position else 1,
        "serializer": "json" if position else None,
        "value": b"1" if position else None,
        "search_key": node_id.bytes,
    }


async def _insert(runs: Rows, nodes: Rows, values: Rows) -> None:
    async def work(connection: AsyncConnection) -> None:
        await connection.execute(insert(node_table), runs)
        await insert_rows(connection, node_table, nodes)
        await connection.execute(insert(run_value_table), values)

    await write(work)
