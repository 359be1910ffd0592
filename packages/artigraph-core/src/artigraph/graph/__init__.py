"""Rows with their bytes: the one place that writes and reads both, in the order that keeps them whole."""

from artigraph.graph.check import CHECKS, Broken, find_broken, serializers_in_use
from artigraph.graph.collect import UnusedBlob, database_time, delete_blob, read_unused
from artigraph.graph.content import LIGHT, Buffer, Part, join
from artigraph.graph.delete import DeletedNode, Deletion, delete_nodes
from artigraph.graph.objects import Fetch, fetch, gather
from artigraph.graph.opened import map_object, open_object
from artigraph.graph.outline import NodeSummary, read_outline
from artigraph.graph.read import NodeRow, StoredNode, StoredTree, read_artifacts, read_trees
from artigraph.graph.retention import Retention, retire
from artigraph.graph.runs import RunRow, RunStatus, insert_run, read_runs, read_runs_below, runs_below, update_run
from artigraph.graph.stored import StoredObject, call, read_object
from artigraph.graph.survey import BlobRow, Place, Survey, count_blobs, find_lost, find_places, read_blobs, survey
from artigraph.graph.tombstones import TOMBSTONES_LAST, bury, forget_tombstones
from artigraph.graph.tree import Deferred, PendingValue, Streamed, Tree
from artigraph.graph.verify import verify_object
from artigraph.graph.write import write_trees

__all__ = [
    "CHECKS",
    "LIGHT",
    "TOMBSTONES_LAST",
    "BlobRow",
    "Broken",
    "Buffer",
    "Deferred",
    "DeletedNode",
    "Deletion",
    "Fetch",
    "NodeRow",
    "NodeSummary",
    "Part",
    "PendingValue",
    "Place",
    "Retention",
    "RunRow",
    "RunStatus",
    "StoredNode",
    "StoredObject",
    "StoredTree",
    "Streamed",
    "Survey",
    "Tree",
    "UnusedBlob",
    "bury",
    "call",
    "count_blobs",
    "database_time",
    "delete_blob",
    "delete_nodes",
    "fetch",
    "find_broken",
    "find_lost",
    "find_places",
    "forget_tombstones",
    "gather",
    "insert_run",
    "join",
    "map_object",
    "open_object",
    "read_artifacts",
    "read_blobs",
    "read_object",
    "read_outline",
    "read_runs",
    "read_runs_below",
    "read_trees",
    "read_unused",
    "retire",
    "runs_below",
    "serializers_in_use",
    "survey",
    "update_run",
    "verify_object",
    "write_trees",
]
