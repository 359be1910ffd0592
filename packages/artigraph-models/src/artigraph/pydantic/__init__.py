"""Models that are classes of pydantic."""

from __future__ import annotations

from typing import Any, ClassVar, dataclass_transform

import artigraph.model as model
from artigraph.errors import needs
from artigraph.model.definition import inherit_line

with needs(__name__, "pydantic"):
    from artigraph.pydantic._base import Metaclass
    from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

__all__ = ["ArtifactModel"]


@dataclass_transform(kw_only_default=True, field_specifiers=(Field, PrivateAttr))
class ArtifactModel(model.ArtifactModel, BaseModel, metaclass=Metaclass):
    """Base of typed artifacts that are pydantic models.

        class Report(ArtifactModel, version=2, frozen=True):
            accuracy: float = Field(ge=0, le=1)
            predictions: Annotated[pd.DataFrame, s3]

    The class line takes what that of `artigraph.ArtifactModel` takes, and pydantic's own configuration. Values of any
    class may be fields (`arbitrary_types_allowed`).

    A load builds what was saved and runs no validator. Data that `migrate` converted is validated.
    `model_fields_set` and the fields of `extra="allow"` are stored. Private attributes are made anew. Aliases are never
    stored.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(arbitrary_types_allowed=True)

    _artigraph_base: ClassVar[bool] = True

    def __str__(self) -> str:
        return repr(self)

    def __class_getitem__(cls, typevar_values: Any) -> Any:
        return inherit_line(cls, super().__class_getitem__(typevar_values), typevar_values)
