"""The sync twin of `artigraph`: the same names for scripts, threads and notebooks, without `await`.

    from artigraph.sync import Run, RunManager

    with RunManager(Run()) as manager:
        manager.save_artifact("report", report)

`artigraph.sync.db`, `.deletion`, `.lineage`, `.maintenance`, `.migrations`, `.outline`, `.query`, `.stored`,
`.tracking`, `.versions`, `.view` are the twins of the modules of these names.
All but `_twin` is written by scripts/make_sync.py.
"""

from artigraph.deletion import DeletionReport
from artigraph.difference import Change, ModelDiff, RunDiff
from artigraph.lineage import Node
from artigraph.model import (
    ArtifactMapping,
    ArtifactModelConfig,
    ArtifactSequence,
    Folder,
    Loaded,
    LoadFailure,
    Media,
    Reference,
    ReferenceCheck,
    artifact_field,
    check,
    migration,
)
from artigraph.model.third_party import artifact_class
from artigraph.portal import wait_for
from artigraph.query.columns import columns
from artigraph.run import NO_PARENT, Run
from artigraph.serializer.file import File
from artigraph.sync.deletion import delete, prune
from artigraph.sync.difference import diff
from artigraph.sync.lineage import ancestors, descendants, paths
from artigraph.sync.model import ArtifactModel, Lazy, load, load_many, origin_of, save, save_many
from artigraph.sync.query import select
from artigraph.sync.run import RunManager, run_manager
from artigraph.sync.versions import Series, series
from artigraph.tracking import Cache, CacheExplanation, TrackedValue, TrackingWarning, tracked
from artigraph.versions.series import Version

__all__ = [
    "NO_PARENT",
    "ArtifactMapping",
    "ArtifactModel",
    "ArtifactModelConfig",
    "ArtifactSequence",
    "Cache",
    "CacheExplanation",
    "Change",
    "DeletionReport",
    "File",
    "Folder",
    "Lazy",
    "LoadFailure",
    "Loaded",
    "Media",
    "ModelDiff",
    "Node",
    "Reference",
    "ReferenceCheck",
    "Run",
    "RunDiff",
    "RunManager",
    "Series",
    "TrackedValue",
    "TrackingWarning",
    "Version",
    "ancestors",
    "artifact_class",
    "artifact_field",
    "check",
    "columns",
    "delete",
    "descendants",
    "diff",
    "load",
    "load_many",
    "migration",
    "origin_of",
    "paths",
    "prune",
    "run_manager",
    "save",
    "save_many",
    "select",
    "series",
    "tracked",
    "wait_for",
]
