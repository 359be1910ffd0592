"""The classes that annotations supply to the codec: enums, named tuples and plain dataclasses."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Callable, Mapping
from enum import Enum
from types import BuiltinFunctionType, MemberDescriptorType
from typing import Any, NewType, TypeGuard, TypeVar, cast, get_args, get_origin, get_type_hints, is_typeddict
from weakref import WeakKeyDictionary

import typing_extensions

from artigraph.errors import ModelDefinitionError, class_name
from artigraph.kinds import kind_of

_ALIASES = (typing_extensions.TypeAliasType, getattr(typing, "TypeAliasType", typing_extensions.TypeAliasType))
"""The classes of type aliases. From Python 3.12 on there are two: of the `type` statement and of typing_extensions."""


def is_named_tuple(cls: type[Any]) -> bool:
    """Say whether `NamedTuple` or `namedtuple` made a class or one of its bases."""
    return isinstance(getattr(cls, "_field_defaults", None), dict) and issubclass(cls, tuple)


def is_stored_class(candidate: object) -> TypeGuard[type[Any]]:
    """Say whether instances of a class are stored with its name: enums, named tuples, dataclasses, other kinds."""
    if not isinstance(candidate, type):
        return False
    cls: type[Any] = candidate
    if issubclass(cls, Enum) or is_named_tuple(cls) or dataclasses.is_dataclass(cls):
        return True
    return kind_of(cls) is not None


def is_pydantic(cls: type[Any]) -> bool:
    """Say whether pydantic made a dataclass or one of its bases, so that its constructor validates."""
    return any("__pydantic_validator__" in vars(base) for base in cls.__mro__)


def is_generated(method: object) -> bool:
    """Say whether `@dataclass` generated a method. The file name is no proof: `python -c` uses "<string>", too."""
    code = getattr(getattr(method, "__wrapped__", method), "__code__", None)
    return code is not None and code.co_filename == "<string>" and code.co_qualname.startswith("__create_fn__.")


_own_code: WeakKeyDictionary[type[Any], bool] = WeakKeyDictionary()
"""The results of `runs_own_code`, as long as the classes live."""


def runs_own_code(cls: type[Any]) -> bool:
    """Say whether constructing a dataclass runs code of the class, which may change its fields."""
    found = _own_code.get(cls)
    if found is None:
        found = _own_code[cls] = _runs_own_code(cls)
    return found


def _runs_own_code(cls: Any) -> bool:
    def own(method: str) -> bool:
        return getattr(cls, method) is not getattr(object, method) and not is_generated(getattr(cls, method))

    return (
        hasattr(cls, "__post_init__")
        or own("__init__")
        or own("__new__")
        or own("__setattr__")
        or own("__getattribute__")
        or type(cls).__call__ is not type.__call__
        or any(_is_property(cls, field.name) for field in dataclasses.fields(cls))
    )


def _is_property(cls: type[Any], name: str) -> bool:
    held: object = inspect.getattr_static(cls, name, None)
    return hasattr(held, "__set__") and not isinstance(held, MemberDescriptorType)


def collect_classes(
    annotation: object,
    *,
    exclude: tuple[type[Any], ...] = (),
    localns: Mapping[str, object] | None = None,
    visit: Callable[[type[Any]], object] = lambda _: None,
) -> dict[str, type[Any]]:
    """Return the enums, named tuples and plain dataclasses that an annotation reaches, by name.

    The annotation must be resolved, as `typing.get_type_hints(..., include_extras=True)` returns it. The search covers
    unions, generics, literals, type aliases, typed dicts and the metadata of `Annotated`. It also covers the fields of
    each class found.

    Args:
        annotation: the resolved annotation.
        exclude: classes to skip, with their subclasses.
        localns: names for annotations of those fields that are still strings, beside the names of their modules.
        visit: called with each class whose fields are searched, also with typed dicts.

    Raises:
        ModelDefinitionError: two classes of one name are reached, or the annotation of a field cannot be resolved.
    """
    found: dict[str, type[Any]] = {}
    seen: dict[int, object] = {}  # keeps the objects alive, too: otherwise a new object could get the same id
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
            pending.extend(getattr(item, "__orig_bases__", ()))
            if is_stored_class(item):
                _add(found, item)
            elif not is_typeddict(item):
                continue
            pending.extend(_hints(item, localns))
            visit(item)
        else:
            pending.extend(_parts(item))
    return found


def _add(found: dict[str, type[Any]], cls: type[Any]) -> None:
    other = found.setdefault(cls.__name__, cls)
    if other is not cls:
        msg = (
            f"The annotation reaches two classes named {cls.__name__!r}: {class_name(other)} in line "
            f"{_line(other)} and {class_name(cls)} in line {_line(cls)}. Values are stored with the name of their "
            "class, so one of the two must be renamed."
        )
        raise ModelDefinitionError(msg)


def _line(cls: type[Any]) -> str:
    try:
        return str(inspect.getsourcelines(cls)[1])
    except (OSError, TypeError):
        return "?"


def _parts(item: Any) -> list[object]:
    """Return the parts of a generic alias, union, `Annotated`, type alias, new type or type variable."""
    if isinstance(item, NewType):
        return [item.__supertype__]
    if isinstance(item, _ALIASES):
        return [item.__value__]
    if isinstance(item, TypeVar):
        return [item.__bound__, *item.__constraints__]
    return [get_origin(item), *get_args(item)]


def alias_of(annotation: object) -> Any:
    """Return the type alias that an annotation is, with type arguments or without; None if it is no alias."""
    return next((each for each in (annotation, get_origin(annotation)) if isinstance(each, _ALIASES)), None)


def aliased(annotation: object) -> object:
    """Return what a type alias stands for. Its type arguments replace its parameters."""
    alias = alias_of(annotation)
    value: Any = alias.__value__
    given = dict(zip(alias.__type_params__, get_args(annotation), strict=False))
    if value in given:
        return given[value]
    open_parameters: tuple[Any, ...] = getattr(value, "__parameters__", ())
    if isinstance(value, type) or not given or not all(each in given for each in open_parameters):
        return value
    return value[tuple(given[each] for each in open_parameters)] if open_parameters else value


def _hints(cls: type[Any], localns: Mapping[str, object] | None) -> list[object]:
    """Return the resolved annotations of a class's fields."""
    if issubclass(cls, Enum):
        return []
    names = {cls.__name__: cls, **(localns or {})}
    try:
        return list(get_type_hints(cls, localns=names, include_extras=True).values())
    except Exception as error:
        msg = (
            f"The annotations of {class_name(cls)} cannot be resolved: {error}. Define what they name at the top level "
            "of the module that defines the class, or write them without quotes (and without "
            "`from __future__ import annotations`)."
        )
        raise ModelDefinitionError(msg) from error


_constructor_fields: WeakKeyDictionary[type[Any], tuple[str, ...]] = WeakKeyDictionary()
"""The results of `constructor_fields`. Keys are weak, so a class that a notebook defines again can be freed."""


def constructor_fields(cls: type[Any]) -> tuple[str, ...]:
    """Return the fields of a dataclass that its constructor takes, and from which it makes an equal instance.

    Raises:
        TypeError: the class cannot make an equal instance from its fields. The message completes a sentence about an
            instance.
    """
    found = _constructor_fields.get(cls)
    if found is None:
        found = _constructor_fields[cls] = _find_constructor_fields(cls)
    return found


def _find_constructor_fields(cls: type[Any]) -> tuple[str, ...]:
    if "__dataclass_fields__" not in vars(cls):
        msg = "whose class derives from a dataclass and is not one itself: decorate it with @dataclass"
        raise TypeError(msg)
    if is_pydantic(cls):
        msg = (
            "a pydantic dataclass, whose validators run again when it is made again and may change its values: install "
            "what stores it, pip install 'artigraph-models[pydantic]', use dataclasses.dataclass, or store a dict"
        )
        raise TypeError(msg)
    for base in cls.__mro__[:-1]:
        if isinstance(vars(base).get("__new__"), BuiltinFunctionType):
            msg = f"a dataclass that derives from {class_name(base)}, whose content is in no field"
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
