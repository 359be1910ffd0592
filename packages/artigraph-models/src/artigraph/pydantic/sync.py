"""Models that are classes of pydantic, for code without async."""

from __future__ import annotations

from typing import Any, ClassVar, dataclass_transform

import artigraph.sync.model as model
from artigraph.model.definition import inherit_line
from artigraph.pydantic._base import SyncMetaclass
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

__all__ = ["ArtifactModel"]


@dataclass_transform(kw_only_default=True, field_specifiers=(Field, PrivateAttr))
class ArtifactModel(model.ArtifactModel, BaseModel, metaclass=SyncMetaclass):
    """Base of typed artifacts that are pydantic models, whose methods block.

        class Report(ArtifactModel, version=2, frozen=True):
            accuracy: float = Field(ge=0, le=1)
            predictions: Annotated[pd.DataFrame, s3]

    The class line takes `version`, `name` and `config`, as that of `artigraph.ArtifactModel`, and pydantic's own
    configuration. Values of any class may be fields (`arbitrary_types_allowed`).

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
