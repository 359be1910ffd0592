"""What a user writes: typed artifacts, and how they become rows and models again."""

from artigraph.model.base import ArtifactModel
from artigraph.model.collections import ArtifactMapping, ArtifactSequence
from artigraph.model.fields import ArtifactModelConfig, artifact_field
from artigraph.model.lazy import Lazy
from artigraph.model.many import load_many, save_many

__all__ = [
    "ArtifactMapping",
    "ArtifactModel",
    "ArtifactModelConfig",
    "ArtifactSequence",
    "Lazy",
    "artifact_field",
    "load_many",
    "save_many",
]
