"""Nodes without their values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, get_args
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import in_batches, read_anywhere
from artigraph.errors import MalformedRowError
from artigraph.graph.leases import end_of, status_of
from artigraph.graph.run_rows import RunStatus, check_status
from artigraph.identifiers import moment_of
from artigraph.orm import node_table

if TYPE_CHECKING:
    from artigraph.html import Part

NodeType = Literal["run", "model", "container", "value"]
"""A run; a model, which is an artifact if it is the root of its tree; a mapping or sequence; a value."""
_NODE_TYPES: tuple[str, ...] = get_args(NodeType)


@dataclass(frozen=True, slots=True)
class Node:
    """A node of the graph as it is stored: a run, an artifact, or a part of one. Its value is not loaded."""

    node_id: UUID
    node_type: NodeType
    parent_id: UUID | None
    """The run of an artifact or a run; the node that directly contains a part."""
    label: str | None
    """The label of an artifact, the name of a field, or the key or index of an item. A run has none."""
    tree_root_id: UUID | None
    """The artifact that the node is or belongs to. A run has none."""
    model_name: str | None
    """The stored name of a model's class. For a field's value, the name of the class that has the field."""
    model_version: int | None
    """The version of the class that wrote a model."""
    serializer: str | None
    """The serializer that wrote a value. For a container, the type that its items make up."""
    run_name: str | None
    run_status: RunStatus | None
    run_started_at: datetime | None
    run_ended_at: datetime | None

    def __artigraph_node_id__(self) -> UUID:
        return self.node_id

    def _artigraph_cells(self) -> Mapping[str, Part]:
        import artigraph.html as html

        name = self.run_name if self.node_type == "run" else self.label
        return {
            "type": self.node_type,
            "name": name or "",
            "model": self.model_name or "",
            "status": self.run_status or "",
            "serializer": self.serializer or "",
            "node": html.identifier(self.node_id),
        }

    def __post_init__(self) -> None:
        check_status(self.node_id, self.run_status)
        if self.node_type not in _NODE_TYPES:
            msg = (
                f"Node {self.node_id} is of the node_type {self.node_type!r:.100}, which this release does not know: a "
                "newer one wrote it, or its row was altered. artigraph.maintenance.fsck lists all such"
            )
            raise MalformedRowError(msg, table=node_table.name, column="node_type", node_id=self.node_id)

    @property
    def is_artifact(self) -> bool:
        """Whether it is an artifact: no run, and no part of another artifact."""
        return self.tree_root_id == self.node_id

    @property
    def created_at(self) -> datetime:
        """When it was saved, or when the run was made: in UTC, to the millisecond, by the clock of that machine."""
        return moment_of(self.node_id)


_of_runs: dict[str, ColumnElement[Any]] = {"run_status": status_of(node_table), "run_ended_at": end_of(node_table)}
NODE_COLUMNS = tuple(
    _of_runs[field.name].label(field.name) if field.name in _of_runs else node_table.c[field.name]
    for field in fields(Node)
)
"""The columns of a `Node`, in the order of its fields."""


async def read_nodes(node_ids: Iterable[UUID]) -> dict[UUID, Node]:
    """Return the nodes that exist, in the order of `node_ids`."""
    wanted = list(dict.fromkeys(node_ids))

    async def work(connection: AsyncConnection) -> dict[UUID, Node]:
        found: dict[UUID, Node] = {}
        for ids in in_batches(wanted):
            statement = select(*NODE_COLUMNS).where(node_table.c.node_id.in_(ids))
            found |= {row.node_id: Node(*row) for row in await connection.execute(statement)}
        return found

    found = await read_anywhere(work, lacks=lambda found: len(found) < len(wanted))
    return {node_id: found[node_id] for node_id in wanted if node_id in found}
