"""Typed artifacts of data and ML pipelines, in your own database and storage."""

import pkgutil

__path__ = pkgutil.extend_path(__path__, __name__)

from typing import TYPE_CHECKING

from artigraph.deferred import deferred
from artigraph.model import (
    ArtifactMapping,
    ArtifactModel,
    ArtifactModelConfig,
    ArtifactSequence,
    Lazy,
    artifact_field,
    load_many,
    save_many,
)
from artigraph.run import NO_PARENT, Run, RunManager, run_manager
from artigraph.serializer.file import File

if TYPE_CHECKING:
    from artigraph.deletion import DeletionReport, delete, prune
    from artigraph.difference import Change, ModelDiff, diff
    from artigraph.lineage import Node, ancestors, descendants, paths
    from artigraph.query import Series, Version, columns, select, series
    from artigraph.tracking import TrackedValue, TrackingWarning, tracked
else:
    __getattr__, __dir__ = deferred(
        __name__,
        {
            "deletion": ("DeletionReport", "delete", "prune"),
            "difference": ("Change", "ModelDiff", "diff"),
            "lineage": ("Node", "ancestors", "descendants", "paths"),
            "query": ("Series", "Version", "columns", "select", "series"),
            "tracking": ("TrackedValue", "TrackingWarning", "tracked"),
        },
    )

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
]
