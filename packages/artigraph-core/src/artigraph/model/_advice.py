"""What to write when stored data does not fit its class any more: the code, for the end of an error's message."""

from __future__ import annotations

import dataclasses
import inspect
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum, Flag
from itertools import chain
from typing import Any, cast

from artigraph.kinds import ModelKind, fitting, has_default, kind_of, names_of_fields
from artigraph.model._migration import hook_of, steps_of
from artigraph.serializer.codec import StoredEnum, StoredStruct, stand_ins
from artigraph.serializer.codec.classes import is_named_tuple

Classes = Mapping[str, type[Any]]
_LONGEST_CHAIN = 5
"""The most steps that a message shows."""


def advise_fields(cls: type[Any], stored: int, version: int, unknown: Iterable[object], missing: Sequence[str]) -> str:
    """Return what to write for a model whose stored fields do not fit its class.

    Args:
        cls: the class.
        stored: the version that stored the fields.
        version: the version of the class.
        unknown: the stored fields that the class does not have.
        missing: the fields without a default that are not stored.
    """
    gone = sorted(map(str, unknown))
    return _steps(cls, stored, version, [], _fitted("data", gone, missing))


def advise_value(cls: type[Any], stored: int, version: int, field: str, value: object, classes: Classes) -> str:
    """Return what to write for a value with a stand-in: an instance that does not fit its class.

    Args:
        cls: the model class that has the field.
        stored: the version that stored the value.
        version: the version of the class.
        field: the name of the field.
        value: the value, as `decode_former` returns it.
        classes: the classes in the annotation of the field.
    """
    path = list(_path_to_change(value))
    found = {type(each): None for each in path[:-1] if not isinstance(each, StoredStruct)}
    kinds = sorted(found, key=lambda kind: kind is dict)  # isinstance(stored, dict) also holds for its subclasses
    keyed: set[object] = {type(each) for each in path if _keys_change(each)}
    through = [_through(each, classes) for each in path[:-1] if isinstance(each, StoredStruct)]
    through += [_through_items(kind, keys=kind in keyed) for kind in kinds]
    convert = ["def convert(stored):"]
    convert += [f"    {line}" for part in dict.fromkeys(through) for line in part]
    convert += [f"    {line}" for line in _replaced(path[-1], classes)]
    names = sorted({type(each).__name__ for each in path if isinstance(each, (StoredEnum, StoredStruct))})
    before = [f"from artigraph.stored import {', '.join(names)}", "", *convert]
    imported = sorted(kind.__name__ for kind in kinds if kind.__module__ == "collections")
    before = [f"from collections import {', '.join(imported)}", *before] if imported else before
    line = f"data[{field!r}] = convert(data[{field!r}])"
    return f"{_if_renamed(path[-1], classes)}{_steps(cls, stored, version, before, [line])}"


def _if_renamed(change: object, classes: Classes) -> str:
    if isinstance(change, StoredEnum) and isinstance(change.member, str) and change.class_name in classes:
        return f" If the member was renamed, end the body of {change.class_name} with {change.member} = NEW_NAME."
    return ""


def _fitted(data: str, unknown: Sequence[str], missing: Sequence[str]) -> list[str]:
    """Return the lines that make a dict of stored fields fit a class."""
    if len(unknown) == len(missing) == 1:
        return [f"{data}[{missing[0]!r}] = {data}.pop({unknown[0]!r})"]
    return [
        *(f"del {data}[{name!r}]" for name in unknown),
        *(f"{data}[{name!r}] = VALUE" for name in missing),
    ]


def _steps(cls: type[Any], stored: int, version: int, before: Sequence[str], lines: Sequence[str]) -> str:
    """Return the code of the steps from the stored version on, with a sentence that says where to write it."""
    name, steps = cls.__name__, steps_of(cls)
    target = max(version, stored + 1)
    if (stored < version and (steps or hook_of(cls))) or target - stored > _LONGEST_CHAIN:
        where = f"the step from version {max(steps)}" if steps else "migrate"
        return _block(f"Let {where} of {name} do this:", [*before, "", *lines] if before else list(lines))
    where = f"Write version={target} in the class line of {name}, and" if stored == version else "Write"
    code = ["from artigraph import migration", *before]
    for each in range(stored, target):
        code += ["", "", f"@migration({name}, from_version={each})", f"def {name.lower()}_from_{each}(data):"]
        code += [f"    {line}" for line in lines] if each == stored else []
        code += ["    return data"]
    return _block(f"{where} below the class:", code)


def _block(words: str, code: Sequence[str]) -> str:
    lines = "".join(f"    {line}\n" if line else "\n" for line in code)
    return f"\n{words}\n\n{lines}".rstrip("\n")


def _path_to_change(value: object) -> Iterator[object]:
    """Yield the collections and instances that lead to the first instance that does not fit its class, and then it."""
    while True:
        yield value
        inside: Iterable[object]
        match value:
            case StoredStruct(fields=fields):
                inside = fields.values()
            case StoredEnum():
                return
            case Mapping():
                items = cast("Mapping[object, object]", value)
                inside = chain(items, items.values())
            case _:
                inside = cast("Iterable[object]", value)
        found = next((each for each in inside if next(stand_ins(each), None) is not None), None)
        if found is None:
            return
        value = found


def _keys_change(value: object) -> bool:
    """Say whether a key of a mapping does not fit its class."""
    keys: Iterable[object] = cast("Mapping[object, object]", value) if isinstance(value, Mapping) else ()
    return any(next(stand_ins(key), None) is not None for key in keys)


def _through(value: StoredStruct, classes: Classes) -> tuple[str, str]:
    """Return the lines that convert what is in an instance."""
    name = value.class_name
    inside = "{key: convert(one) for key, one in stored.fields.items()}"
    made = _made(classes[name], value, inside) if name in classes else f"{name}(**{inside})"
    return f"if {_is_struct(name)}:", f"    return {made}"


def _through_items(kind: type[Any], *, keys: bool) -> tuple[str, str]:
    """Return the lines that convert what is in a collection of a type, and its keys if need be."""
    name = kind.__name__
    if issubclass(kind, Mapping):
        items = f"{{{'convert(key)' if keys else 'key'}: convert(one) for key, one in stored.items()}}"
        items = f"stored.default_factory, {items}" if kind is defaultdict else items
        made = items if kind is dict else f"{name}({items})"
    elif kind is deque:
        made = "deque((convert(one) for one in stored), stored.maxlen)"
    else:
        made = f"{name}(convert(one) for one in stored)"
    return f"if isinstance(stored, {name}):", f"    return {made}"


def _replaced(change: object, classes: Classes) -> list[str]:
    """Return the lines that return what takes the place of an instance."""
    if isinstance(change, StoredEnum):
        return [f"return {_new_member(change, classes)} if {_is_member(change, classes)} else stored"]
    if not isinstance(change, StoredStruct):
        return ["return VALUE"]
    lines = [f"if not ({_is_struct(change.class_name)}):", "    return stored"]
    cls = classes.get(change.class_name)
    if cls is None:
        cls = _only(each for each in classes.values() if not issubclass(each, Enum))
        return [*lines, f"return {'dict(stored.fields)' if cls is None else _made(cls, change, 'stored.fields')}"]
    kind = kind_of(cls)
    names, needed = _fields_of(cls, kind)
    unknown = [name for name in fitting(change.fields, kind, names) if name not in names]
    if kind is not None:
        unknown = [name for name in unknown if not kind.accepts(cls, name)]
    fitted = _fitted("fields", unknown, [name for name in needed if name not in change.fields])
    return [*lines, "fields = dict(stored.fields)", *fitted, f"return {_made(cls, change, 'fields')}"]


def _made(cls: type[Any], change: StoredStruct, fields: str) -> str:
    """Return an expression that makes an instance: a call of the class if it takes the fields by their names."""
    kind = kind_of(cls)
    fit = len(fitting(change.fields, kind)) == len(change.fields)
    if fit and (kind is None or (not kind.hidden and _takes(cls, names_of_fields(cls, kind)[0]))):
        return f"{cls.__name__}(**{fields})"
    return f"stored.build({cls.__name__}, {fields})"


def _takes(cls: type[Any], names: Sequence[str]) -> bool:
    """Say whether the constructor of a class takes all fields by their names."""
    try:
        return set(names) <= inspect.signature(cls).parameters.keys()
    except (TypeError, ValueError):  # the constructor has no signature
        return False


def _new_member(change: StoredEnum, classes: Classes) -> str:
    cls = (
        _only(each for each in classes.values() if issubclass(each, Enum)) if change.class_name not in classes else None
    )
    if cls is None:
        return "VALUE"
    if isinstance(change.member, int):
        return f"{cls.__name__}(stored.member)" if issubclass(cls, Flag) else "VALUE"
    return f"{cls.__name__}[stored.member]" if change.member in cls.__members__ else "VALUE"


def _is_member(change: StoredEnum, classes: Classes) -> str:
    if change.class_name not in classes:
        return f"isinstance(stored, StoredEnum) and stored.class_name == {change.class_name!r}"
    return f"stored == StoredEnum({change.class_name!r}, {change.member!r})"


def _is_struct(name: str) -> str:
    return f"isinstance(stored, StoredStruct) and stored.class_name == {name!r}"


def _only(classes: Iterable[type[Any]]) -> type[Any] | None:
    found = list(classes)
    return found[0] if len(found) == 1 else None


def _fields_of(cls: type[Any], kind: ModelKind | None) -> tuple[Sequence[str], Sequence[str]]:
    """Return the fields of a named tuple, a dataclass or a class of another kind, and those without a default."""
    if kind is not None:
        return names_of_fields(cls, kind)
    if is_named_tuple(cls):
        names: Sequence[str] = getattr(cls, "_fields", ())
        return names, [name for name in names if name not in getattr(cls, "_field_defaults", {})]
    if not dataclasses.is_dataclass(cls):
        return (), ()
    fields = [field for field in dataclasses.fields(cls) if field.init]
    return [field.name for field in fields], [field.name for field in fields if not has_default(field)]
