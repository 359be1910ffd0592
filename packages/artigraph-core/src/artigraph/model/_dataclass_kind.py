"""Dataclasses, the kind of models that the core brings itself."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Collection, Mapping, Sequence
from dataclasses import MISSING, InitVar
from typing import Any, Final

from artigraph.errors import DeserializationError, ModelDefinitionError
from artigraph.kinds import KindField, ModelKind, has_default
from artigraph.model.compare import equal
from artigraph.serializer.codec.classes import is_pydantic, runs_own_code


class FieldChangedError(DeserializationError):
    """The code of a class changed the value of a field, and would not take the stored one."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name


class _DataclassKind:
    """Dataclasses of the standard library. Each is built by its own constructor, so `__post_init__` runs."""

    name = "dataclass"
    hidden: frozenset[str] = frozenset()

    def claims(self, cls: type[Any]) -> bool:
        return dataclasses.is_dataclass(cls) and not is_pydantic(cls)

    def fields(self, cls: type[Any]) -> Sequence[KindField]:
        if "__dataclass_fields__" not in cls.__dict__:
            msg = f"Model {cls.__qualname__} is not a dataclass: put @dataclass, or @attrs.define, above its class line"
            raise ModelDefinitionError(msg)
        for name, kind in _declared_fields(cls).items():
            if kind is InitVar:
                msg = (
                    f"Field {name!r} of model {cls.__qualname__} is an InitVar: it would be needed to load the model "
                    "but is not kept. Make it a field, or derive it in a class method."
                )
                raise ModelDefinitionError(msg)
        return [
            KindField(
                name=field.name,
                required=not has_default(field),
                repr=field.repr,
                metadata=field.metadata,
            )
            for field in dataclasses.fields(cls)
            if field.init
        ]

    def accepts(self, cls: type[Any], name: str) -> bool:
        return False

    def read(self, model: Any) -> Mapping[str, object]:
        return {field.name: getattr(model, field.name) for field in dataclasses.fields(model) if field.init}

    def build(self, cls: type[Any], fields: Mapping[str, Any]) -> object:
        model: object = cls(**fields)
        if runs_own_code(cls):
            _check_type(model, cls)
            _put_back(model, fields)
        return model

    def check(self, cls: type[Any], fields: Mapping[str, Any]) -> object:
        model: object = cls(**fields)
        if runs_own_code(cls):
            _check_type(model, cls)
        return model

    def parts(self, model: Any) -> Mapping[str, object] | None:
        """Return the compared fields, unless the class was made with `eq=False`."""
        cls: Any = model.__class__
        params: Any = getattr(cls, "__dataclass_params__", None)
        if params is not None and not params.eq:
            return None
        return {field.name: getattr(model, field.name) for field in dataclasses.fields(model) if field.compare}

    def is_frozen(self, cls: type[Any]) -> bool:
        params: Any = getattr(cls, "__dataclass_params__", None)
        return bool(params is not None and params.frozen)

    def part_class(self, cls: type[Any], namespace: Mapping[str, object], names: Sequence[str]) -> type[Any]:
        metaclass: Any = type(cls)
        part: type[Any] = metaclass(cls.__name__, (cls,), {**namespace, "__slots__": ("_artigraph_loaded",)})
        return part

    def blank(self, cls: type[Any], attributes: Mapping[str, object]) -> object:
        model = object.__new__(cls)
        for name, value in attributes.items():
            object.__setattr__(model, name, value)
        return model


DATACLASS: Final[ModelKind] = _DataclassKind()
"""The kind of dataclasses."""


def _check_type(model: object, cls: type[Any]) -> None:
    if type(model) is not cls:
        msg = f"{cls.__qualname__} makes a {type(model).__qualname__}"
        raise DeserializationError(msg)


def _put_back(model: object, parts: Mapping[str, Any]) -> None:
    """Set each field to its stored value, in case the class's own code changed it."""
    for name, part in parts.items():
        try:
            if getattr(model, name) is part:
                continue
            object.__setattr__(model, name, part)
            kept: object = getattr(model, name)
            if kept is part or (type(kept) is type(part) and equal(kept, part)):
                continue
            why = "comes back changed"
        except Exception as error:  # of a property's own code
            why = f"cannot be set: {error!r}"
        msg = f"this property of {type(model).__qualname__} {why}"
        raise FieldChangedError(name, msg)


def _declared_fields(cls: type[Any]) -> dict[str, object]:
    """Return every field and pseudo-field of a dataclass. An InitVar is marked as such."""
    declared: dict[str, dataclasses.Field[Any]] = cls.__dataclass_fields__
    return {
        name: InitVar
        if getattr(field, "_field_type", None) is getattr(dataclasses, "_FIELD_INITVAR", MISSING)
        else None
        for name, field in declared.items()
    }


def check_constructor(cls: type[Any], fields: Collection[str]) -> None:
    """Check that loading can make a dataclass by its constructor, from its fields given by name.

    Raises:
        ModelDefinitionError: the class has a constructor of its own that takes other arguments.
    """
    try:
        parameters = inspect.signature(cls).parameters.values()
    except (TypeError, ValueError):  # the constructor has no signature
        return
    named = [one for one in parameters if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    unnamed = [one for one in parameters if one.kind is one.POSITIONAL_ONLY]
    needed = [one.name for one in (*named, *unnamed) if one.default is one.empty]
    strange = [name for name in needed if name not in fields or name in {one.name for one in unnamed}]
    takes_all = any(one.kind is one.VAR_KEYWORD for one in parameters)
    lacking = [] if takes_all else sorted(set(fields) - {one.name for one in named})
    if strange or lacking:
        what = f"needs {strange[0]!r} besides" if strange else f"does not take {lacking[0]!r}"
        msg = (
            f"The constructor of model {cls.__qualname__} {what}. A model is loaded by its constructor, from its "
            "fields by name: let @dataclass make __init__, derive fields in __post_init__, and make models from other "
            "arguments in a class method."
        )
        raise ModelDefinitionError(msg)
