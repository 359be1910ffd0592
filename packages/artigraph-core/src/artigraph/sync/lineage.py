"""The sync twin of `artigraph.lineage`."""

from __future__ import annotations

from collections.abc import Iterable

import artigraph.lineage as async_lineage
from artigraph.identifiers import NodeId
from artigraph.lineage import Edge, EdgeKind, Lineage, Node
from artigraph.portal import wait_for

__all__ = ["Edge", "EdgeKind", "Lineage", "Node", "ancestors", "descendants", "paths"]


def ancestors(node: NodeId, depth: int | None = None, kinds: Iterable[EdgeKind] = ("used", "produced")) -> Lineage:
    """Return the ancestors of a node: the run that produced it, the artifacts that run used, and so on.

        made_from = ancestors(report_id)
        inputs = ancestors(report_id, depth=2)  # the run that made it, and the artifacts that run used

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
    return wait_for(async_lineage.ancestors(node, depth, kinds))


def descendants(node: NodeId, depth: int | None = None, kinds: Iterable[EdgeKind] = ("used", "produced")) -> Lineage:
    """Return the descendants of a node: the runs that used it, the artifacts those produced, and so on.

        stale = descendants(wrong_input_id)
        for artifact in stale.artifacts: ...

    The result contains the node itself.

    A call that the cache served leads to its result, and to what was made from that.

    See `ancestors` for the arguments.

    Raises:
        InvalidNodeIdError: `node` does not denote a node.
        NodeNotFoundError: the node does not exist.
        QueryError: a kind or the depth is invalid.
    """
    return wait_for(async_lineage.descendants(node, depth, kinds))


def paths(source: NodeId, target: NodeId) -> Lineage:
    """Return all paths that data took from one node to another, as one graph of the nodes on these paths.

    The graph is empty if nothing of the first node went into the second. Like `ancestors`, it leads from a result to
    the run that computed it, and not to calls that the cache served.

    Raises:
        InvalidNodeIdError: an argument does not denote a node.
        NodeNotFoundError: one of the nodes does not exist.
    """
    return wait_for(async_lineage.paths(source, target))
