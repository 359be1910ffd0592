"""Annotations of a model's fields, resolved where their class was written."""

from __future__ import annotations

import ast
import inspect
import sys
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import Any, get_args, get_type_hints

from artigraph.errors import ModelDefinitionError

__all__ = ["classes_in", "declared_annotations", "local_names", "resolve"]

_CO_OPTIMIZED = 0x0001
"""Set in the code of functions, not in that of class bodies and modules."""


def local_names(annotations: Mapping[str, object], frame: FrameType | None) -> dict[str, Any]:
    """Return what the names in string annotations mean in the function that a class is made in.

    They are looked up when the class is made, because the function's frame is gone when they are needed; only what
    the annotations name is kept.
    """
    names = {name for annotation in annotations.values() if isinstance(annotation, str) for name in _names(annotation)}
    found: dict[str, Any] = {}
    while frame is not None and names:
        found |= {name: frame.f_locals[name] for name in names - found.keys() if name in frame.f_locals}
        if frame.f_code.co_flags & _CO_OPTIMIZED or frame.f_locals is frame.f_globals:
            break
        frame = frame.f_back
    return found


def _names(annotation: str) -> Iterator[str]:
    try:
        tree = ast.parse(annotation.strip(), mode="eval")
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from _names(node.value)


def resolve(
    owner: type[Any], name: str, local: Mapping[str, Any], find_model: Callable[[str], type[Any] | None]
) -> Any:
    """Return the annotation of a field, its forward references resolved and `Annotated` kept.

    Args:
        owner: the class that declares the field.
        name: the field.
        local: what names meant in the function in which the owner was made.
        find_model: the model of a name that is known nowhere else, as one that was made in that function later.

    Raises:
        ModelDefinitionError: the annotation cannot be resolved.
    """
    annotation = declared_annotations(owner)[name]
    holder = type(owner.__name__, (), {"__annotations__": {name: annotation}})
    module = vars(sys.modules[owner.__module__]) if owner.__module__ in sys.modules else {}
    # As typing does it: what the module says goes before what the class says, where `date: date | None = None` has
    # made the name of a type that of a default.
    names: ChainMap[str, Any] = ChainMap({**local, owner.__name__: owner}, module, dict(vars(owner)))
    while True:
        try:
            return get_type_hints(holder, globalns=module, localns=names, include_extras=True)[name]
        except Exception as error:
            missing = error.name if isinstance(error, NameError) else None
            model = find_model(missing) if missing is not None and missing not in names else None
            if missing is None or model is None:
                msg = (
                    f"The annotation {annotation!r} of field {name!r} of model {owner.__qualname__} cannot be "
                    f"resolved: {error}. It is needed when the model is first saved or loaded. Import what it names "
                    "at run time (not under TYPE_CHECKING); where the class is made in a function, define it before."
                )
                raise ModelDefinitionError(msg) from error
            names[missing] = model


def declared_annotations(owner: type[Any]) -> Mapping[str, Any]:
    """Return the annotations that stand in the body of a class, as they stand there."""
    if sys.version_info >= (3, 14):
        import annotationlib

        return annotationlib.get_annotations(owner, format=annotationlib.Format.FORWARDREF)
    return inspect.get_annotations(owner)


def classes_in(annotation: object) -> Iterator[type[Any]]:
    """Yield every class that a resolved annotation names, at any depth."""
    pending: list[object] = [annotation]
    while pending:
        part = pending.pop()
        if isinstance(part, type) and not get_args(part):
            yield part
        pending.extend(get_args(part))
