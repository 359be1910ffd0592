"""The sync twin of `artigraph.lineage`."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import artigraph.lineage as async_lineage
from artigraph.background import wait_for
from artigraph.lineage import Edge, EdgeKind, Lineage, Node
from artigraph.run import Run
from artigraph.sync._twin import plain
from artigraph.sync.run import RunManager

__all__ = ["Edge", "EdgeKind", "Lineage", "Node", "ancestors", "descendants", "paths"]


def ancestors(
    x: UUID | Run | RunManager, depth: int | None = None, kinds: Iterable[EdgeKind] = ("used", "produced")
) -> Lineage:
    """Return what a node was made from: the run that produced it, what that used, and so on, itself among them.

        made_from = ancestors(report_id)
        inputs = ancestors(report_id, depth=2)  # the run that made it, and what that used

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
    return wait_for(async_lineage.ancestors(plain(x), depth, kinds))


def descendants(
    x: UUID | Run | RunManager, depth: int | None = None, kinds: Iterable[EdgeKind] = ("used", "produced")
) -> Lineage:
    """Return what came of a node: the runs that used it, what they produced, and so on, itself among them.

        stale = descendants(wrong_input_id)
        for artifact in stale.artifacts: ...

    See `ancestors`.

    Raises:
        NodeNotFoundError: there is no such node.
        QueryError: a kind, or the depth, is none.
    """
    return wait_for(async_lineage.descendants(plain(x), depth, kinds))


def paths(a: UUID | Run | RunManager, b: UUID | Run | RunManager) -> Lineage:
    """Return all ways of the data from one node to another, as one graph: its nodes are on at least one of them.

    It is empty where nothing of the first went into the second.

    Raises:
        NodeNotFoundError: one of the nodes is not there.
    """
    return wait_for(async_lineage.paths(plain(a), plain(b)))
