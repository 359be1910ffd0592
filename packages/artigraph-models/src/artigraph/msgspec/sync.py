"""Models that are structs of msgspec, for code without async."""

from __future__ import annotations

from typing import ClassVar, dataclass_transform

import artigraph.sync.model as model
import msgspec
from artigraph.msgspec._base import SyncMetaclass

__all__ = ["ArtifactModel"]


@dataclass_transform(field_specifiers=(msgspec.field,))
class ArtifactModel(model.ArtifactModel, msgspec.Struct, metaclass=SyncMetaclass, weakref=True):
    """Base of typed artifacts that are structs of msgspec, whose methods block.

        class Report(ArtifactModel, version=2, frozen=True):
            accuracy: float
            predictions: Annotated[pd.DataFrame, s3]

    The class line takes `version`, `name` and `config`, as that of `artigraph.ArtifactModel`, and the options of
    structs. A field is stored under its name in Python, whatever `rename` says. Data that `migrate` converted is
    validated by `msgspec.convert`.
    """

    _artigraph_base: ClassVar[bool] = True
