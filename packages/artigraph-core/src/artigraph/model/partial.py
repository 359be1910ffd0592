"""Partial models: models of which only some fields were loaded."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, NoReturn

from artigraph.errors import FieldNotLoadedError, ModelDefinitionError
from artigraph.model.definition import define, kind_of_model

PARTIAL = "_artigraph_partial"
"""Marks the classes that are made here. They are not models themselves."""

_PART = "_artigraph_part"
"""The attribute of a class that holds the class of its partial models, so that both have the same lifetime."""


def is_partial(cls: type[Any]) -> bool:
    """Return whether a class is that of partial models."""
    return PARTIAL in cls.__dict__


def loaded_fields(model: object) -> Mapping[str, object]:
    """Return the loaded fields of a partial model."""
    private: Any = model
    loaded: Mapping[str, object] = private._artigraph_loaded
    return loaded


def build_part(cls: type[Any], fields: Mapping[str, object]) -> Any:
    """Return a read-only model that has only some fields of its class. Another one raises a `FieldNotLoadedError`.

    It is made without the class's constructor, which would need all fields.
    """
    part = cls.__dict__.get(_PART)
    if part is None:
        part = _make(cls)
        setattr(cls, _PART, part)
    return kind_of_model(cls).blank(part, {"_artigraph_loaded": dict(fields)})


class _Field:
    """Replaces a field of the class, including its default."""

    def __init__(self, name: str, cls: type[Any]) -> None:
        self._name = name
        self._cls = cls

    def __get__(self, model: Any, owner: type[Any]) -> Any:
        if model is None:
            return self
        loaded: dict[str, object] = model._artigraph_loaded
        if self._name in loaded:
            return loaded[self._name]
        msg = (
            f"Field {self._name!r} of this {self._cls.__qualname__} was not loaded: it was loaded with "
            f"fields={sorted(loaded)}. Load the model again with this field, or without fields=."
        )
        raise FieldNotLoadedError(msg)

    def __set__(self, model: Any, value: object) -> NoReturn:
        msg = f"This {self._cls.__qualname__} was loaded in part, and is for reading only; load all of it to change it"
        raise FieldNotLoadedError(msg)


def _show(model: Any, level: int = 0) -> str:
    del level
    return f"{type(model).__name__}(<loaded in part: {', '.join(sorted(model._artigraph_loaded))}>)"


def _undeclared(model: Any, name: str) -> object:
    """Return a loaded field that the class does not declare."""
    loaded: Mapping[str, object] = object.__getattribute__(model, "_artigraph_loaded")
    if name in loaded:
        return loaded[name]
    msg = f"{type(model).__qualname__!r} object has no attribute {name!r}"
    raise AttributeError(msg)


def _make(cls: type[Any]) -> type[Any]:
    kind = kind_of_model(cls)
    names = _names(cls)
    namespace: dict[str, Any] = {name: _Field(name, cls) for name in names}
    namespace |= {
        PARTIAL: True,
        "__module__": cls.__module__,
        "__qualname__": cls.__qualname__,
        "__doc__": cls.__doc__,
        "__repr__": _show,
        "__str__": _show,
        "__getattr__": _undeclared,
        "_artigraph_show": _show,
    }
    try:
        return kind.part_class(cls, namespace, names)
    except TypeError as error:
        msg = (
            f"Model {cls.__qualname__} cannot be loaded in part, because it cannot be subclassed without arguments: "
            f"{error}. Load all of it."
        )
        raise ModelDefinitionError(msg) from error


def _names(cls: type[Any]) -> list[str]:
    """Return the fields of a model class, with those that are not stored."""
    stored = define(cls).fields
    derived = [field.name for field in dataclasses.fields(cls)] if dataclasses.is_dataclass(cls) else []
    return list(dict.fromkeys([*stored, *derived]))
