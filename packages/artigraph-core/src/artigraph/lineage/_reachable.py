"""Lineage: what nodes were made from, and what was made from them (docs/design/lineage.md)."""

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

from sqlalchemy import Executable, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import Row, current_database, fetch_rows, read_anywhere, recursive
from artigraph.errors import MalformedRowError, NodeNotFoundError, RefusedValueError
from artigraph.graph.nodes import NODE_COLUMNS, Node
from artigraph.graph.run_rows import CACHE, CACHED_FROM
from artigraph.identifiers import check_id, id_of
from artigraph.lineage.sql import DATA, PRODUCED, USED, Direction, EdgeKind, Start, select_between, select_reached
from artigraph.orm import node_table, run_value_table

T = TypeVar("T")


class Edge(NamedTuple):
    """A directed edge of lineage between two nodes; see `EdgeKind`."""

    source_id: UUID
    target_id: UUID
    kind: EdgeKind


ToDatetime = Callable[[Any], datetime | None]
"""Converts a driver's value for a point in time to a datetime."""


class Nodes(Mapping[UUID, Node]):
    """Nodes by id, each made from its row on first access. Counting them, or following edges, makes none."""

    __slots__ = ("_made", "_rows", "_to_datetime")

    def __init__(self, rows: dict[UUID, Row], to_datetime: ToDatetime) -> None:
        self._rows = rows
        self._to_datetime = to_datetime
        self._made: dict[UUID, Node] = {}

    def __getitem__(self, node_id: UUID) -> Node:
        made = self._made.get(node_id)
        if made is None:
            try:
                made = self._made[node_id] = self._make(node_id, self._rows[node_id])
            except MalformedRowError as error:
                msg = f"Node {node_id} cannot be read, by its column {error.column}: {error}"
                raise MalformedRowError(msg, table=node_table.name, column=error.column, node_id=node_id) from error
        return made

    def __contains__(self, node_id: object) -> bool:
        return node_id in self._rows

    def __iter__(self) -> Iterator[UUID]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def only(self, node_ids: Collection[UUID]) -> Nodes:
        """Return the nodes with these ids."""
        return Nodes({node_id: row for node_id, row in self._rows.items() if node_id in node_ids}, self._to_datetime)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle plain rows, so that they can be read where the driver that made them is not installed."""
        plain = [
            (
                node_id.bytes,
                row[1],
                None if row[2] is None else id_of(row[2]).bytes,
                row[3],
                None,
                *row[5:-2],
                self._to_datetime(row[-2]),
                self._to_datetime(row[-1]),
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
            self._time("run_started_at", started),
            self._time("run_ended_at", ended),
        )

    def _time(self, column: str, value: Any) -> datetime | None:
        try:
            return self._to_datetime(value)
        except MalformedRowError as error:
            error.column = column
            raise


def _nodes_of(plain: Sequence[Row]) -> Nodes:
    return Nodes({id_of(row[0]): row for row in plain}, _as_it_is)


def _as_it_is(moment: datetime | None) -> datetime | None:
    return moment


@dataclass(frozen=True, slots=True)
class Reached:
    """The result of a traversal: nodes in the order of their ids, and all edges between them."""

    start_ids: tuple[UUID, ...]
    """The nodes that the traversal started from. A part is replaced by its artifact."""
    nodes: Nodes
    edges: list[Edge]
    has_inputs: bool = False
    """Whether there are artifacts that are kept with the run that used them, and that it did not produce.

    Nodes that were reached only through such an artifact still have to be removed.
    """

    def only(self, node_ids: Collection[UUID]) -> Reached:
        """Return the nodes with these ids, and the edges between them."""
        edges = [edge for edge in self.edges if edge.source_id in node_ids and edge.target_id in node_ids]
        return Reached(self.start_ids, self.nodes.only(node_ids), edges)


async def read_reached(
    node_id: UUID, direction: Direction, kinds: Collection[EdgeKind], *, levels: int | None = None
) -> Reached:
    """Read all nodes that can be reached from a node along edges of some kinds, and the node itself.

    Args:
        node_id: a run, an artifact, or a part of one, which counts as its artifact.
        direction: against the flow of data, or along it.
        kinds: the kinds of edges to follow.
        levels: the least number of steps to follow; None follows all. A step from one run to the next counts once.

    Raises:
        NodeNotFoundError: the node does not exist.
    """
    database = await current_database()

    async def work(connection: AsyncConnection) -> tuple[UUID, Sequence[Row], ToDatetime]:
        start, served = await _start(connection, node_id)
        statement = recursive(select_reached(start, direction, kinds, levels, served=served), database.dialect)
        rows = await _fetch(connection, statement)
        return start.node_id, rows, _time_decoder(connection)

    start_id, rows, to_datetime = await read_anywhere(work)
    return await _built((start_id,), rows, kinds, to_datetime)


async def read_between(first_id: UUID, last_id: UUID) -> Reached:
    """Read all nodes on the paths of data from one node to another, including both, or none if there is no path.

    Raises:
        NodeNotFoundError: one of the nodes does not exist.
    """
    database = await current_database()

    async def work(connection: AsyncConnection) -> tuple[UUID, UUID, Sequence[Row], ToDatetime]:
        (first, _), (last, _) = await _start(connection, first_id), await _start(connection, last_id)
        statement = recursive(select_between(first, last), database.dialect)
        rows = await _fetch(connection, statement)
        return first.node_id, last.node_id, rows, _time_decoder(connection)

    first_root, last_root, rows, to_datetime = await read_anywhere(work)
    return await _built((first_root, last_root), rows, DATA, to_datetime)


_self = node_table.alias("self")
_whole = node_table.alias("whole")
_any_served = (
    select(run_value_table.c.search_key)
    .where(
        run_value_table.c.kind == CACHE,
        run_value_table.c.name == CACHED_FROM,
        run_value_table.c.search_key.is_not(None),
    )
    .order_by(run_value_table.c.search_key)  # PostgreSQL drops an order within EXISTS, and may then read the table
    .limit(1)
)
"""Whether any run of the store was served by the cache: one lookup in an index."""
_start_of = (
    select(
        _self.c.node_type,
        _self.c.parent_id,
        _whole.c.node_id,
        _whole.c.parent_id.label("run_id"),
        _any_served.scalar_subquery().label("served"),
    )
    .select_from(_self.outerjoin(_whole, _whole.c.node_id == _self.c.tree_root_id))
    .where(_self.c.node_id == bindparam("id"))
)


async def _start(connection: AsyncConnection, node_id: UUID) -> tuple[Start, bool]:
    """Return where a query starts, and whether any run of the store was served by the cache."""
    found = (await connection.execute(_start_of, {"id": check_id(node_id)})).first()
    if found is None:
        msg = f"There is no node {node_id}"
        raise NodeNotFoundError(msg)
    served = found.served is not None
    if found.node_type == "run":
        return Start(node_id, is_run=True, parent_id=found.parent_id), served
    return Start(found.node_id, is_run=False, parent_id=found.run_id), served


# From rows to values -------------------------------------------------------------------------------------------------


_SLICE = 5_000
"""Rows after which other tasks get a turn on the event loop."""


_TYPES: Mapping[str, type[Any]] = {"node_id": bytes, "parent_id": bytes, "tree_root_id": bytes, "model_version": int}
"""The types of SQLite's driver for the columns of a `Node` that hold no text."""


async def _fetch(connection: AsyncConnection, statement: Executable) -> Sequence[Row]:
    """Fetch nodes and uses, and check their values here, where an error names the row."""
    rows = await fetch_rows(connection, statement, {})
    if connection.dialect.name == "sqlite":
        for index, column in enumerate(NODE_COLUMNS):
            right = {_TYPES.get(column.name, str), type(None)}
            if not right.issuperset(map(type, map(itemgetter(index), rows))):
                msg = f"A row of {node_table.name} holds what its column {column.name} cannot"
                raise RefusedValueError(msg, next(row[index] for row in rows if type(row[index]) not in right))
            if bytes in right and {len(row[index]) for row in rows if row[index] is not None} - {_ID_SIZE}:
                msg = f"A row of {node_table.name} holds in {column.name} an id that is not of {_ID_SIZE} bytes"
                found = (row[index] for row in rows if row[index] is not None)
                raise RefusedValueError(msg, next(value for value in found if len(value) != _ID_SIZE))
    return rows


_ID_SIZE = 16


def _time_decoder(connection: AsyncConnection) -> ToDatetime:
    made = node_table.c.run_started_at.type.dialect_impl(connection.dialect).result_processor(connection.dialect, None)
    return made or (lambda value: value)


_LINKS = frozenset({USED, PRODUCED})
_edge: Callable[[Any], Edge] = partial(vars(tuple)["__new__"], Edge)
"""Makes an edge from its parts without a Python call, since there may be a million edges."""


async def _built(
    start_ids: tuple[UUID, ...], rows: Sequence[Row], kinds: Collection[EdgeKind], to_datetime: ToDatetime
) -> Reached:
    found = sorted([row for row in rows if row[1] not in _LINKS], key=itemgetter(0))
    links = sorted([(row[0], row[2]) for row in rows if row[1] == PRODUCED])
    nodes: dict[UUID, Row] = {}
    ids: dict[Any, UUID] = {}
    for some in _slices(found):
        await asyncio.sleep(0)
        for row in some:
            node_id = ids[row[0]] = id_of(row[0])
            nodes[node_id] = row
    uses = sorted([(row[0], row[2]) for row in rows if row[1] == USED and row[0] in ids and row[2] in ids])
    if links:  # what runs were served may have been found in another way, too
        found, uses = list({row[0]: row for row in found}.values()), sorted(set(uses))
    parents = {row[0]: row[2] for row in found}
    inputs = {artifact for artifact, run in uses if parents[artifact] == run}
    served = [pair for pair in links if pair[0] in ids and pair[1] in ids and parents[pair[1]] != pair[0]]
    pairs: list[tuple[EdgeKind, list[tuple[Any, Any]]]] = [
        (USED, uses),
        (
            PRODUCED,
            [(row[2], row[0]) for row in found if row[1] != "run" and row[2] in ids and row[0] not in inputs] + served,
        ),
        ("child", [(row[2], row[0]) for row in found if row[1] == "run" and row[2] in ids]),
    ]
    edges: list[Edge] = []
    for kind, ends in pairs:
        for some in _slices(ends if kind in kinds else []):
            await asyncio.sleep(0)
            sources, targets = ([ids[pair[end]] for pair in some] for end in (0, 1))
            edges += map(_edge, zip(sources, targets, repeat(kind)))
    return Reached(start_ids, Nodes(nodes, to_datetime), edges, bool(inputs))


def _slices(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[start : start + _SLICE] for start in range(0, len(items), _SLICE))
