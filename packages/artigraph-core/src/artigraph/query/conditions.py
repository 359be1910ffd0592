"""Conditions: what is asked of an artifact, as a value that says nothing of any database."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, NoReturn

from artigraph.graph import RunValueKind
from artigraph.model import ArtifactModel

__all__ = [
    "All",
    "Any_",
    "Compare",
    "Condition",
    "Field",
    "IsNone",
    "NodeColumn",
    "Not",
    "OneOf",
    "Operator",
    "Path",
    "RunColumn",
    "RunCompare",
    "RunField",
    "RunIsNone",
    "RunOneOf",
    "Text",
    "is_nan",
    "leaves_of",
]

Path = tuple[str, ...]
"""The names of fields from an artifact down to a value."""
Operator = Literal["==", "<", "<=", ">", ">="]


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an artifact, or of a model in it."""

    model: type[ArtifactModel]
    """The class of the artifact."""
    path: Path
    owners: tuple[type[ArtifactModel], ...]
    """The model classes that have it."""


@dataclass(frozen=True, slots=True)
class RunField:
    """The name of a run, or a value of it that has a name of its own."""

    kind: RunValueKind | Literal["name"]
    name: str = ""


class Condition:
    """What is asked of an artifact, or a run: made by comparing columns, combined with `&`, `|` and `~`."""

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
    """Every one of some conditions."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Any_(Condition):  # noqa: N801 (not typing's)
    """One at least of some conditions."""

    parts: tuple[Condition, ...]


def _parts_of(condition: Condition, kind: type[All | Any_]) -> tuple[Condition, ...]:
    """Return what a condition is made of: many that are combined one by one are no deeper than two."""
    return condition.parts if isinstance(condition, kind) else (condition,)


@dataclass(frozen=True, eq=False, slots=True)
class Not(Condition):
    """The complement: whatever the condition is not true of."""

    part: Condition


@dataclass(frozen=True, eq=False, slots=True)
class Compare(Condition):
    """A field compared with a value; false where Python would not compare the two."""

    field: Field | RunField
    operator: Operator
    value: Any


@dataclass(frozen=True, eq=False, slots=True)
class OneOf(Condition):
    """A field that is equal to one of some values."""

    field: Field | RunField
    values: tuple[Any, ...]


@dataclass(frozen=True, eq=False, slots=True)
class IsNone(Condition):
    """A field that is None."""

    field: Field | RunField


@dataclass(frozen=True, eq=False, slots=True)
class Text(Condition):
    """A text, or bytes, in a field that begins with, or contains, another one."""

    field: Field | RunField
    how: Literal["startswith", "contains"]
    value: str | bytes


RunColumn = Literal[
    "node_id", "parent_id", "run_status", "run_started_at", "run_ended_at", "run_error_type", "run_name"
]
NodeColumn = Literal["label", "model_name", "serializer"]


@dataclass(frozen=True, eq=False, slots=True)
class RunCompare(Condition):
    """A property of a run, or of any node, compared with a value; false where it has none."""

    column: RunColumn | NodeColumn
    operator: Operator
    value: Any


@dataclass(frozen=True, eq=False, slots=True)
class RunOneOf(Condition):
    """A property of a run, or of any node, that is equal to one of some values."""

    column: RunColumn | NodeColumn
    values: tuple[Any, ...]


@dataclass(frozen=True, eq=False, slots=True)
class RunIsNone(Condition):
    """A property of a run, or of any node, that it has not, or not yet."""

    column: RunColumn | NodeColumn


def leaves_of(condition: Condition) -> Iterator[Condition]:
    """Yield the conditions that are not made of others."""
    match condition:
        case All(parts) | Any_(parts):
            for part in parts:
                yield from leaves_of(part)
        case Not(part):
            yield from leaves_of(part)
        case _:
            yield condition


def is_nan(value: object) -> bool:
    """Say whether a value is a NaN, to which nothing compares."""
    return (isinstance(value, float) and math.isnan(value)) or (isinstance(value, Decimal) and value.is_nan())
