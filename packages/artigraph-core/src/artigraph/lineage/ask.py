"""Asking what a node came from, what came of it, and how two nodes are connected."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from typing import cast, get_args
from uuid import UUID

from artigraph.errors import QueryError
from artigraph.graph.lineage import Direction, EdgeKind, Reached, read_between, read_reached
from artigraph.lineage.graph import Lineage
from artigraph.run import Run, RunManager

__all__ = ["ancestors", "descendants", "paths"]

_MOST_LEVELS = 20
"""Levels that the database counts; what is asked for beyond them is cut out of everything that it finds."""


async def ancestors(
    x: UUID | Run | RunManager, depth: int | None = None, kinds: Iterable[EdgeKind] = ("used", "produced")
) -> Lineage:
    """Return what a node was made from: the run that produced it, what that used, and so on, itself among them.

        made_from = await ancestors(report_id)
        inputs = await ancestors(report_id, depth=2)  # the run that made it, and what that used

    One query, whatever the graph, and each node once: runs that used what later ones made are no trouble. Inputs that a
    tracked function keeps with its run are used by it, and not produced.

    Args:
        x: a run, an artifact, or a part of one, which stands for its artifact.
        depth: how many edges from it at most; None is as many as there are.
        kinds: the edges to go along. With `child` what is known of a run is known of the runs in it, too.

    Raises:
        NodeNotFoundError: there is no such node.
        QueryError: a kind, or the depth, is none.
    """
    return await _reached(x, "up", depth, kinds)


async def descendants(
    x: UUID | Run | RunManager, depth: int | None = None, kinds: Iterable[EdgeKind] = ("used", "produced")
) -> Lineage:
    """Return what came of a node: the runs that used it, what they produced, and so on, itself among them.

        stale = await descendants(wrong_input_id)
        for artifact in stale.artifacts: ...

    See `ancestors`.

    Raises:
        NodeNotFoundError: there is no such node.
        QueryError: a kind, or the depth, is none.
    """
    return await _reached(x, "down", depth, kinds)


async def paths(a: UUID | Run | RunManager, b: UUID | Run | RunManager) -> Lineage:
    """Return all ways of the data from one node to another, as one graph: its nodes are on at least one of them.

    It is empty where nothing of the first went into the second.

    Raises:
        NodeNotFoundError: one of the nodes is not there.
    """
    found = await read_between(_id_of(a), _id_of(b))
    if found.has_inputs:
        first, last = found.start_ids
        ahead, behind = _steps(found, [first], "down", None), _steps(found, [last], "up", None)
        found = found.only(ahead.keys() & behind.keys())
    return _lineage(found)


async def _reached(
    x: UUID | Run | RunManager, direction: Direction, depth: int | None, kinds: Iterable[EdgeKind]
) -> Lineage:
    checked = _checked_kinds(kinds)
    if depth is None:
        found = await read_reached(_id_of(x), direction, checked)
        return _lineage(_cut(found, direction, None) if found.has_inputs else found)
    if not isinstance(cast("object", depth), int) or isinstance(depth, bool) or depth < 0:
        msg = f"depth is a number of edges, or None for all of them, not {depth!r:.100}"
        raise QueryError(msg)
    levels = depth if "child" in checked else (depth + 1) // 2  # from a run to the next one are two edges
    found = await read_reached(_id_of(x), direction, checked, levels=levels if levels <= _MOST_LEVELS else None)
    return _lineage(_cut(found, direction, depth))


def _cut(found: Reached, direction: Direction, depth: int | None) -> Reached:
    """Leave out what is more edges away than wanted, or cannot be reached at all."""
    return found.only(_steps(found, found.start_ids, direction, depth).keys())


def _steps(found: Reached, starts: Collection[UUID], direction: Direction, depth: int | None) -> Mapping[UUID, int]:
    """Return how many edges away from some nodes others are."""
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


def _id_of(x: UUID | Run | RunManager) -> UUID:
    return x.run.node_id if isinstance(x, RunManager) else x.node_id if isinstance(x, Run) else x
