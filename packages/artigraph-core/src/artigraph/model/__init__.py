"""What a user writes: typed artifacts, and how they become rows and models again."""

from artigraph.model.base import ArtifactModel
from artigraph.model.collections import ArtifactMapping, ArtifactSequence
from artigraph.model.fields import ArtifactModelConfig, artifact_field

__all__ = [
    "ArtifactMapping",
    "ArtifactModel",
    "ArtifactModelConfig",
    "ArtifactSequence",
    "artifact_field",
]
