"""What nodes came from, and what came of them (docs/design/lineage.md)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import repeat
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar
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


T = TypeVar("T")


class Edge(NamedTuple):
    """One step of the data, from a node to the next."""

    source_id: UUID
    target_id: UUID
    kind: EdgeKind


Moment = Callable[[Any], datetime | None]
"""Turns what a driver has for a point in time into a datetime."""


class Nodes(Mapping[UUID, Node]):
    """Nodes that are made of their rows when they are asked for: who counts, or goes along edges, needs none."""

    __slots__ = ("_made", "_moment", "_rows")

    def __init__(self, rows: dict[UUID, Row], moment: Moment) -> None:
        self._rows = rows
        self._moment = moment
        self._made: dict[UUID, Node] = {}

    def __getitem__(self, node_id: UUID) -> Node:
        made = self._made.get(node_id)
        if made is None:
            made = self._made[node_id] = self._make(node_id, self._rows[node_id])
        return made

    def __contains__(self, node_id: object) -> bool:
        return node_id in self._rows

    def __iter__(self) -> Iterator[UUID]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def only(self, node_ids: Collection[UUID]) -> Nodes:
        """Return some of the nodes."""
        return Nodes({node_id: row for node_id, row in self._rows.items() if node_id in node_ids}, self._moment)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle plain rows: they are read where the driver that made these is not installed."""
        plain = [
            (
                node_id.bytes,
                row[1],
                None if row[2] is None else id_of(row[2]).bytes,
                row[3],
                None,
                *row[5:-2],
                self._moment(row[-2]),
                self._moment(row[-1]),
            )
            for node_id, row in self._rows.items()
        ]
        return _nodes_of, (plain,)

    def _make(self, node_id: UUID, row: Row) -> Node:
        _, kind, parent, label, _, model, version, serializer, name, status, started, ended = row
        return Node(
            node_id,
            kind,
            None if parent is None else id_of(parent),
            label,
            None if kind == "run" else node_id,
            model,
            version,
            serializer,
            name,
            status,
            self._moment(started),
            self._moment(ended),
        )


def _nodes_of(plain: Sequence[Row]) -> Nodes:
    return Nodes({id_of(row[0]): row for row in plain}, _as_it_is)


def _as_it_is(moment: datetime | None) -> datetime | None:
    return moment


@dataclass(frozen=True, slots=True)
class Reached:
    """What was found: nodes in the order of their ids, and all edges between them."""

    start_ids: tuple[UUID, ...]
    """What was asked about: artifacts where parts of such were."""
    nodes: Nodes
    edges: list[Edge]
    has_inputs: bool = False
    """Whether there are artifacts that are kept with the run that used them, and are not its products: what was reached
    only as such is still to be cut out."""

    def only(self, node_ids: Collection[UUID]) -> Reached:
        """Return some of the nodes, and the edges between these."""
        edges = [edge for edge in self.edges if edge.source_id in node_ids and edge.target_id in node_ids]
        return Reached(self.start_ids, self.nodes.only(node_ids), edges)


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


def _moments(connection: AsyncConnection) -> Moment:
    made = node_table.c.run_started_at.type.dialect_impl(connection.dialect).result_processor(connection.dialect, None)
    return made or (lambda value: value)


_edge: Callable[[Any], Edge] = partial(vars(tuple)["__new__"], Edge)
"""Makes an edge of its parts without a call of Python's: there may be a million of them."""


async def _built(
    start_ids: tuple[UUID, ...], rows: Sequence[Row], kinds: Collection[EdgeKind], moment: Moment
) -> Reached:
    found = sorted([row for row in rows if row[1] != USED], key=itemgetter(0))
    nodes: dict[UUID, Row] = {}
    ids: dict[Any, UUID] = {}
    for some in _slices(found):
        await asyncio.sleep(0)
        for row in some:
            node_id = ids[row[0]] = id_of(row[0])
            nodes[node_id] = row
    uses = sorted([(row[0], row[2]) for row in rows if row[1] == USED and row[0] in ids and row[2] in ids])
    parents = {row[0]: row[2] for row in found}
    inputs = {artifact for artifact, run in uses if parents[artifact] == run}
    pairs: list[tuple[EdgeKind, list[tuple[Any, Any]]]] = [
        (USED, uses),
        ("produced", [(row[2], row[0]) for row in found if row[1] != "run" and row[2] in ids and row[0] not in inputs]),
        ("child", [(row[2], row[0]) for row in found if row[1] == "run" and row[2] in ids]),
    ]
    edges: list[Edge] = []
    for kind, ends in pairs:
        for some in _slices(ends if kind in kinds else []):
            await asyncio.sleep(0)
            sources, targets = ([ids[pair[end]] for pair in some] for end in (0, 1))
            edges += map(_edge, zip(sources, targets, repeat(kind)))
    return Reached(start_ids, Nodes(nodes, moment), edges, bool(inputs))


def _slices(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[start : start + _SLICE] for start in range(0, len(items), _SLICE))
