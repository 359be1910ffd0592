"""The names under which model classes are stored."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from artigraph.errors import ArgumentError
from artigraph.kinds import artifact_classes
from artigraph.model._base import ArtifactModel
from artigraph.model._classes import last_defined
from artigraph.model.any_model import is_class_of_models
from artigraph.model.definition import is_base_of, is_model, traits_of


def stored_names(models: Iterable[type[Any] | str]) -> list[str]:
    """Return the names under which model classes, and classes derived from them, are stored, with their aliases.

    A text stands for itself, as the name of a class that need not be here.
    """
    found: dict[str, None] = {}
    pending = list(models)
    while pending:
        cls = pending.pop()
        if isinstance(cls, str):
            found[cls] = None
            continue
        if is_model(cls):
            found |= dict.fromkeys(traits_of(cls).names)
        pending += cls.__subclasses__()
    return sorted(found)


def model_classes(model_type: type[Any]) -> list[type[Any]]:
    """Return a class and the classes derived from it, as far as they are models and the newest of their names.

    A base of all models, such as `ArtifactModel`, also stands for the classes that are models by `artifact_class`.
    """
    found: dict[type[Any], None] = {}
    pending = [model_type, *(cls for cls in artifact_classes if is_base_of(model_type, cls))]
    while pending:
        cls = pending.pop()
        if is_model(cls) and last_defined(traits_of(cls).name) is cls:
            found[cls] = None
        pending += cls.__subclasses__()
    return list(found)


def has_class(name: str) -> bool:
    """Return whether a live model class has a stored name, or has it as an alias."""
    return last_defined(name) is not None


def names_of(model_type: object) -> list[str] | None:
    """Return the names under which a class and classes derived from it are stored; None means any name.

    Raises:
        ArgumentError: it is not a model class.
    """
    if not isinstance(model_type, type) or not is_class_of_models(model_type):
        msg = f"A model class says which artifacts are loaded, Report say, not {model_type!r:.100}"
        raise ArgumentError(msg)
    return None if model_type is ArtifactModel else stored_names([model_type])
