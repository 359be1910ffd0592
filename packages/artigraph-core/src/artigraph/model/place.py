"""Where a value stands in a model: what decides how it is stored, and what an error says."""

from __future__ import annotations

from typing import Any

from artigraph.errors import SerializationError
from artigraph.model.definition import FieldDefinition
from artigraph.serializer import Serializer
from artigraph.storage import Storage

__all__ = ["Place", "describe", "name_of"]

_LONGEST_PATH = 40
"""Steps of a path that an error shows; of a longer one the first and the last."""


class Place:
    """Where a value stands: what decides how it is stored, and what an error says."""

    __slots__ = ("default_serializer", "field", "key", "model_name", "overflow", "parent")

    def __init__(
        self,
        field: FieldDefinition,
        default_serializer: Serializer[Any] | None,
        overflow: Storage | None,
        model_name: str | None,
        parent: Place | None,
        key: str | int,
    ) -> None:
        self.field: FieldDefinition = field
        self.default_serializer: Serializer[Any] | None = default_serializer
        self.overflow: Storage | None = overflow
        self.model_name: str | None = model_name
        """The model that the value is a field of; None for an item of a container."""
        self.parent: Place | None = parent
        self.key: str | int = key

    def item(self, key: str | int) -> Place:
        return Place(self.field, self.default_serializer, self.overflow, None, self, key)

    @property
    def path(self) -> str:
        """Where the value is, as Python would write it: `Model.field['key'][3]`; made only for an error."""
        steps: list[str] = []
        place: Place | None = self
        while place is not None:
            if place.parent is None:
                steps.append(str(place.key))
            else:
                steps.append(f"[{place.key!r}]" if place.model_name is None else f".{place.key}")
            place = place.parent
        if len(steps) > _LONGEST_PATH:
            steps[_LONGEST_PATH // 2 : -_LONGEST_PATH // 2] = [" ... "]
        return "".join(reversed(steps))


def describe(error: SerializationError, value: object, place: Place) -> str:
    """Say which value cannot be stored, and why."""
    return f"{place.path} (of type {name_of(type(value))}) cannot be stored exactly: {error}"


def name_of(cls: type[Any]) -> str:
    """Return the name by which messages speak of a class."""
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
