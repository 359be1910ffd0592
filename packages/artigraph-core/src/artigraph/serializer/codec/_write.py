"""Encode plain values as JSON."""

from __future__ import annotations

import dataclasses
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from enum import Enum, Flag
from itertools import chain
from json.encoder import encode_basestring
from typing import Any, cast

from artigraph.errors import CycleError, SerializationError, class_name
from artigraph.serializer.codec._limits import MAX_DEPTH, NO_CLASSES, in_fresh_stack
from artigraph.serializer.codec._read import FACTORIES, decode
from artigraph.serializer.codec._write_scalars import SCALAR_WRITERS, RefusedError, write_int, write_str
from artigraph.serializer.codec.classes import constructor_fields, is_named_tuple, is_stored_class, runs_own_code
from artigraph.serializer.codec.refusals import advice_for

Classes = Mapping[str, type[Any]]


def encode(value: object, classes: Classes = NO_CLASSES, *, find_cycles: bool = True) -> bytes:
    """Return a plain value as UTF-8 JSON, from which `decode` makes exactly the same value.

    Equal values of equal types have equal bytes. Dicts are the exception: another order of keys gives other bytes.

    Args:
        value: the value to encode.
        classes: the enums, named tuples and dataclasses that may occur in it, by name; see `collect_classes`.
        find_cycles: whether to search a value that is nested too deeply for a cycle. Without the search, a value that
            contains itself is reported as nested too deeply.

    Raises:
        SerializationError: a part of the value would not load exactly. The message says where it is (`value[3]['a']`),
            what it is and what to do.
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


def _encode(value: object, classes: Classes, find_cycles: bool) -> bytes:  # noqa: FBT001
    try:
        return _write(value, classes, 0).encode()
    except _TooDeepError:
        if find_cycles and _contains_itself(value, classes):
            msg = f"A value of type {class_name(type(value))} contains itself, so it cannot be stored as a value"
            raise CycleError(msg) from None
        msg = (
            f"A value of type {class_name(type(value))} is nested deeper than {MAX_DEPTH} levels. Store it flatter "
            "(nodes in a list that refer to each other by index, say), as models, or by a serializer of your own."
        )
        raise SerializationError(msg) from None


class _TooDeepError(Exception):
    """A value is nested deeper than the limit. It may contain itself."""


# Containers -------------------------------------------------------------------------------------------------------


def _write(value: object, classes: Classes, depth: int) -> str:
    scalar = SCALAR_WRITERS.get(type(value))
    if scalar is not None:
        return scalar(value)
    container = _CONTAINERS.get(type(value), _write_instance)
    if depth == MAX_DEPTH and not isinstance(value, Enum):
        raise _TooDeepError
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


def _write_deque(value: deque[Any], classes: Classes, depth: int) -> str:
    most = "null" if value.maxlen is None else str(value.maxlen)
    return f'{{"$deque":[{",".join([most, *_write_items(value, classes, depth)])}]}}'


def _write_dict(value: dict[Any, Any], classes: Classes, depth: int) -> str:
    names, items = _write_pairs(value, classes, depth)
    if all(name[0] == '"' for name in names) and not (len(names) == 1 and names[0][1] == "$"):
        return f"{{{','.join([f'{name}:{item}' for name, item in zip(names, items, strict=True)])}}}"
    return f'{{"$dict":[{_join_pairs(names, items)}]}}'


def _write_mapping(value: Counter[Any] | OrderedDict[Any, Any], classes: Classes, depth: int) -> str:
    own = [name for name in vars(value) if name != "__orig_class__"]  # Counter[str]() sets that for type checkers
    if own:
        msg = f"is of type {class_name(type(value))} and has attributes, which would be lost: {', '.join(own)}"
        raise RefusedError(msg)
    return f'{{"${type(value).__name__}":[{_join_pairs(*_write_pairs(value, classes, depth))}]}}'


def _write_defaultdict(value: defaultdict[Any, Any], classes: Classes, depth: int) -> str:
    factory: Any = value.default_factory
    name = next((name for name, known in FACTORIES.items() if known is factory), None)
    if name is None and factory is not None:
        msg = (
            f"is a defaultdict whose default_factory is a {class_name(_type_of(factory))}, and code is not stored. "
            f"Convert it with dict(...), or use one of these factories: {', '.join(FACTORIES)}."
        )
        raise RefusedError(msg)
    names, items = _write_pairs(value, classes, depth)
    comma = "," if names else ""
    return f'{{"$defaultdict":[{"null" if name is None else write_str(name)}{comma}{_join_pairs(names, items)}]}}'


def _type_of(value: object) -> type[Any]:
    return type(value)


def _join_pairs(names: list[str], items: list[str]) -> str:
    return ",".join([f"[{name},{item}]" for name, item in zip(names, items, strict=True)])


def _write_pairs(value: dict[Any, Any], classes: Classes, depth: int) -> tuple[list[str], list[str]]:
    """Return the written keys of a dict and its written values."""
    names: list[str] = []
    items: list[str] = []
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
    return names, items


def _show(key: object) -> str:
    """Return a key as a path shows it. Some keys have a long repr, or none at all, such as a huge integer."""
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
    Counter: _write_mapping,
    OrderedDict: _write_mapping,
    defaultdict: _write_defaultdict,
    deque: _write_deque,
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
    name = class_name(cls)
    if is_stored_class(cls):
        return (
            f"is of type {name}, which the field's annotation does not mention: only classes that the annotation "
            f"names are looked up when it is loaded. Add {cls.__name__} to it, as in `Annotated[..., {cls.__name__}]`, "
            "or convert the value: to a model or a dict, say."
        )
    advice = advice_for(cls)
    if advice is not None:
        return f"is of type {name}, which is not stored as a value. {advice}"
    plain = next((base for base in cls.__mro__ if base in SCALAR_WRITERS or base in _CONTAINERS), None)
    if plain is not None:
        article = "an" if plain.__name__[0] in "iO" else "a"
        return (
            f"is of type {name}, a subclass of {plain.__name__} that would come back as {article} {plain.__name__}. "
            f"Convert it to {article} {plain.__name__} first, or name a serializer for the field that keeps the type."
        )
    return (
        f"is of type {name}, which is none of the plain types that are stored as they are. Name a serializer "
        "for the field, or convert the value: to a model, a dict, or a dataclass that the field's annotation names."
    )


def _write_enum(value: Enum) -> str:
    cls: type[Any] = type(value)
    if cls.__members__.get(value.name) is value:
        return _write_member(cls, value.name)
    if isinstance(value, Flag) and cls(value.value) is value:
        return f'{{"$flag":[{write_str(cls.__name__)},{write_int(int(value.value))}]}}'
    msg = f"is no member of {class_name(cls)}"
    raise RefusedError(msg)


def _write_member(cls: type[Enum], name: str) -> str:
    return f'{{"$enum":[{write_str(cls.__name__)},{write_str(name)}]}}'


def encode_member(cls: type[Enum], name: str) -> bytes:
    """Return the encoded bytes of an enum member, by its name. The class need not have that member now."""
    return _write_member(cls, name).encode()


def _write_named_tuple(value: object, classes: Classes, depth: int) -> str:
    names: tuple[str, ...] = getattr(value, "_fields", ())
    items = tuple(cast("tuple[object, ...]", value))
    if len(names) != len(items) or getattr(value, "__dict__", None):
        msg = f"is a {class_name(type(value))} that holds other things than its fields, which would be lost"
        raise RefusedError(msg)
    return _write_fields("namedtuple", value, zip(names, items, strict=True), classes, depth)


def _write_dataclass(value: object, classes: Classes, depth: int) -> str:
    cls: type[Any] = type(value)
    try:
        fields = [(name, getattr(value, name)) for name in constructor_fields(cls)]
        derived = [field.name for field in dataclasses.fields(cls) if not field.init]
        fields += [(name, getattr(value, name)) for name in derived if hasattr(value, name)]
    except TypeError as error:
        msg = f"is a {class_name(cls)}, {error}"
        raise RefusedError(msg) from error
    except AttributeError as error:
        msg = f"is a {class_name(cls)} that lacks one of its fields: {error}"
        raise RefusedError(msg) from error
    text = _write_fields("dataclass", value, fields, classes, depth)
    if runs_own_code(cls) and not _is_trial.get():
        _check_made_again(cls, text, classes)
    return text


_is_trial: ContextVar[bool] = ContextVar("artigraph_codec_trial", default=False)
"""Whether the dataclass being encoded is the trial copy that `_check_made_again` made."""


def _check_made_again(cls: type[Any], text: str, classes: Classes) -> None:
    """Raise `RefusedError` if the code of a dataclass changes its fields, or fails, when an instance is made again.

    The trial instance is made from copies of the parts. So the class's code never changes the value itself.
    """
    token = _is_trial.set(True)
    try:
        same = _write(decode(text.encode(), classes), classes, 0) == text
        cause: Exception | None = None
    except RecursionError:
        raise
    except Exception as error:  # of the class's own code: that it fails is what matters
        same, cause = False, error
    finally:
        _is_trial.reset(token)
    if not same:
        why = "" if cause is None else f" ({cause})"
        msg = (
            f"is a {class_name(cls)}, whose constructor would not make it again as it is from its own fields{why}. "
            "Have its __init__, __post_init__, __new__ or properties leave alone what they have changed already, or "
            "store a dict of its fields."
        )
        raise RefusedError(msg) from cause


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
    """Say whether a value that is nested too deeply contains itself. It does not recurse."""
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
_DICTS: frozenset[type[Any]] = frozenset({dict, Counter, OrderedDict, defaultdict})


def _children(value: object, classes: Classes) -> Iterator[object]:
    cls: type[Any] = type(value)
    if cls in _DICTS:
        items = cast("dict[object, object]", value)
        return chain(items.keys(), items.values())
    if cls in _CONTAINERS or is_named_tuple(cls):
        return iter(cast("Iterable[object]", value))
    if dataclasses.is_dataclass(cls) and classes.get(cls.__name__) is cls:
        return iter([getattr(value, field.name, None) for field in dataclasses.fields(cls)])
    return iter(())
