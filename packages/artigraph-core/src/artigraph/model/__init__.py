"""Models: the typed artifacts that users define, and their conversion to rows and back."""

from artigraph.model._base import ArtifactModel
from artigraph.model._checks import check
from artigraph.model._collections import ArtifactMapping, ArtifactSequence
from artigraph.model._folder import Folder
from artigraph.model._media import Media
from artigraph.model._migration import migration
from artigraph.model._reference import Reference, ReferenceCheck
from artigraph.model.failures import Loaded, LoadFailure
from artigraph.model.fields import ArtifactModelConfig, artifact_field
from artigraph.model.functions import load_many, origin_of, save_many
from artigraph.model.lazy import Lazy
from artigraph.model.third_party import artifact_class, load, save

__all__: list[str] = ["ArtifactMapping", "ArtifactModel", "ArtifactModelConfig", "ArtifactSequence", "Folder", "Lazy"]
__all__ += ["LoadFailure", "Loaded", "Media", "Reference", "ReferenceCheck", "artifact_class", "artifact_field"]
__all__ += ["check", "load", "load_many", "migration", "origin_of", "save", "save_many"]
