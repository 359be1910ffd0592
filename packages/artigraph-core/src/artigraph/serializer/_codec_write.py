"""Values to JSON."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum, Flag
from itertools import chain
from json.encoder import encode_basestring
from typing import Any, cast

from artigraph.errors import CycleError, SerializationError
from artigraph.serializer._codec_classes import constructor_fields, is_named_tuple, is_stored_class, type_name
from artigraph.serializer._codec_limits import MAX_DEPTH, NO_CLASSES, in_fresh_stack
from artigraph.serializer._codec_write_scalars import SCALAR_WRITERS, RefusedError, write_int, write_str

__all__ = ["encode", "encode_scalar"]

Classes = Mapping[str, type[Any]]


def encode(value: object, classes: Classes = NO_CLASSES, *, find_cycles: bool = True) -> bytes:
    """Return the bytes of a plain value, UTF-8 JSON that `decode` turns back into it exactly.

    `classes` are the enums, named tuples and dataclasses that may occur in it, by name: those that an annotation
    supplies (`collect_classes`). Without `find_cycles` a value that contains itself is one that is too deep, which
    is told in constant time. Equal values of equal types have equal bytes; dicts that differ in their order differ.

    Raises:
        SerializationError: there is something in the value that would not come back exactly; the message says where
            (`value[3]['a']`), what it is and what to do.
        CycleError: the value contains itself.
    """
    scalar = SCALAR_WRITERS.get(type(value))
    try:
        if scalar is not None:
            return scalar(value).encode()
        return _encode(value, classes, find_cycles)
    except RefusedError as refusal:
        raise SerializationError(refusal.message()) from refusal.__cause__
    except RecursionError:
        pass
    try:
        return in_fresh_stack(_encode, value, classes, find_cycles)
    except RefusedError as refusal:
        raise SerializationError(refusal.message()) from refusal.__cause__
    except RecursionError as error:
        msg = f"A value needs more stack to be stored than Python allows ({sys.getrecursionlimit()} frames)"
        raise SerializationError(msg) from error


def encode_scalar(value: object) -> bytes | None:
    """Return what `encode` does for a value without parts; None for another, and for one that `encode` is to refuse."""
    writer = SCALAR_WRITERS.get(type(value))
    try:
        return None if writer is None else writer(value).encode()
    except (RefusedError, RecursionError):
        return None


def _encode(value: object, classes: Classes, find_cycles: bool) -> bytes:  # noqa: FBT001
    try:
        return _write(value, classes, 0).encode()
    except _TooDeep:
        if find_cycles and _contains_itself(value, classes):
            msg = f"A value of type {type_name(type(value))} contains itself, so it cannot be stored as a value"
            raise CycleError(msg) from None
        msg = (
            f"A value of type {type_name(type(value))} is nested deeper than {MAX_DEPTH} levels. Store it flatter "
            "(nodes in a list that refer to each other by index, say), as models, or by a serializer of your own."
        )
        raise SerializationError(msg) from None


class _TooDeep(Exception):  # noqa: N818
    """A value is nested deeper than is written; it may contain itself."""


# Containers -------------------------------------------------------------------------------------------------------


def _write(value: object, classes: Classes, depth: int) -> str:
    scalar = SCALAR_WRITERS.get(type(value))
    if scalar is not None:
        return scalar(value)
    container = _CONTAINERS.get(type(value), _write_instance)
    if depth == MAX_DEPTH and not isinstance(value, Enum):
        raise _TooDeep
    return container(value, classes, depth + 1)


def _write_items(values: Iterable[object], classes: Classes, depth: int) -> list[str]:
    parts: list[str] = []
    try:
        for item in values:
            scalar = SCALAR_WRITERS.get(type(item))
            parts.append(scalar(item) if scalar is not None else _write(item, classes, depth))
    except RefusedError as refusal:
        refusal.path.append(f"[{len(parts)}]")
        raise
    return parts


def _write_list(value: list[Any], classes: Classes, depth: int) -> str:
    return f"[{','.join(_write_items(value, classes, depth))}]"


def _write_tuple(value: tuple[Any, ...], classes: Classes, depth: int) -> str:
    return f'{{"$tuple":[{",".join(_write_items(value, classes, depth))}]}}'


def _write_set(value: set[Any] | frozenset[Any], classes: Classes, depth: int) -> str:
    try:
        parts = sorted(_write_items(value, classes, depth))
    except RefusedError as refusal:
        refusal.path[-1] = "{item}"
        raise
    return f'{{"${type(value).__name__}":[{",".join(parts)}]}}'


def _write_dict(value: dict[Any, Any], classes: Classes, depth: int) -> str:
    names: list[str] = []
    items: list[str] = []
    bare = True
    for key, item in value.items():
        try:
            name = _write(key, classes, depth)
        except RefusedError as refusal:
            refusal.path.append("{key}")
            raise
        try:
            items.append(_write(item, classes, depth))
        except RefusedError as refusal:
            refusal.path.append(f"[{_show(key)}]")
            raise
        names.append(name)
        if name[0] != '"':
            bare = False
    if bare and not (len(names) == 1 and names[0][1] == "$"):
        return f"{{{','.join([f'{name}:{item}' for name, item in zip(names, items, strict=True)])}}}"
    return f'{{"$dict":[{",".join([f"[{name},{item}]" for name, item in zip(names, items, strict=True)])}]}}'


def _show(key: object) -> str:
    """Return a key as a path shows it; not every repr is short, or can be made at all (of a huge integer, say)."""
    return repr(key) if _is_short(key) else f"<{type(key).__name__}>"


def _is_short(key: object) -> bool:
    if type(key) is str:
        return len(key) <= _LONGEST_SHOWN
    return type(key) is int and key.bit_length() <= _LONGEST_SHOWN


_LONGEST_SHOWN = 60

_CONTAINERS: dict[type[Any], Callable[[Any, Classes, int], str]] = {
    list: _write_list,
    tuple: _write_tuple,
    set: _write_set,
    frozenset: _write_set,
    dict: _write_dict,
}

# Instances of classes that the annotation supplies ----------------------------------------------------------------


def _write_instance(value: object, classes: Classes, depth: int) -> str:
    cls: type[Any] = type(value)
    if classes.get(cls.__name__) is not cls:
        raise RefusedError(_unknown(cls))
    if isinstance(value, Enum):
        return _write_enum(value)
    if is_named_tuple(cls):
        return _write_named_tuple(value, classes, depth)
    if dataclasses.is_dataclass(cls):
        return _write_dataclass(value, classes, depth)
    raise RefusedError(_unknown(cls))


def _unknown(cls: type[Any]) -> str:
    name = type_name(cls)
    if is_stored_class(cls):
        return (
            f"is of type {name}, which the field's annotation does not mention: only classes that the annotation "
            f"names are looked up when it is loaded. Add {cls.__name__} to it, as in `Annotated[..., {cls.__name__}]`, "
            "or convert the value: to a model or a dict, say."
        )
    plain = next((base for base in cls.__mro__ if base in SCALAR_WRITERS or base in _CONTAINERS), None)
    if plain is not None:
        return (
            f"is of type {name}, a subclass of {plain.__name__} that would come back as a {plain.__name__}. "
            f"Convert it to a {plain.__name__} first, or name a serializer for the field that keeps the type."
        )
    return (
        f"is of type {name}, which is none of the plain types that are stored as they are. Name a serializer "
        "for the field, or convert the value: to a model, a dict, or a dataclass that the field's annotation names."
    )


def _write_enum(value: Enum) -> str:
    cls: type[Any] = type(value)
    if cls.__members__.get(value.name) is value:
        return f'{{"$enum":[{write_str(cls.__name__)},{write_str(value.name)}]}}'
    if isinstance(value, Flag) and cls(value.value) is value:
        return f'{{"$flag":[{write_str(cls.__name__)},{write_int(int(value.value))}]}}'
    msg = f"is no member of {type_name(cls)}"
    raise RefusedError(msg)


def _write_named_tuple(value: object, classes: Classes, depth: int) -> str:
    names: tuple[str, ...] = getattr(value, "_fields", ())
    items = tuple(cast("tuple[object, ...]", value))
    if len(names) != len(items) or getattr(value, "__dict__", None):
        msg = f"is a {type_name(type(value))} that holds other things than its fields, which would be lost"
        raise RefusedError(msg)
    return _write_fields("namedtuple", value, zip(names, items, strict=True), classes, depth)


def _write_dataclass(value: object, classes: Classes, depth: int) -> str:
    cls: type[Any] = type(value)
    try:
        fields = [(name, getattr(value, name)) for name in constructor_fields(cls)]
        derived = [field.name for field in dataclasses.fields(cls) if not field.init]
        fields += [(name, getattr(value, name)) for name in derived if hasattr(value, name)]
    except TypeError as error:
        msg = f"is a {type_name(cls)}, {error}"
        raise RefusedError(msg) from error
    except AttributeError as error:
        msg = f"is a {type_name(cls)} that lacks one of its fields: {error}"
        raise RefusedError(msg) from error
    return _write_fields("dataclass", value, fields, classes, depth)


def _write_fields(tag: str, value: object, fields: Iterable[tuple[str, Any]], classes: Classes, depth: int) -> str:
    parts: list[str] = []
    for name, item in fields:
        try:
            parts.append(f"{encode_basestring(name)}:{_write(item, classes, depth)}")
        except RefusedError as refusal:
            refusal.path.append(f".{name}")
            raise
    return f'{{"${tag}":[{write_str(type(value).__name__)},{{{",".join(parts)}}}]}}'


def _contains_itself(value: object, classes: Classes) -> bool:
    """Say whether a value that is nested too deeply has no end at all, without recursion."""
    done: dict[int, object] = {}
    path: dict[int, object] = {id(value): value}
    stack = [_children(value, classes)]
    while stack:
        child = next(stack[-1], _END)
        if child is _END:
            stack.pop()
            done.update([path.popitem()])
        elif id(child) in path:
            return True
        elif id(child) not in done and type(child) not in SCALAR_WRITERS:
            path[id(child)] = child
            stack.append(_children(child, classes))
    return False


_END = object()


def _children(value: object, classes: Classes) -> Iterator[object]:
    cls: type[Any] = type(value)
    if cls is dict:
        items = cast("dict[object, object]", value)
        return chain(items.keys(), items.values())
    if cls in _CONTAINERS or is_named_tuple(cls):
        return iter(cast("Iterable[object]", value))
    if dataclasses.is_dataclass(cls) and classes.get(cls.__name__) is cls:
        return iter([getattr(value, field.name, None) for field in dataclasses.fields(cls)])
    return iter(())
