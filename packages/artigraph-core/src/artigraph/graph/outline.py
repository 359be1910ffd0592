"""What is stored below a node, without the values themselves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Select, bindparam, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import current_database, read, recursive
from artigraph.errors import NodeNotFoundError
from artigraph.graph.leases import end_of, status_of
from artigraph.graph.runs import RunStatus, runs_below
from artigraph.ids import check_id
from artigraph.orm import blob_table, node_table

__all__ = ["NodeSummary", "read_outline"]

PREVIEW = 120
"""The most bytes of an inline value that are read for show."""

_size = func.length(node_table.c.value)


class NodeSummary(NamedTuple):
    """A node, and what is known of its value without reading it."""

    node_id: UUID
    parent_id: UUID | None
    node_type: str
    label: str | None
    tree_root_id: UUID | None
    position: int | None
    model_name: str | None
    model_version: int | None
    serializer: str | None
    preview: bytes | None
    """An inline value that is short enough to be shown."""
    size: int | None
    """Bytes of the value, wherever it is."""
    storage: str | None
    run_name: str | None
    run_status: RunStatus | None
    run_started_at: datetime | None
    run_ended_at: datetime | None
    run_error_type: str | None
    run_error_message: str | None


_summary = select(
    node_table.c.node_id,
    node_table.c.parent_id,
    node_table.c.node_type,
    node_table.c.label,
    node_table.c.tree_root_id,
    node_table.c.position,
    node_table.c.model_name,
    node_table.c.model_version,
    node_table.c.serializer,
    case((_size <= PREVIEW, node_table.c.value)).label("preview"),
    func.coalesce(blob_table.c.size, _size).label("size"),
    blob_table.c.storage,
    node_table.c.run_name,
    status_of(node_table),
    node_table.c.run_started_at,
    end_of(node_table),
    node_table.c.run_error_type,
    node_table.c.run_error_message,
).select_from(node_table.outerjoin(blob_table, node_table.c.blob_id == blob_table.c.blob_id))
_place = select(node_table.c.node_type, node_table.c.tree_root_id, node_table.c.position, node_table.c.span).where(
    node_table.c.node_id == bindparam("node_id")
)


async def read_outline(node_id: UUID) -> list[NodeSummary]:
    """Read what is stored at and below a run, or in an artifact or a part of one: parents before children, in order.

    Raises:
        NodeNotFoundError: there is no such node.
    """
    check_id(node_id)
    database = await current_database()

    async def work(connection: AsyncConnection) -> Sequence[Any]:
        place = (await connection.execute(_place, {"node_id": node_id})).first()
        if place is None:
            msg = f"There is no node {node_id}"
            raise NodeNotFoundError(msg)
        if place.node_type == "run":
            statement = recursive(_below_run(node_id), database.dialect)
        else:
            statement = _summary.where(
                node_table.c.tree_root_id == place.tree_root_id,
                node_table.c.position >= place.position,
                node_table.c.position < place.position + place.span,
            )
        return (await connection.execute(statement)).all()

    found = [NodeSummary(*row) for row in await read(work)]
    return sorted(found, key=lambda node: (node.tree_root_id or node.node_id, node.position or 0))


def _below_run(run_id: UUID) -> Select[*tuple[Any, ...]]:
    root = node_table.alias("root")
    below = runs_below(run_id)
    roots = select(root.c.node_id).where(
        or_(root.c.parent_id == run_id, root.c.parent_id.in_(below)), root.c.node_type != "run"
    )
    return _summary.where(
        or_(node_table.c.node_id == run_id, node_table.c.node_id.in_(below), node_table.c.tree_root_id.in_(roots))
    )
