"""What is known of a node without loading anything."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import chunks, current_database, read
from artigraph.graph.leases import end_of, status_of
from artigraph.graph.runs import RunStatus
from artigraph.ids import moment_of
from artigraph.orm import node_table

__all__ = ["NODE_COLUMNS", "Node", "NodeType", "read_nodes"]

NodeType = Literal["run", "model", "container", "value"]
"""A run; a model, which is an artifact where it is the root of its tree; a mapping or sequence in it; a value in it."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node of the graph as it is stored: a run, an artifact, or a part of one; loaded is nothing of it."""

    node_id: UUID
    node_type: NodeType
    parent_id: UUID | None
    """The run that an artifact or a run belongs to, or what a part is a part of."""
    label: str | None
    """The label of an artifact, the name of a field, the key or index of an item; a run has none."""
    tree_root_id: UUID | None
    """The artifact that the node is, or is a part of; a run has none."""
    model_name: str | None
    """The stored name of a model's class; of a field's value, of the class that has the field."""
    model_version: int | None
    """The version of the class that wrote a model."""
    serializer: str | None
    """What wrote a value; of a container, the type that its items make up."""
    run_name: str | None
    run_status: RunStatus | None
    run_started_at: datetime | None
    run_ended_at: datetime | None

    @property
    def is_artifact(self) -> bool:
        """Whether it is what was saved under a label, not a part of that and not a run."""
        return self.tree_root_id == self.node_id

    @property
    def created_at(self) -> datetime:
        """When it was saved, or when the run was made: in UTC, to the millisecond, by that machine's clock."""
        return moment_of(self.node_id)


_of_runs: dict[str, ColumnElement[Any]] = {"run_status": status_of(node_table), "run_ended_at": end_of(node_table)}
NODE_COLUMNS = tuple(
    _of_runs[field.name].label(field.name) if field.name in _of_runs else node_table.c[field.name]
    for field in fields(Node)
)
"""What makes up a `Node`, in the order of its fields."""


async def read_nodes(node_ids: Iterable[UUID]) -> dict[UUID, Node]:
    """Read those of some nodes that are there, in the order in which they were asked for."""
    await current_database()
    wanted = list(dict.fromkeys(node_ids))

    async def work(connection: AsyncConnection) -> dict[UUID, Node]:
        found: dict[UUID, Node] = {}
        for ids in chunks(wanted):
            statement = select(*NODE_COLUMNS).where(node_table.c.node_id.in_(ids))
            found |= {row.node_id: Node(*row) for row in await connection.execute(statement)}
        return found

    found = await read(work)
    return {node_id: found[node_id] for node_id in wanted if node_id in found}
