"""What the bases of async and of sync code have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, dataclass_transform

from artigraph.model.fields import BaseOfModels
from pydantic import BaseModel, Field, PrivateAttr

if TYPE_CHECKING:
    # Type checkers need the name of a class here. They do not take `type(BaseModel)`.
    from pydantic._internal._model_construction import ModelMetaclass

    @dataclass_transform(kw_only_default=True, field_specifiers=(Field, PrivateAttr))
    class Metaclass(ModelMetaclass):
        """Tells type checkers that a base of models is neither frozen nor not, so that models can be either."""

    @dataclass_transform(kw_only_default=True, field_specifiers=(Field, PrivateAttr))
    class SyncMetaclass(Metaclass, BaseOfModels):
        """The same for the base of sync code."""

else:
    Metaclass = SyncMetaclass = type(BaseModel)
