"""Encode plain values as JSON.

This module is over 400 lines: each type has one short function, and all are entries of one table.
"""

from __future__ import annotations

import dataclasses
import re
import sys
from binascii import b2a_base64
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, Flag
from fractions import Fraction
from json.encoder import encode_basestring
from math import isfinite
from pathlib import PosixPath, PurePath, PurePosixPath, PureWindowsPath, WindowsPath
from struct import pack
from types import NoneType
from typing import Any, cast
from uuid import UUID

from artigraph.errors import CycleError, ModelDefinitionError, SerializationError, class_name
from artigraph.kinds import ModelKind, artifact_classes, kind_of, names_of_fields, needs_plugin
from artigraph.serializer.codec._limits import MAX_BITS, MAX_DEPTH, NO_CLASSES, contains_itself, in_fresh_stack
from artigraph.serializer.codec._read import FACTORIES, decode
from artigraph.serializer.codec._zones import describe_zone
from artigraph.serializer.codec.classes import constructor_fields, is_named_tuple, is_stored_class, runs_own_code
from artigraph.serializer.codec.refusals import advice_for


class RefusedError(Exception):
    """A part of a value cannot be stored. Each container that the error passes adds its step to `path`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path: list[str] = []

    def message(self) -> str:
        return f"value{''.join(reversed(self.path))} {self.reason}"


def _write_none(_: None) -> str:
    return "null"


def _write_bool(value: bool) -> str:  # noqa: FBT001 (a value, no switch)
    return "true" if value else "false"


def write_int(value: int) -> str:
    if value.bit_length() <= MAX_BITS:
        return int.__repr__(value)
    return f'{{"$int":"{value:#x}"}}'


def _write_float(value: float) -> str:
    if isfinite(value):
        return float.__repr__(value)
    bits = pack(">d", value).hex()
    return f'{{"$float":"{_NOT_FINITE.get(bits, bits)}"}}'


_NOT_FINITE = {"7ff0000000000000": "inf", "fff0000000000000": "-inf", "7ff8000000000000": "nan"}
"""The NaN and infinities that have a name, by their bits. Other NaNs are written as their bits."""


def _write_complex(value: complex) -> str:
    return f'{{"$complex":[{_write_float(value.real)},{_write_float(value.imag)}]}}'


def _write_fraction(value: Fraction) -> str:
    return f'{{"$fraction":[{write_int(value.numerator)},{write_int(value.denominator)}]}}'


def _write_range(value: range) -> str:
    return f'{{"$range":[{write_int(value.start)},{write_int(value.stop)},{write_int(value.step)}]}}'


def write_str(value: str) -> str:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:  # lone surrogates: a JSON parser would join two adjacent ones
            runs = [encode_basestring(run) if _is_valid(run) else str(ord(run)) for run in _RUNS.findall(value)]
            return f'{{"$str":[{",".join(runs)}]}}'
    return encode_basestring(value)


def _is_valid(run: str) -> bool:
    return not "\ud800" <= run[0] <= "\udfff"


_RUNS = re.compile("[\ud800-\udfff]|[^\ud800-\udfff]+")
"""Matches one lone surrogate, or a run of text without any."""


def _write_bytes(value: bytes) -> str:
    return f'{{"$bytes":"{b2a_base64(value, newline=False).decode()}"}}'


def _write_datetime(value: datetime) -> str:
    return _write_time_of("datetime", value)


def _write_time(value: time) -> str:
    return _write_time_of("time", value)


def _write_time_of(tag: str, value: datetime | time) -> str:
    zone = value.tzinfo
    if (zone is None or zone is UTC) and not value.fold:
        return f'{{"${tag}":"{value.isoformat()}"}}'
    try:
        more = describe_zone(value) if zone is not None else {}
    except ValueError as error:
        raise RefusedError(str(error)) from error
    at = value.replace(tzinfo=None) if "zone" in more or "offset" in more else value
    if not more and not value.fold:
        return f'{{"${tag}":"{at.isoformat()}"}}'
    parts = [f'"at":"{at.isoformat()}"', *(f'"{key}":{SCALAR_WRITERS[type(part)](part)}' for key, part in more.items())]
    if value.fold:
        parts.append('"fold":1')
    return f'{{"${tag}":{{{",".join(parts)}}}}}'


def _write_date(value: date) -> str:
    return f'{{"$date":"{value.isoformat()}"}}'


def _write_timedelta(value: timedelta) -> str:
    return f'{{"$timedelta":[{value.days},{value.seconds},{value.microseconds}]}}'


def _write_uuid(value: UUID) -> str:
    return f'{{"$uuid":"{value}"}}'


def _write_decimal(value: Decimal) -> str:
    return f'{{"$decimal":"{str(value).replace("e", "E")}"}}'  # a decimal context may ask for a lowercase e


def _write_path(value: PurePath) -> str:
    text = str(value)
    if type(value)(text).parts != value.parts:
        msg = f"is a {type(value).__name__} that {text!r} does not name again"
        raise RefusedError(msg)
    return f'{{"${type(value).__name__}":{write_str(text)}}}'


SCALAR_WRITERS: dict[type[Any], Callable[[Any], str]] = {
    NoneType: _write_none,
    bool: _write_bool,
    int: write_int,
    float: _write_float,
    complex: _write_complex,
    str: write_str,
    bytes: _write_bytes,
    datetime: _write_datetime,
    date: _write_date,
    time: _write_time,
    timedelta: _write_timedelta,
    UUID: _write_uuid,
    Decimal: _write_decimal,
    Fraction: _write_fraction,
    range: _write_range,
    PosixPath: _write_path,
    WindowsPath: _write_path,
    PurePosixPath: _write_path,
    PureWindowsPath: _write_path,
}


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


def encode_scalar(value: object) -> bytes | None:
    """Return what `encode` returns for a value without parts; None for other values and if `encode` would refuse it."""
    writer = SCALAR_WRITERS.get(type(value))
    try:
        return None if writer is None else writer(value).encode()
    except (RefusedError, RecursionError):
        return None


def _encode(value: object, classes: Classes, find_cycles: bool) -> bytes:  # noqa: FBT001
    try:
        return _write(value, classes, 0).encode()
    except _TooDeepError:
        if find_cycles and contains_itself(value, classes, SCALAR_WRITERS):
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
    if _is_model(cls):
        raise RefusedError(_unknown(cls))
    kind = kind_of(cls)
    if kind is not None:
        return _write_of_kind(value, kind, classes, depth)
    if dataclasses.is_dataclass(cls):
        return _write_dataclass(value, classes, depth)
    raise RefusedError(_unknown(cls))


def _is_model(cls: type[Any]) -> bool:
    return cls in artifact_classes or hasattr(cls, "_artigraph_traits")  # derived from ArtifactModel


def _unknown(cls: type[Any]) -> str:
    name = class_name(cls)
    if _is_model(cls):
        return (
            f"is a model of class {name}, which is stored as a node of its own and is no part of a value. The "
            "collections that hold models are list, tuple, dict, ArtifactMapping and ArtifactSequence: keep it in "
            "these alone, and not in a set, deque, OrderedDict, defaultdict or Counter, nor as a key."
        )
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
    library = needs_plugin(cls)
    if library is not None:
        return (
            f"is of type {name}, a class of {library}. Install what stores such classes, pip install "
            f"'artigraph-models[{library}]', or convert the value to a dict."
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


def _write_of_kind(value: object, kind: ModelKind, classes: Classes, depth: int) -> str:
    cls: type[Any] = type(value)
    try:
        names_of_fields(cls, kind)  # raises an error if the class cannot be stored
        fields = kind.read(value).items()
    except (ModelDefinitionError, SerializationError) as error:
        msg = f"is a {class_name(cls)}, which cannot be stored: {error}"
        raise RefusedError(msg) from error
    except AttributeError as error:
        msg = f"is a {class_name(cls)} that lacks one of its fields: {error}"
        raise RefusedError(msg) from error
    return _write_fields("dataclass", value, fields, classes, depth)


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
