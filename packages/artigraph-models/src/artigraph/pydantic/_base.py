"""What the bases of async and of sync code have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, dataclass_transform

from pydantic import BaseModel, Field, PrivateAttr

if TYPE_CHECKING:
    # Type checkers need a class here, and `type(BaseModel)` is none to them.
    from pydantic._internal._model_construction import ModelMetaclass

    @dataclass_transform(kw_only_default=True, field_specifiers=(Field, PrivateAttr))
    class Metaclass(ModelMetaclass):
        """Tells type checkers that a base of models is neither frozen nor not, so that models can be either."""

else:
    Metaclass = type(BaseModel)
