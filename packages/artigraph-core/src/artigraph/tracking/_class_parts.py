"""List what makes up a class: its members, and the defaults of its fields."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from types import FunctionType
from typing import Any

_OF_CLASSES = frozenset(
    (
        *("__dict__", "__weakref__", "__doc__", "__module__", "__qualname__", "__firstlineno__"),
        *("__static_attributes__", "__annotations__", "__annotate__", "__annotate_func__"),
        *("__annotations_cache__", "__dataclass_fields__", "__dataclass_params__", "__match_args__"),
        *("__hash__", "__abstractmethods__", "__parameters__", "__orig_bases__", "__slots__"),
        *("__orig_class__", "__classcell__", "__type_params__", "__replace__"),
    )
)
"""What a class has that follows from the rest of it, or that its kind says in another form."""
_PREFIXES = ("__pydantic_", "_abc_", "__attrs_", "__msgspec_", "__struct_", "_artigraph_", "__artigraph_")
_OF_FIELDS = ("default", "default_factory", "validator", "converter", "metadata", "factory")
"""What the fields of pydantic and attrs say that changes how an instance is made."""


def members_of(cls: type[Any]) -> Iterator[tuple[str, object]]:
    """Yield the attributes of a class by name, without those that follow from the rest of it."""
    generated = "__dataclass_fields__" in vars(cls) or "__attrs_attrs__" in vars(cls)
    for name, value in sorted(vars(cls).items()):
        if name in _OF_CLASSES or name.startswith(_PREFIXES):
            continue
        if isinstance(value, FunctionType) and generated and value.__code__.co_filename.startswith("<"):
            continue  # it follows from the fields
        if type(value).__name__ not in ("member_descriptor", "getset_descriptor"):
            yield name, value


def defaults_of(cls: type[Any]) -> Iterator[tuple[str, list[object]]]:
    """Yield the defaults of the fields of a dataclass, or of a class of pydantic, attrs or msgspec."""
    own = vars(cls)
    if "__dataclass_fields__" in own:
        for each in dataclasses.fields(cls):
            yield each.name, [each.default, each.default_factory, each.init, each.kw_only, each.compare]
    pydantic: Mapping[str, object] = own.get("__pydantic_fields__", {})
    attrs: Iterable[Any] = own.get("__attrs_attrs__", ())
    for name, field in (*pydantic.items(), *((each.name, each) for each in attrs)):
        yield name, [getattr(field, part, None) for part in _OF_FIELDS]
    if "__struct_defaults__" in own:
        yield "defaults", [own["__struct_defaults__"]]
