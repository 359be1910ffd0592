"""Rows with their bytes: the one place that writes and reads both, in the order that keeps them whole."""

from artigraph.graph.outline import NodeSummary, read_outline
from artigraph.graph.read import NodeRow, StoredNode, StoredTree, read_artifacts, read_tree
from artigraph.graph.runs import RunRow, RunStatus, insert_run, read_runs_below, runs_below, update_run
from artigraph.graph.tree import PendingObject, Tree
from artigraph.graph.write import write_trees

__all__ = [
    "NodeRow",
    "NodeSummary",
    "PendingObject",
    "RunRow",
    "RunStatus",
    "StoredNode",
    "StoredTree",
    "Tree",
    "insert_run",
    "read_artifacts",
    "read_outline",
    "read_runs_below",
    "read_tree",
    "runs_below",
    "update_run",
    "write_trees",
]
