"""Rows with their bytes: the one place that writes and reads both, in the order that keeps them whole."""

from artigraph.graph.aliases import drop_alias, point_alias, read_aliases
from artigraph.graph.content import LIGHT, Buffer, Part, join
from artigraph.graph.delete import DeletedNode, Deletion, delete_nodes
from artigraph.graph.leases import end_of, mark_lost, mark_lost_runs, renew_leases, status_of
from artigraph.graph.lineage import Direction, Edge, EdgeKind, Reached, read_between, read_reached
from artigraph.graph.names import read_model_names
from artigraph.graph.nodes import NODE_COLUMNS, Node, NodeType, read_nodes
from artigraph.graph.objects import Fetch, fetch, gather
from artigraph.graph.opened import map_object, open_object
from artigraph.graph.outline import NodeSummary, read_outline
from artigraph.graph.read import NodeRow, StoredNode, StoredTree, read_artifacts, read_trees
from artigraph.graph.retention import Retention, retire
from artigraph.graph.run_values import RunValueKind, RunValueRow, replace_values
from artigraph.graph.runs import (
    RunRow,
    RunStatus,
    insert_run,
    join_run,
    read_run_ids_below,
    read_runs,
    read_runs_below,
    runs_below,
    update_run,
)
from artigraph.graph.series import SeriesKey, count_versions, read_version_ids, read_versions
from artigraph.graph.stored import StoredObject, call, read_object
from artigraph.graph.tombstones import TOMBSTONES_LAST, bury, forget_tombstones
from artigraph.graph.tree import Deferred, PendingValue, Streamed, Tree
from artigraph.graph.uses import (
    Uses,
    current_uses,
    inherit_uses,
    keep_inputs,
    note_uses,
    read_roots,
    set_uses,
    unrecorded,
)
from artigraph.graph.write import write_trees

__all__ = [
    "LIGHT",
    "NODE_COLUMNS",
    "TOMBSTONES_LAST",
    "Buffer",
    "Deferred",
    "DeletedNode",
    "Deletion",
    "Direction",
    "Edge",
    "EdgeKind",
    "Fetch",
    "Node",
    "NodeRow",
    "NodeSummary",
    "NodeType",
    "Part",
    "PendingValue",
    "Reached",
    "Retention",
    "RunRow",
    "RunStatus",
    "RunValueKind",
    "RunValueRow",
    "SeriesKey",
    "StoredNode",
    "StoredObject",
    "StoredTree",
    "Streamed",
    "Tree",
    "Uses",
    "bury",
    "call",
    "count_versions",
    "current_uses",
    "delete_nodes",
    "drop_alias",
    "end_of",
    "fetch",
    "forget_tombstones",
    "gather",
    "inherit_uses",
    "insert_run",
    "join",
    "join_run",
    "keep_inputs",
    "map_object",
    "mark_lost",
    "mark_lost_runs",
    "note_uses",
    "open_object",
    "point_alias",
    "read_aliases",
    "read_artifacts",
    "read_between",
    "read_model_names",
    "read_nodes",
    "read_object",
    "read_outline",
    "read_reached",
    "read_roots",
    "read_run_ids_below",
    "read_runs",
    "read_runs_below",
    "read_trees",
    "read_version_ids",
    "read_versions",
    "renew_leases",
    "replace_values",
    "retire",
    "runs_below",
    "set_uses",
    "status_of",
    "unrecorded",
    "update_run",
    "write_trees",
]
