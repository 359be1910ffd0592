"""Decode JSON into plain values."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import Enum, Flag
from functools import partial
from typing import Any, TypeVar

from artigraph.errors import DeserializationError, ModelDefinitionError, class_name
from artigraph.kinds import ModelKind, fitting, has_default, kind_of, names_of_fields
from artigraph.serializer.codec._limits import LONGEST_NUMBER, MAX_DEPTH, NO_CLASSES, in_fresh_stack, is_too_deep
from artigraph.serializer.codec._read_scalars import SCALAR_READERS, expect, expect_dict, expect_list
from artigraph.serializer.codec.classes import constructor_fields, is_named_tuple, runs_own_code

Classes = Mapping[str, type[Any]]
Pairs = list[tuple[str, Any]]
Tags = Mapping[str, Callable[[object], object]]
"""What reads the content of each kind of tagged value: `{"$tuple": [1, 2]}` has the tag `$tuple`."""
Scan = Callable[[str, int], tuple[object, int]]
"""The scanner of the JSON parser, in C. `decode` and `raw_decode` add two calls, which cost as much as a number."""
SetT = TypeVar("SetT", set[Any], frozenset[Any])


class ChangedClassError(DeserializationError):
    """A stored instance does not fit its class: the class, the member or a field is missing, or a field was added.

    `decode_former` returns a stand-in for such an instance.
    """


def decode(data: bytes, classes: Classes = NO_CLASSES, tags_of: Callable[[Classes], Tags] | None = None) -> object:
    """Return the value that `encode` wrote.

    Only classes in `classes` are looked up, and only their code runs. A dataclass is made by its constructor from the
    stored fields. Fields that a dataclass or named tuple gained since then take their defaults. With `tags_of`, other
    readers of tagged values are used. It supplies them if an instance of a class is stored.

    Raises:
        DeserializationError: the bytes do not encode a value, or name a class, member or field that does not exist, or
            a class's constructor failed. The constructor's error is the `__cause__`.
    """
    try:
        text = str(data, "utf-8")
        if text[:1] in _BRACKETS:
            return _decode_parts(text, classes, tags_of or _tags_of)
        if len(text) > LONGEST_NUMBER and text[0] != '"':
            msg = "it is longer than any number that is written"
            raise ValueError(msg)  # noqa: TRY301
        return _parse(_scan_plain, text)
    except DeserializationError:
        raise
    except (ValueError, RecursionError) as error:
        msg = f"The stored bytes are not a value that this serializer wrote: {error}"
        raise DeserializationError(msg) from error


def _decode_parts(text: str, classes: Classes, tags_of: Callable[[Classes], Tags]) -> object:
    if text.startswith(_DATETIME) and text.endswith('"}'):  # the only tagged value that is read by the thousand
        return datetime.fromisoformat(text[len(_DATETIME) : -2])
    if is_too_deep(text):
        msg = f"it is nested deeper than {MAX_DEPTH} levels, which is never written"
        raise ValueError(msg)
    tags = tags_of(classes) if any(tag in text for tag in CLASS_TAGS) else _PLAIN_TAGS
    scan = _scan_plain if tags is _PLAIN_TAGS and python_limits_digits() else _scanner(_decoder(tags))
    try:
        return _parse(scan, text)
    except RecursionError:
        return in_fresh_stack(_parse, scan, text)


def _parse(scan: Scan, text: str) -> object:
    try:
        value, end = scan(text, 0)
    except StopIteration as error:  # how the scanner reports that no value starts here
        msg = f"there is no value at {error.value}"
        raise ValueError(msg) from error
    if end != len(text):
        msg = f"there is more after the value, at {end}"
        raise ValueError(msg)
    return value


def _decoder(tags: Tags) -> json.JSONDecoder:
    return json.JSONDecoder(
        object_pairs_hook=partial(_read_object, tags),
        parse_int=int if python_limits_digits() else _read_int,
        parse_constant=refuse_constant,
    )


def _scanner(decoder: Any) -> Scan:
    scan: Scan = decoder.scan_once
    return scan


def python_limits_digits() -> bool:
    """Say whether `int` limits its digits in this process. A program may have switched the limit off."""
    return 0 < sys.get_int_max_str_digits() <= sys.int_info.default_max_str_digits


# Hooks of the parser ----------------------------------------------------------------------------------------------


def _read_int(digits: str) -> int:
    if len(digits) > LONGEST_NUMBER:
        msg = "an integer has more digits than are ever written"
        raise ValueError(msg)
    return int(digits)


def refuse_constant(name: str) -> object:
    msg = f"{name} is not JSON"
    raise ValueError(msg)


def _read_object(tags: Tags, pairs: Pairs) -> object:
    if len(pairs) == 1 and pairs[0][0][:1] == "$":
        return _read_tagged(*pairs[0], tags)
    value = dict(pairs)
    if len(value) != len(pairs):
        msg = "a dict has a key twice"
        raise ValueError(msg)
    return value


def _read_tagged(tag: str, content: object, tags: Tags) -> object:
    try:
        reader = tags.get(tag)
        if reader is not None:
            return reader(content)
    except (DeserializationError, RecursionError):
        raise
    except Exception as error:
        msg = f"A stored {tag[1:]} cannot be read: {type(error).__name__}: {error}"
        raise DeserializationError(msg) from error
    msg = f"There is no kind of value {tag[:50]!r}; a newer release of Artigraph may have written it"
    raise DeserializationError(msg)


# Containers -------------------------------------------------------------------------------------------------------


def _read_tuple(content: object) -> tuple[Any, ...]:
    return tuple(expect_list(content))


def _read_set(kind: type[SetT], content: object) -> SetT:
    items = expect_list(content)
    value = kind(items)
    if len(value) != len(items):
        msg = "it has an item twice"
        raise ValueError(msg)
    return value


def _read_dict(content: object) -> dict[Any, Any]:
    items = [tuple(expect_list(item)) for item in expect_list(content)]
    value = dict(items)
    if len(value) != len(items):
        msg = "it has a key twice"
        raise ValueError(msg)
    return value


def _read_counter(content: object) -> Counter[Any]:
    value: Counter[Any] = Counter()
    for key, item in _read_dict(content).items():  # its own update adds, which needs numbers
        value[key] = item
    return value


def _read_ordered(content: object) -> OrderedDict[Any, Any]:
    return OrderedDict(_read_dict(content))


def _read_defaultdict(content: object) -> defaultdict[Any, Any]:
    name, *pairs = expect_list(content)
    return defaultdict(None if name is None else FACTORIES[expect(str, name)], _read_dict(pairs))


def _read_deque(content: object) -> deque[Any]:
    most, *items = expect_list(content)
    value = deque(items, None if most is None else expect(int, most))
    if len(value) != len(items):
        msg = "it has more items than it may hold"
        raise ValueError(msg)
    return value


FACTORIES: Mapping[str, type[Any]] = {
    kind.__name__: kind
    for kind in (bool, bytes, complex, dict, float, frozenset, int, list, set, str, tuple)  # stored: never remove one
}
"""The factories that a stored defaultdict may have, by the names under which they are stored."""

TAGS: dict[str, Callable[[object], object]] = SCALAR_READERS | {
    "$tuple": _read_tuple,
    "$set": partial(_read_set, set),
    "$frozenset": partial(_read_set, frozenset),
    "$dict": _read_dict,
    "$Counter": _read_counter,
    "$OrderedDict": _read_ordered,
    "$defaultdict": _read_defaultdict,
    "$deque": _read_deque,
}

# Instances of classes that the annotation supplies ----------------------------------------------------------------


def _find(content: object, classes: Classes, kind: str) -> tuple[type[Any], Any]:
    name, rest = expect_list(content)
    cls = classes.get(expect(str, name))
    if cls is None:
        known = ", ".join(sorted(classes)) or "none"
        msg = (
            f"A {kind} of the class {name[:100]!r} is stored, but the annotation names no such class (it names: "
            f"{known})."
        )
        raise ChangedClassError(msg)
    return cls, rest


def _wrong_kind(cls: type[Any], kind: str) -> ChangedClassError:
    return ChangedClassError(f"A {kind} named {cls.__name__!r} is stored, but {class_name(cls)} is not one")


def _read_enum(classes: Classes, content: object) -> Enum:
    cls, name = _find(content, classes, "enum member")
    if not issubclass(cls, Enum):
        raise _wrong_kind(cls, "enum member")
    member = cls.__members__.get(expect(str, name))
    if member is None:
        msg = f"{class_name(cls)} has no member {name[:100]!r} now, but one is stored."
        raise ChangedClassError(msg)
    return member


def _read_flag(classes: Classes, content: object) -> Enum:
    cls, value = _find(content, classes, "flag")
    if not issubclass(cls, Flag):
        raise _wrong_kind(cls, "flag")
    try:
        member: object = cls(expect(int, value))
    except ValueError:  # the class takes known flags only
        member = None
    if not isinstance(member, cls) or member.value != value:  # early releases of Python 3.11 drop unknown flags
        msg = f"{class_name(cls)} has no flags for {value} now, but they are stored."
        raise ChangedClassError(msg)
    return member


def _read_named_tuple(classes: Classes, content: object) -> tuple[Any, ...]:
    cls, stored = _find(content, classes, "named tuple")
    if not is_named_tuple(cls):
        raise _wrong_kind(cls, "named tuple")
    names: tuple[str, ...] = getattr(cls, "_fields", ())
    defaults: dict[str, Any] = getattr(cls, "_field_defaults", {})
    fields = defaults | expect_dict(stored)
    _check_fields(cls, fields, names, [name for name in names if name not in fields])
    plain: Any = tuple  # not the class's own `__new__`, whose parameters are unknown
    made: tuple[Any, ...] = plain.__new__(cls, [fields[name] for name in names])
    return made


def _read_dataclass(classes: Classes, content: object) -> object:
    cls, stored = _find(content, classes, "dataclass")
    kind = kind_of(cls)
    if kind is not None:
        return _read_of_kind(cls, kind, expect_dict(stored))
    if not dataclasses.is_dataclass(cls):
        raise _wrong_kind(cls, "dataclass")
    names = constructor_fields(cls)
    fields = fitting(expect_dict(stored), None, names)
    needed = [field.name for field in dataclasses.fields(cls) if field.init and not has_default(field)]
    derived = [field.name for field in dataclasses.fields(cls) if not field.init]
    _check_fields(cls, fields, (*names, *derived), [name for name in needed if name not in fields])
    instance: object = cls(**{name: fields[name] for name in names if name in fields})
    if type(instance) is not cls:
        msg = f"{class_name(cls)} makes instances of {class_name(type(instance))}"
        raise DeserializationError(msg)
    if derived or runs_own_code(cls):
        for name, part in fields.items():  # restores the stored values, in case the constructor changed them
            object.__setattr__(instance, name, part)
    return instance


def _read_of_kind(cls: type[Any], kind: ModelKind, stored: dict[str, Any]) -> object:
    try:
        names, required = names_of_fields(cls, kind)
    except ModelDefinitionError as error:
        raise DeserializationError(str(error)) from error
    fields = fitting(stored, kind, names)
    accepted = tuple(name for name in fields if name not in names and kind.accepts(cls, name))
    missing = [name for name in required if name not in fields]
    _check_fields(cls, fields, (*names, *accepted), missing)
    return kind.build(cls, fields)


def _check_fields(cls: type[Any], fields: Mapping[str, Any], names: tuple[str, ...], missing: list[str]) -> None:
    strange = [name for name in fields if name not in names]
    if strange:
        msg = f"{class_name(cls)} has no field {strange[0]!r} now, but one is stored."
        raise ChangedClassError(msg)
    if missing:
        msg = f"{class_name(cls)} needs a field {missing[0]!r}, but none is stored. Give the field a default."
        raise ChangedClassError(msg)


CLASS_TAGS: dict[str, Callable[[Classes, object], object]] = {
    "$enum": _read_enum,
    "$flag": _read_flag,
    "$namedtuple": _read_named_tuple,
    "$dataclass": _read_dataclass,
}


def _tags_of(classes: Classes) -> Tags:
    return TAGS | {tag: partial(reader, classes) for tag, reader in CLASS_TAGS.items()}


_PLAIN_TAGS = _tags_of(NO_CLASSES)

_DATETIME = '{"$datetime":"'
_BRACKETS = frozenset("[{")
_scan_plain = _scanner(
    json.JSONDecoder(object_pairs_hook=partial(_read_object, _PLAIN_TAGS), parse_constant=refuse_constant)
)
"""The scanner for values without classes, made once. It leaves the limit of digits to Python."""


# Many values at once --------------------------------------------------------------------------------------------------


_strict = json.JSONDecoder(parse_constant=refuse_constant)
_STARTS = frozenset({b'"', b"-", b"t", b"f", b"n", *(b"%d" % digit for digit in range(10))})
"""What a JSON number, a text, true, false and null start with."""
_SPACE = 32
"""The greatest byte that JSON takes for a space."""


def decode_each(stored: Sequence[bytes], decode_at: Callable[[int], object]) -> list[object]:
    """Return the values that `encode` wrote, in their order. It is several times as fast as decoding each alone.

    Args:
        stored: the bytes of each value.
        decode_at: decodes the bytes at an index. It is called for those that are no JSON number, short text, true,
            false or null. If there are bytes that no value has, it is called for all, so that it finds the first.

    Raises:
        DeserializationError: `decode_at` raises it.
    """
    simple = [
        number
        for number, data in enumerate(stored)
        if data[:1] in _STARTS and len(data) <= LONGEST_NUMBER and data[-1] > _SPACE
    ]
    whole = len(simple) == len(stored)
    found = _decode_simple(stored if whole else [stored[number] for number in simple])
    if found is None:
        return list(map(decode_at, range(len(stored))))
    if whole:
        return found
    values: list[object] = [None] * len(stored)
    for number, value in zip(simple, found, strict=True):
        values[number] = value
    for number in sorted(set(range(len(stored))).difference(simple)):
        values[number] = decode_at(number)
    return values


def _decode_simple(stored: Sequence[bytes]) -> list[object] | None:
    """Return the values, or None if some bytes do not encode exactly one value.

    Bytes that are no value cannot pass for one: the line break between two parts is in no text, and what begins an
    array or an object makes one. So damaged parts can only make more values than there are parts, never fewer.
    """
    if not python_limits_digits():
        return None  # each number is checked alone
    try:
        values: list[object] = _strict.decode(str(b"[" + b",\n".join(stored) + b"]", "utf-8"))
    except (ValueError, RecursionError):
        return None
    whole = len(values) == len(stored) and not {list, dict}.intersection(map(type, values))
    return values if whole else None
