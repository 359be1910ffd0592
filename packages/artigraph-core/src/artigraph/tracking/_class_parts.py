"""List what makes up a class: its members, its annotations, and the options of its fields."""

from __future__ import annotations

import dataclasses
import inspect
import operator
import sys
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from types import FunctionType, GetSetDescriptorType, MemberDescriptorType
from typing import Any, cast

from artigraph.model.definition import annotations_now, is_model, traits_of
from artigraph.tracking._describe import state_of

_OF_CLASSES = frozenset(
    (
        *("__dict__", "__weakref__", "__doc__", "__module__", "__qualname__", "__firstlineno__", "__slotnames__"),
        *("__static_attributes__", "__annotations__", "__annotate__", "__annotate_func__"),
        *("__annotations_cache__", "__dataclass_fields__", "__dataclass_params__"),
        *("__parameters__", "__orig_bases__", "__orig_class__", "__classcell__", "__type_params__"),
        *("_abc_impl", "_artigraph_definition", "_artigraph_line", "_artigraph_base", "_artigraph_partial"),
    )
)
"""What a class has that follows from the rest of it, or that is described in another form."""
_PREFIXES = ("__pydantic_", "__attrs_", "__msgspec_", "__struct_", "_artigraph_", "__artigraph_")
"""How the names of attributes begin in which libraries keep what they made of a class. They are no functions."""
_GENERATED = ("__create_fn__", "<attrs generated")
"""How the qualified name, or the file, of the methods begins that dataclasses and attrs generate from the fields."""
_OF_FIELDS = (
    *("default", "default_factory", "factory", "validator", "converter", "metadata", "alias", "init", "kw_only"),
    *("repr", "eq", "eq_key", "order", "order_key", "hash", "compare", "on_setattr", "frozen", "exclude"),
    *("validation_alias", "serialization_alias", "discriminator", "validate_default", "annotation"),
)
"""What the fields of any kind say that may change an instance."""


_OF_SLOTS = (MemberDescriptorType, GetSetDescriptorType)
"""The types of what a class has for each of its slots, and for `__dict__`."""


def is_generated(function: FunctionType) -> bool:
    """Return whether dataclasses or attrs generated a function from fields."""
    code = function.__code__
    return code.co_qualname.startswith(_GENERATED) or code.co_filename.startswith(_GENERATED)


def members_of(cls: type[Any]) -> Iterator[tuple[str, object]]:
    """Yield the attributes of a class by name, without those that follow from the rest of it."""
    for name, value in sorted(vars(cls).items()):
        is_code = isinstance(value, (FunctionType, classmethod, staticmethod, property))
        is_derived = name.startswith(_PREFIXES) and name != "__pydantic_config__" and not is_code
        if name in _OF_CLASSES or is_derived:
            continue
        if isinstance(value, FunctionType) and is_generated(value):
            yield name, "(generated)"  # whether there is one is an option of the class
            continue
        if isinstance(value, _OF_SLOTS) and value.__objclass__ is cls and value.__name__ == name:
            continue
        yield name, value


def annotations_of(cls: type[Any]) -> list[tuple[str, object]]:
    """Return the annotations of a class itself: as types, or as texts if they cannot be resolved."""
    own: Mapping[str, object] = inspect.get_annotations(cls)
    resolved: Mapping[str, object] = {}
    if any(isinstance(value, str) for value in own.values()):
        try:
            resolved = annotations_now(cls) if is_model(cls) else typing.get_type_hints(cls, include_extras=True)
        except Exception:  # a name is only there for type checkers, say
            resolved = {}
    return [(name, resolved.get(name, value)) for name, value in own.items()]


def own_annotations(cls: type[Any]) -> Mapping[str, object]:
    """Return the annotations in the body of a class as they are. Unchanged ones are the same objects each time."""
    if sys.version_info >= (3, 14):
        return inspect.get_annotations(cls)
    return cast("Mapping[str, object]", vars(cls).get("__annotations__", {}))


_now = operator.attrgetter("default", "default_factory", "init", "kw_only", "repr", "hash", "compare", "metadata")


def of_fields(cls: type[Any]) -> Callable[[], Sequence[object]]:
    """Return how to read the options of the fields of a class, which `defaults_of` yields."""
    own = vars(cls)
    if "__dataclass_fields__" in own and not any(name in own for name in _OF_OTHERS):

        def read() -> list[object]:
            fields = cast("Mapping[str, Any]", own["__dataclass_fields__"]).values()
            return [*fields, *chain.from_iterable(map(_now, fields))]

        return read
    if any(hasattr(cls, name) for name in _OF_OTHERS):
        return lambda: [part for _, parts in defaults_of(cls) for part in parts]
    return list


def defaults_of(cls: type[Any]) -> Iterator[tuple[str, list[object]]]:
    """Yield what a class says of its fields, as a dataclass, a model, or a class of pydantic, attrs or msgspec."""
    own = vars(cls)
    if is_model(cls):
        traits = traits_of(cls)
        yield "traits", [traits.name, traits.version]
    if "__dataclass_fields__" in own:
        yield "options", [repr(own.get("__dataclass_params__"))]
        for declared in dataclasses.fields(cls):
            yield declared.name, _options(declared)
    pydantic: Mapping[str, object] = own.get("__pydantic_fields__", {})
    private: Mapping[str, object] = own.get("__private_attributes__", {})
    attrs: Iterable[Any] = own.get("__attrs_attrs__", ())
    for name, field in (*pydantic.items(), *private.items(), *((each.name, each) for each in attrs)):
        yield name, _options(field)
    for kind, found in state_of(own.get("__pydantic_decorators__")):
        if isinstance(found, dict):
            parts = cast("dict[str, object]", found).items()
            yield kind, [(name, _attribute(part, "info"), _attribute(part, "func")) for name, part in parts]
    if "_field_defaults" in own:
        yield "new", [_attribute(_attribute(cls, "__new__"), "__defaults__")]
    if hasattr(cls, "__struct_config__"):
        yield "struct", [_attribute(cls, "__struct_encode_fields__"), _attribute(cls, "__struct_fields__")]
        defaults: Iterable[object] = getattr(cls, "__struct_defaults__", ())
        yield "defaults", [_attribute(each, "factory") or each for each in defaults]
        config: object = _attribute(cls, "__struct_config__")
        yield "config", [(name, _attribute(config, name)) for name in dir(config) if not name.startswith("_")]


_OF_OTHERS = (
    *("__pydantic_fields__", "__private_attributes__", "__attrs_attrs__", "__struct_config__"),
    "_field_defaults",
)
"""The attributes of classes of pydantic, attrs and msgspec, and of named tuples, that list their fields."""
_MISSING = type(dataclasses.MISSING)
"""The type of what a field of a dataclass has not. cloudpickle makes copies of `MISSING`."""


def _options(field: object) -> list[object]:
    """Return the options that the field has, each after its name. Of these, only a default may be None."""
    found: list[object] = []
    for name in _OF_FIELDS:
        value = _attribute(field, name)
        is_given = value is not None or (name == "default" and hasattr(field, name))
        if is_given and type(value) is not _MISSING:
            found += [name, value]
    return found


def _attribute(value: object, name: str) -> object:
    try:
        return getattr(value, name, None)
    except Exception:
        return None
