"""The nodes with their bytes: the only code that writes and reads both, in the order that keeps them consistent.

This package exports what every save, load and run needs. Modules that need deletion, lineage, series, lists of nodes or
maintenance import these from the modules here.
"""

from artigraph.graph._object_file import map_object, open_object
from artigraph.graph._read import (
    StoredNode,
    StoredTree,
    all_subtrees,
    read_artifacts,
    read_trees,
    subtree_node,
    subtree_root,
    subtrees,
)
from artigraph.graph._tree import Deferred, PendingValue, Streamed, Tree
from artigraph.graph._usage import (
    Uses,
    current_uses,
    inherit_uses,
    note_uses,
    read_roots,
    record_inputs,
    set_uses,
    without_recording,
)
from artigraph.graph._write import write_trees
from artigraph.graph.hashing import THREAD_THRESHOLD, Buffer, Part, join
from artigraph.graph.leases import end_of, mark_lost, mark_lost_runs, renew_leases, report_lost_runs, status_of
from artigraph.graph.objects import Fetch, fetch, report_leftovers, run_concurrently
from artigraph.graph.runs import (
    RunRow,
    RunStatus,
    RunValueKind,
    RunValueRow,
    insert_run,
    join_run,
    read_run_ids_below,
    read_runs,
    read_runs_below,
    replace_values,
    runs_below,
    update_run,
    with_runs_below,
)
from artigraph.graph.stored_object import StoredObject, call_storage, read_object
from artigraph.graph.tombstones import TOMBSTONES_LAST, create_tombstones, forget_tombstones

__all__ = [
    "THREAD_THRESHOLD",
    "TOMBSTONES_LAST",
    "Buffer",
    "Deferred",
    "Fetch",
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
    "all_subtrees",
    "call_storage",
    "create_tombstones",
    "current_uses",
    "end_of",
    "fetch",
    "forget_tombstones",
    "inherit_uses",
    "insert_run",
    "join",
    "join_run",
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
    "record_inputs",
    "renew_leases",
    "replace_values",
    "report_leftovers",
    "report_lost_runs",
    "run_concurrently",
    "runs_below",
    "set_uses",
    "status_of",
    "subtree_node",
    "subtree_root",
    "subtrees",
    "update_run",
    "with_runs_below",
    "without_recording",
    "write_trees",
]
