"""The metaclass that type checkers see on bases of models beside `ArtifactModel` itself."""

from __future__ import annotations

from abc import ABCMeta
from dataclasses import field
from typing import TYPE_CHECKING, dataclass_transform

from artigraph.model._fields import artifact_field

if TYPE_CHECKING:

    @dataclass_transform(field_specifiers=(artifact_field, field))
    class BaseOfModels(ABCMeta):
        """Tells mypy that a base of models is neither frozen nor not, so that models can be either."""

else:
    BaseOfModels = type
