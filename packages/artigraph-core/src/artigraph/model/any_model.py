"""What a model may be: an instance of a class derived from `ArtifactModel`, or of one given to `artifact_class`."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol, TypeGuard

from artigraph.model._base import ArtifactModel
from artigraph.model.definition import is_model
from artigraph.model.partial import is_partial


class _HasFields(Protocol):
    """A dataclass, and to type checkers also a class of pydantic or msgspec."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


class _HasAttributes(Protocol):
    """A class of attrs."""

    __attrs_attrs__: ClassVar[Any]


AnyModel = ArtifactModel | _HasFields | _HasAttributes
"""The models that functions take. At run time, a class that does not derive from `ArtifactModel` is a model once
`artifact_class` was called for it."""


def is_model_instance(value: object) -> bool:
    """Return whether a value is a model, perhaps one that was loaded in part."""
    cls: type[Any] = type(value)
    return issubclass(cls, ArtifactModel) or is_model(cls) or is_partial(cls)


def is_class_of_models(value: object) -> TypeGuard[type[Any]]:
    """Return whether a value is a model class, or a base of model classes."""
    if not isinstance(value, type):
        return False
    cls: type[Any] = value
    return issubclass(cls, ArtifactModel) or is_model(cls)
