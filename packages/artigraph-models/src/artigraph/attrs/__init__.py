"""Models that are classes of attrs."""

from __future__ import annotations

from typing import ClassVar, dataclass_transform

import artigraph.model as model
from artigraph.errors import needs

with needs(__name__, "attrs"):
    import attrs
    from artigraph.attrs._base import Metaclass

__all__ = ["ArtifactModel"]


@dataclass_transform(field_specifiers=(attrs.field,))
class ArtifactModel(model.ArtifactModel, metaclass=Metaclass):
    """Base of typed artifacts that are classes of attrs.

        @attrs.define
        class Report(ArtifactModel, version=2):
            accuracy: float = attrs.field(converter=float)
            predictions: Annotated[pd.DataFrame, s3]

    It is `artigraph.ArtifactModel`, and tells type checkers what `attrs.field` means. A load builds what was saved: no
    converter and no validator runs. Data that `migrate` converted goes through `__init__`. Attributes with `init=False`
    are stored, too.
    """

    __slots__ = ()

    _artigraph_base: ClassVar[bool] = True
