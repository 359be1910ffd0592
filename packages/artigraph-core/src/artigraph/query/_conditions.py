"""Conditions: trees of immutable values that say what a result must satisfy, independent of any database."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, NoReturn

from artigraph.graph.run_rows import RunValueKind
from artigraph.serializer.search_key import equals_nothing

Path = tuple[str, ...]
"""The names of fields from an artifact down to a value."""
Operator = Literal["==", "<", "<=", ">", ">="]


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an artifact, or of a model nested in it."""

    model: type[Any] | str
    """The class of the artifact, or the name under which it is stored."""
    path: Path
    owners: tuple[type[Any] | str, ...]
    """The model classes that have the field, or their stored names."""
    enums: tuple[type[Enum], ...] = ()
    """The enums that the field may hold and whose members are numbers or texts."""
    items: int = 0
    """How many of the last steps of the path are keys of mappings whose items are nodes. Such items have no model."""
    is_either: bool = False
    """Whether the last step may be a field as well as a key: only the stored name of the model is known."""
    keys: Path = ()
    """The keys within a plain dict, which is one value. The database does not search in it."""

    @property
    def field_name(self) -> str:
        """The name of the field that holds the value, or the mapping with the value."""
        return self.path[-1 - self.items]

    @property
    def text(self) -> str:
        """The field in messages, as a path with dots."""
        return ".".join((*self.path, *self.keys))

    @property
    def model_name(self) -> str:
        """The name of the artifact's class in messages."""
        return self.model if isinstance(self.model, str) else self.model.__qualname__


@dataclass(frozen=True, slots=True)
class RunField:
    """The name of a run, or one of its named values (a tag, a parameter or an entry of its environment)."""

    kind: RunValueKind | Literal["name"]
    name: str = ""


class Condition:
    """A condition on artifacts, runs or nodes. Comparing a column makes one; `&`, `|` and `~` combine them."""

    __slots__ = ()

    def __and__(self, other: Condition) -> Condition:
        return All(_parts_of(self, All) + _parts_of(_condition(other), All))

    def __or__(self, other: Condition) -> Condition:
        return Any_(_parts_of(self, Any_) + _parts_of(_condition(other), Any_))

    def __invert__(self) -> Condition:
        return Not(self)

    def __bool__(self) -> NoReturn:
        msg = "A condition is neither true nor false before the database is asked: combine conditions with &, | and ~"
        raise TypeError(msg)


def _condition(value: object) -> Condition:
    if not isinstance(value, Condition):
        msg = f"A condition is combined with another one, not with {value!r:.100}; mind the brackets: (a > 1) & (b < 2)"
        raise TypeError(msg)
    return value


@dataclass(frozen=True, eq=False, slots=True)
class All(Condition):
    """True where all of some conditions are true."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Any_(Condition):  # noqa: N801 (not typing's)
    """True where at least one of some conditions is true."""

    parts: tuple[Condition, ...]


def _parts_of(condition: Condition, kind: type[All | Any_]) -> tuple[Condition, ...]:
    """Return the parts of a condition, so that conditions combined one by one form one level instead of a deep tree."""
    return condition.parts if isinstance(condition, kind) else (condition,)


@dataclass(frozen=True, eq=False, slots=True)
class Not(Condition):
    """True wherever a condition is not true."""

    part: Condition


@dataclass(frozen=True, eq=False, slots=True)
class OnField(Condition):
    """A condition on one field."""

    field: Field | RunField


@dataclass(frozen=True, eq=False, slots=True)
class Compare(OnField):
    """A comparison of a field with a value; false where Python cannot compare the two."""

    operator: Operator
    value: Any


@dataclass(frozen=True, eq=False, slots=True)
class OneOf(OnField):
    """True where a field equals one of some values."""

    values: tuple[Any, ...]


@dataclass(frozen=True, eq=False, slots=True)
class IsNone(OnField):
    """True where a field is None."""


@dataclass(frozen=True, eq=False, slots=True)
class Text(OnField):
    """True where a field holds a text, or bytes, that begin with or contain another one."""

    how: Literal["startswith", "contains"]
    value: str | bytes


RunColumn = Literal[
    "node_id", "parent_id", "run_status", "run_started_at", "run_ended_at", "run_error_type", "run_name"
]
NodeColumn = Literal["label", "model_name", "serializer"]


@dataclass(frozen=True, eq=False, slots=True)
class PropertyCompare(Condition):
    """A comparison of a property of a run, or of any node, with a value; false where it has no such property."""

    column: RunColumn | NodeColumn
    operator: Operator
    value: Any


@dataclass(frozen=True, eq=False, slots=True)
class RunOneOf(Condition):
    """True where a property of a run, or of any node, equals one of some values."""

    column: RunColumn | NodeColumn
    values: tuple[Any, ...]


@dataclass(frozen=True, eq=False, slots=True)
class RunIsNone(Condition):
    """True where a run, or any node, does not have a property, or does not have it yet."""

    column: RunColumn | NodeColumn


def bounds_ids(condition: Condition) -> bool:
    """Return whether a condition only says before or after which ids the nodes are, as that of a page does."""
    match condition:
        case All(parts):
            return all(map(bounds_ids, parts))
        case PropertyCompare(column, operator):
            return column == "node_id" and operator in ("<", "<=", ">", ">=")
        case _:
            return False


def leaves_of(condition: Condition) -> Iterator[Condition]:
    """Yield the conditions at the leaves of a condition: those that do not combine others."""
    match condition:
        case All(parts) | Any_(parts):
            for part in parts:
                yield from leaves_of(part)
        case Not(part):
            yield from leaves_of(part)
        case _:
            yield condition


def with_leaves(condition: Condition, change: Callable[[Condition], Condition]) -> Condition:
    """Return a condition with its leaves changed by a function."""
    match condition:
        case All(parts) | Any_(parts):
            return type(condition)(tuple(with_leaves(part, change) for part in parts))
        case Not(part):
            return Not(with_leaves(part, change))
        case _:
            return change(condition)


def is_nan(value: object) -> bool:
    """Return whether a value is a NaN or NaT, with which every comparison is false."""
    return (isinstance(value, float) and math.isnan(value)) or equals_nothing(value)


OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def compared(value: object, how: Operator, other: object) -> bool:
    """Return whether a comparison of two values is true; it is false where Python cannot compare them."""
    if is_nan(value) or is_nan(other):
        return False
    try:
        return bool(OPERATORS[how](value, other))
    except TypeError:
        return False


def is_text(value: object, how: str, text: str | bytes) -> bool:
    """Return whether a value is a text, or bytes, that begin with or contain another one."""
    if isinstance(value, str) and isinstance(text, str):
        return value.startswith(text) if how == "startswith" else text in value
    if isinstance(value, bytes) and isinstance(text, bytes):
        return value.startswith(text) if how == "startswith" else text in value
    return False
