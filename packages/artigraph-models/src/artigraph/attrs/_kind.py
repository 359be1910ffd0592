"""The kind of classes that attrs makes."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import attr

from artigraph.errors import ModelDefinitionError
from artigraph.kinds import UNRESOLVED, KindField, ModelKind


class _AttrsKind:
    """Reads attributes as they are, and sets them without the class's `__init__`, so no converter runs."""

    name = "attrs"
    hidden: frozenset[str] = frozenset()

    def claims(self, cls: type[Any]) -> bool:
        return "__attrs_attrs__" in vars(cls)

    def fields(self, cls: type[Any]) -> Sequence[KindField]:
        if issubclass(cls, BaseException):
            msg = f"{cls.__qualname__} is an exception, whose content is not in its attributes alone"
            raise ModelDefinitionError(msg)
        return [
            KindField(
                name=each.name,
                required=each.default is attr.NOTHING and each.init,
                annotation=_annotation(cls, each),
                repr=each.repr is not False,
                metadata=each.metadata,
            )
            for each in attr.fields(cls)
        ]

    def accepts(self, cls: type[Any], name: str) -> bool:
        return False

    def read(self, model: Any) -> Mapping[str, object]:
        values: dict[str, object] = {}
        for each in attr.fields(_class_of(model)):
            try:
                values[each.name] = getattr(model, each.name)
            except AttributeError:
                if each.init:
                    raise
        return values

    def build(self, cls: type[Any], fields: Mapping[str, Any]) -> object:
        model: Any = object.__new__(cls)
        _set_all(model, fields)
        for each in attr.fields(cls):
            if each.name not in fields and each.default is not attr.NOTHING:
                _set_all(model, {each.name: _default(each, model)})
        _forget_hash(model)
        hook = getattr(model, "__attrs_post_init__", None)
        if hook is not None and hasattr(model, "__dict__"):  # else there is nothing that it could make but attributes
            hook()
            _set_all(model, fields)
        return model

    def check(self, cls: type[Any], fields: Mapping[str, Any]) -> object:
        """Call the class. Then set the attributes that its `__init__` does not take, which runs their `on_setattr`."""
        names = {each.name: each.alias for each in attr.fields(cls) if each.init}
        model: object = cls(**{names[name]: value for name, value in fields.items() if name in names})
        for name, value in fields.items():
            if name not in names:
                try:
                    setattr(model, name, value)
                except attr.exceptions.FrozenError:
                    object.__setattr__(model, name, value)
        _forget_hash(model)
        return model

    def parts(self, model: Any) -> Mapping[str, object] | None:
        cls = _class_of(model)
        method: Any = cls.__eq__
        code = getattr(method, "__code__", None)
        generated = code is not None and code.co_filename.startswith("<attrs generated")
        ours = str(getattr(method, "__module__", "")).startswith("artigraph.model.")
        attributes = attr.fields(cls)
        if not (generated or ours) or any(each.eq_key is not None for each in attributes):
            return None
        missing = object()
        held = {each.name: getattr(model, each.name, missing) for each in attributes if each.eq}
        return {name: value for name, value in held.items() if value is not missing}

    def is_frozen(self, cls: type[Any]) -> bool:
        return getattr(cls.__setattr__, "__name__", "") == "_frozen_setattrs"

    def part_class(self, cls: type[Any], namespace: Mapping[str, object], names: Sequence[str]) -> type[Any]:
        metaclass: Any = type(cls)
        part: type[Any] = metaclass(cls.__name__, (cls,), {**namespace, "__slots__": ("_artigraph_loaded",)})
        return part

    def blank(self, cls: type[Any], attributes: Mapping[str, object]) -> object:
        model: object = object.__new__(cls)
        _set_all(model, attributes)
        return model


_CACHED_HASH = "_attrs_cached_hash"
"""The attribute in which instances of a class with `cache_hash=True` keep their hash."""


def _class_of(model: object) -> type[Any]:
    return type(model)


def _annotation(cls: type[Any], each: attr.Attribute[Any]) -> object:
    """Return the annotation of an attribute, which its class need not have: `attr.ib(type=int)`."""
    if each.type is None:
        return Any
    if any(each.name in _annotated(base) for base in cls.__mro__):
        return UNRESOLVED
    if isinstance(each.type, str):
        msg = (
            f"Attribute {each.name!r} of {cls.__qualname__} has the text {each.type!r} for a type, which attrs does "
            "not resolve; write attr.ib(type=...) with the type itself, or an annotation"
        )
        raise ModelDefinitionError(msg)
    return each.type


def _annotated(cls: type[Any]) -> Collection[str]:
    """Return the names that the body of a class annotates."""
    if sys.version_info >= (3, 14):
        import annotationlib

        return annotationlib.get_annotations(cls, format=annotationlib.Format.FORWARDREF).keys()
    return inspect.get_annotations(cls).keys()


def _default(each: attr.Attribute[Any], model: object) -> object:
    default: Any = each.default
    if isinstance(default, attr.Factory):  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] (a class)
        made: object = default.factory(model) if default.takes_self else default.factory()
        return made
    value: object = default
    return value


def _forget_hash(model: object) -> None:
    """Let a class with `cache_hash=True` determine the hash of an instance when it is next asked for."""
    code = getattr(_class_of(model).__hash__, "__code__", None)
    if code is not None and _CACHED_HASH in code.co_names:
        object.__setattr__(model, _CACHED_HASH, None)


def _set_all(model: object, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        object.__setattr__(model, name, value)


KIND: Final[ModelKind] = _AttrsKind()
"""The kind, for its entry point."""
