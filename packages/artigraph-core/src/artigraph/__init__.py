"""Typed artifacts of data and ML pipelines, in your own database and storage."""

import pkgutil

__path__ = pkgutil.extend_path(__path__, __name__)

from artigraph.deletion import DeletionReport, delete, prune
from artigraph.difference import Change, ModelDiff, diff
from artigraph.graph import Node
from artigraph.lineage import ancestors, descendants, paths
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
from artigraph.query import Series, Version, columns, select, series
from artigraph.run import NO_PARENT, Run, RunManager, run_manager
from artigraph.serializer.file import File
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
]
