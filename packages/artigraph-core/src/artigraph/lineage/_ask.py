"""Functions that read lineage: the ancestors and descendants of a node, and the paths between two nodes."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from typing import get_args
from uuid import UUID

from artigraph.errors import QueryError
from artigraph.identifiers import NodeId, check_id
from artigraph.lineage._graph import Lineage
from artigraph.lineage._reachable import Reached, read_between, read_reached
from artigraph.lineage.sql import Direction, EdgeKind

_MOST_LEVELS = 20
"""The most levels that the database counts. For a greater depth everything is read, and cut to that depth here."""


async def ancestors(
    node: NodeId, depth: int | None = None, kinds: Iterable[EdgeKind] = ("used", "produced")
) -> Lineage:
    """Return the ancestors of a node: the run that produced it, the artifacts that run used, and so on.

        made_from = await ancestors(report_id)
        inputs = await ancestors(report_id, depth=2)  # the run that made it, and the artifacts that run used

    The result contains the node itself.

    It takes one query, however large the graph is. Each node appears once, so a cycle is no problem, as when runs use
    what later runs made. The inputs that a tracked function saves with its run count as used by it, not as produced.

    A result leads to the run that computed it, and not to calls that the cache served with it later. They may be very
    many, and no data came from them. The ancestors of such a call are its own inputs.

    Args:
        node: a run or an artifact: its id, a `Run`, a `RunManager`, or a model that was saved or loaded. The id of a
            part of an artifact means that artifact.
        depth: the most edges between the node and an ancestor; None for no limit.
        kinds: the kinds of edges to follow. With `child`, a run has the ancestors of the runs below it, too.

    Raises:
        InvalidNodeIdError: `node` does not denote a node.
        NodeNotFoundError: the node does not exist.
        QueryError: a kind or the depth is invalid.
    """
    return await _reached(node, "up", depth, kinds)


async def descendants(
    node: NodeId, depth: int | None = None, kinds: Iterable[EdgeKind] = ("used", "produced")
) -> Lineage:
    """Return the descendants of a node: the runs that used it, the artifacts those produced, and so on.

        stale = await descendants(wrong_input_id)
        for artifact in stale.artifacts: ...

    The result contains the node itself.

    A call that the cache served leads to its result, and to what was made from that.

    See `ancestors` for the arguments.

    Raises:
        InvalidNodeIdError: `node` does not denote a node.
        NodeNotFoundError: the node does not exist.
        QueryError: a kind or the depth is invalid.
    """
    return await _reached(node, "down", depth, kinds)


async def paths(source: NodeId, target: NodeId) -> Lineage:
    """Return all paths that data took from one node to another, as one graph of the nodes on these paths.

    The graph is empty if nothing of the first node went into the second. Like `ancestors`, it leads from a result to
    the run that computed it, and not to calls that the cache served.

    Raises:
        InvalidNodeIdError: an argument does not denote a node.
        NodeNotFoundError: one of the nodes does not exist.
    """
    found = await read_between(check_id(source), check_id(target))
    if found.has_inputs:
        first, last = found.start_ids
        ahead, behind = _steps(found, [first], "down", None), _steps(found, [last], "up", None)
        found = found.only(ahead.keys() & behind.keys())
    return _lineage(found)


async def _reached(node: NodeId, direction: Direction, depth: int | None, kinds: Iterable[EdgeKind]) -> Lineage:
    checked = _checked_kinds(kinds)
    if depth is None:
        found = await read_reached(check_id(node), direction, checked)
        return _lineage(_cut(found, direction, None) if found.has_inputs else found)
    if not isinstance(depth, int) or isinstance(depth, bool) or depth < 0:
        msg = f"depth is a number of edges, or None for all of them, not {depth!r:.100}"
        raise QueryError(msg)
    levels = depth if "child" in checked else (depth + 1) // 2  # there are two edges from a run to the next run
    found = await read_reached(check_id(node), direction, checked, levels=levels if levels <= _MOST_LEVELS else None)
    return _lineage(_cut(found, direction, depth))


def _cut(found: Reached, direction: Direction, depth: int | None) -> Reached:
    """Leave out nodes that are more edges away than wanted, or that cannot be reached at all."""
    return found.only(_steps(found, found.start_ids, direction, depth).keys())


def _steps(found: Reached, starts: Collection[UUID], direction: Direction, depth: int | None) -> Mapping[UUID, int]:
    """Return by node the number of edges on its shortest way from the starting nodes."""
    near: dict[UUID, list[UUID]] = {}
    for source_id, target_id, _ in found.edges:
        here, there = (source_id, target_id) if direction == "down" else (target_id, source_id)
        near.setdefault(here, []).append(there)
    steps = {node_id: 0 for node_id in starts if node_id in found.nodes}
    pending = deque(steps)
    while pending:
        node_id = pending.popleft()
        if depth is None or steps[node_id] < depth:
            for other in near.get(node_id, ()):
                if other not in steps:
                    steps[other] = steps[node_id] + 1
                    pending.append(other)
    return steps


def _lineage(found: Reached) -> Lineage:
    return Lineage(found.nodes, tuple(found.edges), found.start_ids)


def _checked_kinds(kinds: Iterable[EdgeKind]) -> Collection[EdgeKind]:
    if isinstance(kinds, str):
        msg = f"kinds is a collection of kinds of edges, not the text {kinds!r:.100}: kinds=({kinds!r:.100},)"
        raise QueryError(msg)
    known = get_args(EdgeKind)
    checked = frozenset(kinds)
    if unknown := sorted(map(repr, checked.difference(known))):
        msg = f"There are no edges of kind {', '.join(unknown)}: kinds are of {', '.join(map(repr, known))}"
        raise QueryError(msg)
    return checked
