"""The nodes with their bytes: the only code that writes and reads both, in the order that keeps them consistent.

This package exports what every save and load needs. Rooms that need runs, leases, lists of nodes or tombstones import
these from the modules here.
"""

from artigraph.graph._object_file import map_object, open_object
from artigraph.graph._read import (
    SUBTREE,
    FindIds,
    StoredTree,
    any_missing,
    read_artifacts,
    read_trees,
    reasons_not_read,
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
from artigraph.graph._write import RunRows, write_trees
from artigraph.graph.objects import Fetch, fetch
from artigraph.graph.stored_object import StoredObject

__all__: list[str] = ["SUBTREE", "Deferred", "Fetch", "FindIds", "PendingValue", "RunRows", "StoredObject"]
__all__ += ["StoredTree", "Streamed", "Tree", "Uses"]
__all__ += ["any_missing", "current_uses", "fetch", "inherit_uses", "map_object", "note_uses", "open_object"]
__all__ += ["read_artifacts", "read_roots", "read_trees", "reasons_not_read", "record_inputs", "set_uses", "subtrees"]
__all__ += ["without_recording", "write_trees"]
