"""Models: the typed artifacts that users define, and their conversion to rows and back."""

from artigraph.model._base import ArtifactModel
from artigraph.model._checks import check
from artigraph.model._collections import ArtifactMapping, ArtifactSequence
from artigraph.model._fields import ArtifactModelConfig, artifact_field
from artigraph.model._migration import migration
from artigraph.model.failures import Loaded, LoadFailure
from artigraph.model.functions import load_many, origin_of, save_many
from artigraph.model.lazy import Lazy

__all__: list[str] = ["ArtifactMapping", "ArtifactModel", "ArtifactModelConfig", "ArtifactSequence", "Lazy"]
__all__ += ["LoadFailure", "Loaded"]
__all__ += ["artifact_field", "check", "load_many", "migration", "origin_of", "save_many"]
