"""Models that are structs of msgspec."""

from __future__ import annotations

from typing import ClassVar, dataclass_transform

import artigraph.model as model
from artigraph.errors import needs

with needs(__name__, "msgspec"):
    import msgspec
    from artigraph.msgspec._base import Metaclass

__all__ = ["ArtifactModel"]


@dataclass_transform(field_specifiers=(msgspec.field,))
class ArtifactModel(model.ArtifactModel, msgspec.Struct, metaclass=Metaclass, weakref=True):
    """Base of typed artifacts that are structs of msgspec.

        class Report(ArtifactModel, version=2, frozen=True):
            accuracy: float
            predictions: Annotated[pd.DataFrame, s3]

    The class line takes what that of `artigraph.ArtifactModel` takes, and the options of structs. A field is stored
    under its name in Python, whatever `rename` says. Data that `migrate` converted is validated by `msgspec.convert`.
    """

    _artigraph_base: ClassVar[bool] = True
