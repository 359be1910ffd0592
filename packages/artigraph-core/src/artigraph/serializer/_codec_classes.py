"""The classes that annotations supply: enums, named tuples and plain dataclasses."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Mapping
from enum import Enum
from types import BuiltinFunctionType
from typing import Any, NewType, TypeGuard, TypeVar, cast, get_args, get_origin, get_type_hints, is_typeddict
from weakref import WeakKeyDictionary

import typing_extensions

from artigraph.errors import ModelDefinitionError

__all__ = ["collect_classes", "constructor_fields", "is_named_tuple", "is_stored_class", "type_name"]

_ALIASES = (typing_extensions.TypeAliasType, getattr(typing, "TypeAliasType", typing_extensions.TypeAliasType))
"""From Python 3.12 on there are two classes of them: the `type` statement's, and that of typing_extensions."""


def type_name(cls: type[Any]) -> str:
    """Return the name by which messages speak of a class."""
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def is_named_tuple(cls: type[Any]) -> bool:
    """Say whether a class was made by `NamedTuple` or `namedtuple`, or derives from one that was."""
    return isinstance(getattr(cls, "_field_defaults", None), dict) and issubclass(cls, tuple)


def is_stored_class(candidate: object) -> TypeGuard[type[Any]]:
    """Say whether instances of a class are stored by its name: an enum, a named tuple or a dataclass."""
    if not isinstance(candidate, type):
        return False
    cls = cast("type[Any]", candidate)
    return issubclass(cls, Enum) or is_named_tuple(cls) or dataclasses.is_dataclass(cls)


def collect_classes(
    annotation: object,
    *,
    exclude: tuple[type[Any], ...] = (),
    localns: Mapping[str, object] | None = None,
) -> dict[str, type[Any]]:
    """Return the enums, named tuples and plain dataclasses that an annotation reaches, by name.

    The annotation is resolved, as `typing.get_type_hints(..., include_extras=True)` returns it. Unions, generics,
    literals, type aliases, typed dicts, the metadata of `Annotated` and, in turn, the fields of what was found are
    searched. `exclude` are classes that are left alone, subclasses included; `localns` are names for annotations of
    those fields that are still strings, beside the ones of their own modules.

    Raises:
        ModelDefinitionError: two classes of one name are reached, or the annotation of a field cannot be resolved.
    """
    found: dict[str, type[Any]] = {}
    seen: dict[int, object] = {}  # which also keeps them alive, or another object could have the id
    pending: list[object] = [annotation]
    while pending:
        item = pending.pop()
        if id(item) in seen:
            continue
        seen[id(item)] = item
        if isinstance(item, Enum):  # Literal[Color.RED]
            pending.append(type(item))
        elif isinstance(item, list | tuple):  # Callable[[A], B]
            pending.extend(cast("list[object]", item))
        elif isinstance(item, type) and get_origin(item) is None:
            if issubclass(item, exclude):
                continue
            if is_stored_class(item):
                _add(found, item)
                pending.extend(_hints(item, localns))
            elif is_typeddict(item):
                pending.extend(_hints(item, localns))
        else:
            pending.extend(_parts(item))
    return found


def _add(found: dict[str, type[Any]], cls: type[Any]) -> None:
    other = found.setdefault(cls.__name__, cls)
    if other is not cls:
        msg = (
            f"The annotation reaches two classes named {cls.__name__!r}: {type_name(other)} in line "
            f"{_line(other)} and {type_name(cls)} in line {_line(cls)}. Values are stored with the name of their "
            "class, so one of the two must be renamed."
        )
        raise ModelDefinitionError(msg)


def _line(cls: type[Any]) -> str:
    try:
        return str(inspect.getsourcelines(cls)[1])
    except (OSError, TypeError):
        return "?"


def _parts(item: object) -> list[object]:
    """Return what a generic alias, union, `Annotated`, type alias, new type or type variable consists of."""
    if isinstance(item, NewType):
        return [item.__supertype__]
    if isinstance(item, _ALIASES):
        return [cast("Any", item).__value__]
    if isinstance(item, TypeVar):
        return [item.__bound__, *item.__constraints__]
    return [get_origin(item), *get_args(item)]


def _hints(cls: type[Any], localns: Mapping[str, object] | None) -> list[object]:
    """Return the annotations of a class's fields, resolved."""
    if issubclass(cls, Enum):
        return []
    names = {cls.__name__: cls, **(localns or {})}
    try:
        return list(get_type_hints(cls, localns=names, include_extras=True).values())
    except Exception as error:
        msg = (
            f"The annotations of {type_name(cls)} cannot be resolved: {error}. Define what they name at the top level "
            "of the module that defines the class, or write them without quotes (and without "
            "`from __future__ import annotations`)."
        )
        raise ModelDefinitionError(msg) from error


_constructor_fields: WeakKeyDictionary[type[Any], tuple[str, ...]] = WeakKeyDictionary()
"""What was found, while the class lives: a class that a notebook defines again is not kept alive by this."""


def constructor_fields(cls: type[Any]) -> tuple[str, ...]:
    """Return the fields of a dataclass that its constructor takes, and from which it makes an equal instance.

    Raises:
        TypeError: it cannot be made again from its fields; the message completes a sentence about an instance.
    """
    found = _constructor_fields.get(cls)
    if found is None:
        found = _constructor_fields[cls] = _find_constructor_fields(cls)
    return found


def _find_constructor_fields(cls: type[Any]) -> tuple[str, ...]:
    if "__dataclass_fields__" not in vars(cls):
        msg = "whose class derives from a dataclass but is none itself: decorate it with @dataclass"
        raise TypeError(msg)
    for base in cls.__mro__[:-1]:
        if isinstance(vars(base).get("__new__"), BuiltinFunctionType):
            msg = f"a dataclass that derives from {type_name(base)}, whose content is in no field"
            raise TypeError(msg)
    names = tuple(field.name for field in dataclasses.fields(cls) if field.init)
    parameters = inspect.signature(cls).parameters
    strange = [name for name in parameters if name not in names]
    missing = [name for name in names if name not in parameters]
    if strange or missing:
        msg = (
            "a dataclass whose constructor does not take exactly its fields "
            f"({', '.join(strange or missing)}; an InitVar perhaps), so it could not be made again"
        )
        raise TypeError(msg)
    return names
