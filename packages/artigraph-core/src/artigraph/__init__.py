"""Typed artifacts of data and ML pipelines, in your own database and storage."""

import pkgutil

__path__ = pkgutil.extend_path(__path__, __name__)

import logging
from typing import TYPE_CHECKING

from artigraph.lazy_import import deferred

if TYPE_CHECKING:
    from artigraph.deletion import DeletionReport, delete, prune
    from artigraph.difference import Change, ModelDiff, RunDiff, diff
    from artigraph.lineage import Node, ancestors, descendants, paths
    from artigraph.model import (
        ArtifactMapping,
        ArtifactModel,
        ArtifactModelConfig,
        ArtifactSequence,
        Folder,
        Lazy,
        Loaded,
        LoadFailure,
        Media,
        Reference,
        ReferenceCheck,
        artifact_field,
        check,
        load_many,
        migration,
        origin_of,
        save_many,
    )
    from artigraph.model.third_party import artifact_class, load, save  # as for columns below
    from artigraph.notebook import load_ipython_extension as load_ipython_extension
    from artigraph.notebook import unload_ipython_extension as unload_ipython_extension
    from artigraph.query.columns import columns  # not from artigraph.query: mypy would find the module of this name
    from artigraph.query.select import select
    from artigraph.release import __version__ as __version__
    from artigraph.run import NO_PARENT, Run, RunManager, run_manager
    from artigraph.serializer.file import File
    from artigraph.tracking import Cache, CacheExplanation, TrackedValue, TrackingWarning, tracked
    from artigraph.versions.series import Series, Version, series
else:
    # All names are lazy: the command line imports this package to print a help text.
    __getattr__, __dir__ = deferred(
        __name__,
        {
            "deletion": "DeletionReport delete prune",
            "difference": "Change ModelDiff RunDiff diff",
            "lineage": "Node ancestors descendants paths",
            "model": (
                "ArtifactMapping ArtifactModel ArtifactModelConfig ArtifactSequence Folder Lazy Loaded LoadFailure "
                "Media Reference ReferenceCheck artifact_field check load_many migration origin_of save_many"
            ),
            "model.third_party": "artifact_class load save",
            "notebook": "load_ipython_extension unload_ipython_extension",
            "query": "columns select",
            "release": "__version__",
            "run": "NO_PARENT Run RunManager run_manager",
            "serializer.file": "File",
            "tracking": "Cache CacheExplanation TrackedValue TrackingWarning tracked",
            "versions": "Series Version series",
        },
    )

# What the library logs goes where the application sends it, and nowhere if that is not set up.
logging.getLogger(__name__).addHandler(logging.NullHandler())

__all__: list[str] = ["NO_PARENT", "ArtifactMapping", "ArtifactModel", "ArtifactModelConfig", "ArtifactSequence"]
__all__ += ["Cache", "CacheExplanation", "Change", "DeletionReport", "File", "Folder", "Lazy", "LoadFailure", "Loaded"]
__all__ += ["Media", "ModelDiff", "Node", "Reference", "ReferenceCheck", "Run", "RunDiff", "RunManager", "Series"]
__all__ += ["TrackedValue", "TrackingWarning", "Version", "ancestors", "artifact_class", "artifact_field", "check"]
__all__ += ["columns", "delete", "descendants", "diff", "load", "load_many", "migration", "origin_of", "paths", "prune"]
__all__ += ["run_manager", "save", "save_many", "select", "series", "tracked"]
