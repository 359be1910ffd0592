"""What nodes came from, and what came of them (docs/design/lineage.md)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import Row, current_database, fetch_rows, id_of, read, recursive
from artigraph.errors import NodeNotFoundError
from artigraph.graph.lineage_sql import DATA, USED, Direction, EdgeKind, Start, select_between, select_reached
from artigraph.graph.nodes import Node
from artigraph.ids import check_id
from artigraph.orm import node_table

__all__ = ["Direction", "Edge", "EdgeKind", "Reached", "read_between", "read_reached"]


class Edge(NamedTuple):
    """One step of the data, from a node to the next."""

    source_id: UUID
    target_id: UUID
    kind: EdgeKind


@dataclass(frozen=True, slots=True)
class Reached:
    """What was found: nodes in the order of their ids, and all edges between them."""

    start_ids: tuple[UUID, ...]
    """What was asked about: artifacts where parts of such were."""
    nodes: dict[UUID, Node]
    edges: list[Edge]
    has_inputs: bool = False
    """Whether there are artifacts that are kept with the run that used them, and are not its products: what was reached
    only as such is still to be cut out."""


async def read_reached(
    node_id: UUID, direction: Direction, kinds: Collection[EdgeKind], *, levels: int | None = None
) -> Reached:
    """Read all nodes that edges of some kinds lead to from a node, or from which they lead to it, itself among them.

    Args:
        node_id: a run, an artifact, or a part of one, which stands for it.
        direction: where to go.
        kinds: the edges to go along.
        levels: how many steps are gone at least, where it need not be all; one from a run to the next counts once.

    Raises:
        NodeNotFoundError: there is no such node.
    """
    database = await current_database()

    async def work(connection: AsyncConnection) -> tuple[UUID, Sequence[Row], Moment]:
        start = await _start(connection, node_id)
        statement = recursive(select_reached(start, direction, kinds, levels), database.dialect)
        rows = await fetch_rows(connection, statement, {})
        return start.node_id, rows, _moments(connection)

    start_id, rows, moment = await read(work)
    return await _built((start_id,), rows, kinds, moment)


async def read_between(first_id: UUID, last_id: UUID) -> Reached:
    """Read all nodes on a way of the data from one node to another, both among them; nothing if there is none.

    Raises:
        NodeNotFoundError: one of the nodes is not there.
    """
    database = await current_database()

    async def work(connection: AsyncConnection) -> tuple[UUID, UUID, Sequence[Row], Moment]:
        first, last = await _start(connection, first_id), await _start(connection, last_id)
        statement = recursive(select_between(first, last), database.dialect)
        rows = await fetch_rows(connection, statement, {})
        return first.node_id, last.node_id, rows, _moments(connection)

    first_root, last_root, rows, moment = await read(work)
    return await _built((first_root, last_root), rows, DATA, moment)


_self = node_table.alias("self")
_whole = node_table.alias("whole")
_start_of = (
    select(_self.c.node_type, _self.c.parent_id, _whole.c.node_id, _whole.c.parent_id.label("run_id"))
    .select_from(_self.outerjoin(_whole, _whole.c.node_id == _self.c.tree_root_id))
    .where(_self.c.node_id == bindparam("id"))
)


async def _start(connection: AsyncConnection, node_id: UUID) -> Start:
    found = (await connection.execute(_start_of, {"id": check_id(node_id)})).first()
    if found is None:
        msg = f"There is no node {node_id}"
        raise NodeNotFoundError(msg)
    if found.node_type == "run":
        return Start(node_id, is_run=True, parent_id=found.parent_id)
    return Start(found.node_id, is_run=False, parent_id=found.run_id)


# From rows to values -------------------------------------------------------------------------------------------------


_SLICE = 5_000
"""Rows after which others have a turn."""
Moment = Callable[[Any], datetime | None]
"""Turns what a driver has for a point in time into a datetime."""


def _moments(connection: AsyncConnection) -> Moment:
    made = node_table.c.run_started_at.type.dialect_impl(connection.dialect).result_processor(connection.dialect, None)
    return made or (lambda value: value)


async def _built(
    start_ids: tuple[UUID, ...], rows: Sequence[Row], kinds: Collection[EdgeKind], moment: Moment
) -> Reached:
    ids: dict[Any, UUID] = {}
    nodes: dict[UUID, Node] = {}
    edges: list[Edge] = []
    from_parents: list[Edge] = []
    found = sorted((row for row in rows if row[1] != USED), key=itemgetter(0))
    for row in found:
        ids[row[0]] = id_of(row[0])
    for number, row in enumerate(found):
        if number % _SLICE == 0:
            await asyncio.sleep(0)
        node_id, is_run = ids[row[0]], row[1] == "run"
        parent_id = None if row[2] is None else ids.get(row[2])
        kind: EdgeKind = "child" if is_run else "produced"
        if parent_id is not None and kind in kinds:
            from_parents.append(Edge(parent_id, node_id, kind))
        elif parent_id is None and row[2] is not None:
            parent_id = id_of(row[2])
        started, ended = (moment(row[10]), moment(row[11])) if is_run else (None, None)
        root_id = None if is_run else node_id
        nodes[node_id] = Node(
            node_id, row[1], parent_id, row[3], root_id, row[5], row[6], row[7], row[8], row[9], started, ended
        )
    uses = sorted((row for row in rows if row[1] == USED and row[0] in ids and row[2] in ids), key=itemgetter(0, 2))
    for start in range(0, len(uses), _SLICE):
        await asyncio.sleep(0)
        edges += [Edge(ids[row[0]], ids[row[2]], USED) for row in uses[start : start + _SLICE]]
    inputs = {source_id for source_id, run_id, _ in edges if nodes[source_id].parent_id == run_id}
    if inputs:
        from_parents = [edge for edge in from_parents if edge.target_id not in inputs]
    return Reached(start_ids, nodes, edges + from_parents, bool(inputs))
