"""The lineage around a node: a few levels in each direction, with counts of what is left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar, Literal
from uuid import UUID

from sqlalchemy import CompoundSelect, Select, func, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import read_anywhere
from artigraph.db.planner import filter_only
from artigraph.errors import NodeNotFoundError, QueryError
from artigraph.graph.leases import status_of
from artigraph.graph.run_rows import RunStatus, check_status
from artigraph.identifiers import NodeId, check_id, moment_of
from artigraph.lineage import EdgeKind
from artigraph.lineage.sql import own_input
from artigraph.orm import link_table, node_table
from artigraph.view._document import Document, Record, check_limit

_MOST_LEVELS = 10
_MOST_OF_LEVEL = 1_000
_node, _link = node_table.c, link_table.c


@dataclass(frozen=True, slots=True)
class LineageNode(Record):
    """A run or an artifact in a lineage."""

    node_id: UUID
    kind: Literal["run", "artifact"]
    name: str | None
    """The name of a run, or the label of an artifact."""
    model_name: str | None
    """The stored name of an artifact's class."""
    status: RunStatus | None
    """The status of a run."""
    created_at: datetime
    """When it was saved or made, to the millisecond, by the clock of that machine."""
    level: int
    """How many edges away it is from the root: negative against the flow of data, positive along it."""
    more_up: int
    """How many nodes it was made from directly that are not in the document. Calls that were served it do not count."""
    more_down: int
    """How many nodes were made from it directly that are not in the document."""

    def __artigraph_node_id__(self) -> UUID:
        return self.node_id


@dataclass(frozen=True, slots=True)
class LineageEdge(Record):
    """An edge in the direction of the data: from an artifact to a run that used it, or from a run to its product."""

    source_id: UUID
    target_id: UUID
    kind: EdgeKind


@dataclass(frozen=True, slots=True)
class LineageDocument(Document):
    """The lineage around a node."""

    schema: ClassVar[str] = "artigraph.lineage/1"

    root_id: UUID
    """The node that it is about. For a part of an artifact, this is the artifact."""
    nodes: tuple[LineageNode, ...]
    """The nodes in the order of their ids: the oldest first."""
    edges: tuple[LineageEdge, ...]
    """All edges between these nodes, ordered by their ends."""


async def lineage_document(node: NodeId, *, up: int = 1, down: int = 1, limit: int = 50) -> LineageDocument:
    """Return the lineage around a run or an artifact.

        document = await lineage_document(artifact_id, up=2)
        for node in document.nodes:
            print(node.level, node.name, node.more_up, node.more_down)

    The number of statements depends on the number of levels only. `artigraph.ancestors` and `descendants` return whole
    lineages instead.

    Args:
        node: the run or artifact. The id of a part of an artifact means that artifact.
        up: how many edges to follow against the flow of data, up to 10: 1 leads from an artifact to the run that made
            it, 2 to what that run used.
        down: how many edges to follow along the flow of data, up to 10.
        limit: the most neighbors of each node in each direction, the newest ones. A level has at most ten times as
            many nodes, and at most 1,000.

    Raises:
        InvalidNodeIdError: `node` denotes no node.
        NodeNotFoundError: the node does not exist.
        QueryError: a number is invalid.
    """
    node_id = check_id(node)
    check_limit(limit)
    for name, levels in (("up", up), ("down", down)):
        if not isinstance(levels, int) or isinstance(levels, bool) or not 0 <= levels <= _MOST_LEVELS:
            msg = f"{name} is a number of edges from 0 to {_MOST_LEVELS}, not {levels!r:.100}"
            raise QueryError(msg)

    async def work(connection: AsyncConnection) -> LineageDocument:
        row = (await connection.execute(select(_node.node_type, _node.tree_root_id).where(_is(node_id)))).first()
        if row is None:
            msg = f"There is no node {node_id}"
            raise NodeNotFoundError(msg)
        root_id = node_id if row.tree_root_id is None else row.tree_root_id
        levels = {root_id: 0}
        for count, direction in ((up, -1), (down, 1)):
            await _walk(connection, levels, root_id, count * direction, limit, is_run=row.node_type == "run")
        nodes, parents = await _nodes(connection, levels)
        edges = await _edges(connection, nodes, parents)
        counts = await _counts(connection, nodes)
        above = Counter(edge.target_id for edge in edges if edge.kind == "used" or _is_made(edge, parents))
        below = Counter(edge.source_id for edge in edges)
        found = [
            replace(
                each,
                more_up=max(counts.get((each.node_id, True), 0) - above[each.node_id], 0),
                more_down=max(counts.get((each.node_id, False), 0) - below[each.node_id], 0),
            )
            for each in nodes.values()
        ]
        return LineageDocument(root_id, tuple(found), tuple(edges))

    return await read_anywhere(work)


def _is(node_id: UUID) -> Any:
    return _node.node_id == node_id


async def _walk(
    connection: AsyncConnection, levels: dict[UUID, int], root_id: UUID, until: int, limit: int, *, is_run: bool
) -> None:
    """Add the nodes up to a level, each with its level. Runs and artifacts alternate, so each level is of one kind."""
    step, near = (-1 if until < 0 else 1), [root_id]
    for level in range(step, until + step, step):
        statement = _neighbors(near, limit, up=step < 0, of_runs=is_run).limit(min(10 * limit, _MOST_OF_LEVEL))
        found: list[UUID] = list((await connection.scalars(statement)).all()) if near else []
        near = [node_id for node_id in dict.fromkeys(found) if node_id not in levels]
        levels.update(dict.fromkeys(near, level))
        is_run = not is_run


def _neighbors(near: Sequence[UUID], limit: int, *, up: bool, of_runs: bool) -> Select[*tuple[Any, ...]]:
    """Select the newest neighbors of nodes of one kind."""
    pairs = _pairs(near, up=up, of_runs=of_runs).subquery()
    number = func.row_number().over(partition_by=pairs.c.near_id, order_by=pairs.c.far_id.desc()).label("number")
    numbered = select(pairs.c.far_id, number).subquery()
    return select(numbered.c.far_id).where(numbered.c.number <= limit).order_by(numbered.c.number)


def _pairs(
    near: Sequence[UUID], *, up: bool, of_runs: bool
) -> Select[*tuple[Any, ...]] | CompoundSelect[*tuple[Any, ...]]:
    """Select each neighbor of nodes of one kind, as `far_id`, with the node, as `near_id`."""
    if up is of_runs:  # what runs used, or the runs that used artifacts
        here, there = (_link.target_id, _link.source_id) if up else (_link.source_id, _link.target_id)
        uses = select(here.label("near_id"), there.label("far_id"))
        return uses.where(here.in_(near), filter_only(_link.kind == "used"))
    here, there = (_node.node_id, _node.parent_id) if up else (_node.parent_id, _node.node_id)
    made = select(here.label("near_id"), there.label("far_id"))
    made = made.where(here.in_(near), _node.label.is_not(None), _node.parent_id.is_not(None), ~own_input(node_table))
    return made if up else union_all(made, _served(near))


def _served(runs: Collection[UUID]) -> Select[*tuple[Any, ...]]:
    """Select the results that runs were served. From a result, only the run that computed it is reached."""
    served = select(_link.source_id.label("near_id"), _link.target_id.label("far_id"))
    return served.where(_link.source_id.in_(runs), filter_only(_link.kind == "produced"))


async def _nodes(
    connection: AsyncConnection, levels: Mapping[UUID, int]
) -> tuple[dict[UUID, LineageNode], dict[UUID, UUID]]:
    """Return the nodes that exist, and the runs that made the artifacts among them."""
    names = ("node_id", "node_type", "parent_id", "label", "model_name", "run_name")
    statement = select(*(_node[name] for name in names), status_of(node_table).label("status"))
    statement = statement.where(_node.node_id.in_(list(levels))).order_by(_node.node_id)
    found: dict[UUID, LineageNode] = {}
    parents: dict[UUID, UUID] = {}
    for row in await connection.execute(statement):
        is_run = row.node_type == "run"
        check_status(row.node_id, row.status)
        found[row.node_id] = LineageNode(
            node_id=row.node_id,
            kind="run" if is_run else "artifact",
            name=row.run_name if is_run else row.label,
            model_name=row.model_name,
            status=row.status,
            created_at=moment_of(row.node_id),
            level=levels[row.node_id],
            more_up=0,
            more_down=0,
        )
        if not is_run and row.parent_id is not None:
            parents[row.node_id] = row.parent_id
    return found, parents


async def _edges(
    connection: AsyncConnection, nodes: Mapping[UUID, LineageNode], parents: Mapping[UUID, UUID]
) -> list[LineageEdge]:
    """Return all edges between the nodes."""
    artifacts = [node_id for node_id, node in nodes.items() if node.kind == "artifact"]
    runs = [node_id for node_id, node in nodes.items() if node.kind == "run"]
    uses = select(_link.source_id, _link.target_id).where(
        _link.source_id.in_(artifacts), _link.target_id.in_(runs), _link.kind == "used"
    )
    used = [(row[0], row[1]) for row in await connection.execute(uses)] if artifacts and runs else []
    inputs = set(used)
    made = [(run, artifact) for artifact, run in parents.items() if run in nodes and (artifact, run) not in inputs]
    served = [(row[0], row[1]) for row in await connection.execute(_served(runs))] if artifacts and runs else []
    made += [(run, artifact) for run, artifact in served if artifact in nodes]
    edges = [*(LineageEdge(*pair, "used") for pair in used), *(LineageEdge(*pair, "produced") for pair in made)]
    return sorted(edges, key=lambda edge: (edge.source_id, edge.target_id))


def _is_made(edge: LineageEdge, parents: Mapping[UUID, UUID]) -> bool:
    """Return whether an edge leads from the run that computed an artifact, and not from one that was served it."""
    return parents.get(edge.target_id) == edge.source_id


async def _counts(connection: AsyncConnection, nodes: Mapping[UUID, LineageNode]) -> dict[tuple[UUID, bool], int]:
    """Return the number of all neighbors of each node, by its id and whether they are above it."""
    found: dict[tuple[UUID, bool], int] = {}
    for kind in ("run", "artifact"):
        near = [node_id for node_id, node in nodes.items() if node.kind == kind]
        for up in (True, False) if near else ():
            pairs = _pairs(near, up=up, of_runs=kind == "run").subquery()
            counted = select(pairs.c.near_id, func.count()).group_by(pairs.c.near_id)
            found |= {(row[0], up): row[1] for row in await connection.execute(counted)}
    return found
