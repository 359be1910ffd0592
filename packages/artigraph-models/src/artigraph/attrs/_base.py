"""What the bases of async and of sync code have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, dataclass_transform

import attrs
from artigraph.model.fields import BaseOfModels

if TYPE_CHECKING:

    @dataclass_transform(field_specifiers=(attrs.field,))
    class Metaclass(type):
        """Tells type checkers that a base of models is neither frozen nor not, so that models can be either."""

    @dataclass_transform(field_specifiers=(attrs.field,))
    class SyncMetaclass(Metaclass, BaseOfModels):
        """The same for the base of sync code."""

else:
    Metaclass = SyncMetaclass = type
