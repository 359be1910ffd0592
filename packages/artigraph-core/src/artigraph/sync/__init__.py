"""The sync twin of `artigraph`: the same names for scripts, threads and notebooks, without `await`.

    from artigraph.sync import Run, RunManager

    with RunManager(Run()) as manager:
        manager.save_artifact("report", report)

`artigraph.sync.db`, `.lineage`, `.maintenance`, `.migrations`, `.outline`, `.query` are the twins of the modules of
these names.
All but `_twin` is written by scripts/make_sync.py.
"""

from artigraph.background import wait_for
from artigraph.deletion import DeletionReport
from artigraph.difference import Change, ModelDiff, diff
from artigraph.lineage import Node
from artigraph.model import ArtifactMapping, ArtifactModelConfig, ArtifactSequence, artifact_field
from artigraph.query import Version, columns
from artigraph.run import NO_PARENT, Run
from artigraph.serializer.file import File
from artigraph.sync.deletion import delete, prune
from artigraph.sync.lineage import ancestors, descendants, paths
from artigraph.sync.model import ArtifactModel, Lazy, load_many, save_many
from artigraph.sync.query import Series, select, series
from artigraph.sync.run import RunManager, run_manager
from artigraph.tracking import TrackedValue, TrackingWarning, tracked

__all__ = [
    "NO_PARENT",
    "ArtifactMapping",
    "ArtifactModel",
    "ArtifactModelConfig",
    "ArtifactSequence",
    "Change",
    "DeletionReport",
    "File",
    "Lazy",
    "ModelDiff",
    "Node",
    "Run",
    "RunManager",
    "Series",
    "TrackedValue",
    "TrackingWarning",
    "Version",
    "ancestors",
    "artifact_field",
    "columns",
    "delete",
    "descendants",
    "diff",
    "load_many",
    "paths",
    "prune",
    "run_manager",
    "save_many",
    "select",
    "series",
    "tracked",
    "wait_for",
]
