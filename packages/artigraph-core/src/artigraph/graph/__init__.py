"""Rows with their bytes: the one place that writes and reads both, in the order that keeps them whole.

What every save, load and run needs is here. Deletion, lineage, series, lists of nodes and maintenance are imported from
their modules, by those who need them.
"""

from artigraph.graph.content import LIGHT, Buffer, Part, join
from artigraph.graph.leases import end_of, mark_lost, mark_lost_runs, renew_leases, status_of
from artigraph.graph.objects import Fetch, fetch, gather
from artigraph.graph.opened import map_object, open_object
from artigraph.graph.read import NodeRow, StoredNode, StoredTree, read_artifacts, read_trees
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
    "TOMBSTONES_LAST",
    "Buffer",
    "Deferred",
    "Fetch",
    "NodeRow",
    "Part",
    "PendingValue",
    "RunRow",
    "RunStatus",
    "RunValueKind",
    "RunValueRow",
    "StoredNode",
    "StoredObject",
    "StoredTree",
    "Streamed",
    "Tree",
    "Uses",
    "bury",
    "call",
    "current_uses",
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
    "read_artifacts",
    "read_object",
    "read_roots",
    "read_run_ids_below",
    "read_runs",
    "read_runs_below",
    "read_trees",
    "renew_leases",
    "replace_values",
    "runs_below",
    "set_uses",
    "status_of",
    "unrecorded",
    "update_run",
    "write_trees",
]
