"""Columns of runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, cast, get_args
from uuid import UUID

from artigraph.errors import QueryError
from artigraph.graph import RunValueKind
from artigraph.query.comparable import Comparable, check_compared, check_storable
from artigraph.query.conditions import (
    Compare,
    Condition,
    IsNone,
    NodeColumn,
    OneOf,
    Operator,
    RunColumn,
    RunCompare,
    RunField,
    RunIsNone,
    RunOneOf,
    Text,
)
from artigraph.run import RunStatus

__all__ = ["RunColumns", "RunOrder", "RunProperty", "RunValueColumn", "RunValues"]


@dataclass(frozen=True, slots=True)
class RunOrder:
    """An order of runs: by a property, upwards or downwards."""

    column: RunColumn | NodeColumn | RunField
    descending: bool = False


class RunProperty(Comparable):
    """A property of runs; comparing it makes a condition, which is false where a run has no such property (yet)."""

    __slots__ = ("_column", "_name", "_type")

    def __init__(self, name: str, column: RunColumn | NodeColumn, of_type: type) -> None:
        self._name = name
        self._column: RunColumn | NodeColumn = column
        self._type = of_type

    def __repr__(self) -> str:
        return f"<column {self._name} of runs>"

    def asc(self) -> RunOrder:
        """Order by this property, the least first; runs without it come before."""
        return RunOrder(self._column)

    def desc(self) -> RunOrder:
        """Order by this property, the greatest first; runs without it come last."""
        return RunOrder(self._column, descending=True)

    def _is_none(self) -> Condition:
        return RunIsNone(self._column)

    def _one_of(self, values: tuple[Any, ...]) -> Condition:
        return RunOneOf(self._column, values)

    def _compare(self, how: Operator, value: object) -> RunCompare:
        if value is None:
            msg = f"{self._name} is compared with None by {self._name}.is_(None)"
            raise QueryError(msg)
        if not isinstance(value, self._type):  # asyncpg's UUIDs are of a class of their own
            msg = f"{self._name} is a {self._type.__qualname__}, which is never comparable to {value!r:.100}"
            raise QueryError(msg)
        if self._name == "status" and value not in get_args(RunStatus):
            msg = f"A status is one of {', '.join(map(repr, get_args(RunStatus)))}, never {value!r:.100}"
            raise QueryError(msg)
        if self._type is str and how != "==":
            msg = f"{self._name} is equal to a text or not; it has no order"
            raise QueryError(msg)
        if isinstance(value, str):
            check_storable(self._name, value)
        if isinstance(value, datetime):
            if value.tzinfo is None:
                msg = f"{self._name} is an aware datetime; {value!r} says no time zone"
                raise QueryError(msg)
            try:
                value = value.astimezone(UTC)
            except OverflowError:
                msg = f"{self._name} is a time in UTC, and {value!r} is none: it is before the year 1 or after 9999"
                raise QueryError(msg) from None
        return RunCompare(self._column, how, value)


class RunValueColumn(Comparable):
    """The name of runs, or a value of theirs that has a name of its own; comparing it makes a condition.

    Comparisons are as Python's, and false where Python would not compare the two, or where a run has no such value.
    """

    __slots__ = ("_field", "_text")

    def __init__(self, field: RunField, text: str) -> None:
        self._field = field
        self._text = text

    def __repr__(self) -> str:
        return f"<column {self._text} of runs>"

    def startswith(self, prefix: str | bytes) -> Condition:
        """Be a text, or bytes, that begin so; case counts."""
        return self._text_condition("startswith", prefix)

    def contains(self, part: str | bytes) -> Condition:
        """Be a text, or bytes, that contain this; case counts. No index helps: all of this name are looked at."""
        return self._text_condition("contains", part)

    def asc(self) -> RunOrder:
        """Order by this value, the least first; runs without it come before."""
        return RunOrder(self._field)

    def desc(self) -> RunOrder:
        """Order by this value, the greatest first; runs without it come last."""
        return RunOrder(self._field, descending=True)

    def _is_none(self) -> Condition:
        return RunIsNone("run_name") if self._field.kind == "name" else IsNone(self._field)

    def _one_of(self, values: tuple[Any, ...]) -> Condition:
        return OneOf(self._field, values)

    def _compare(self, how: Operator, value: object) -> Compare:
        check_compared(self._text, value)
        self._check_text(value)
        return Compare(self._field, how, value)

    def _text_condition(self, how: Any, value: object) -> Condition:
        if type(value) not in (str, bytes):
            msg = f"{self._text}.{how}() takes a text, or bytes, not {value!r:.100}"
            raise QueryError(msg)
        self._check_text(value)
        return Text(self._field, how, cast("str | bytes", value))

    def _check_text(self, value: object) -> None:
        if self._field.kind in ("name", "tag") and not isinstance(value, str):
            msg = f"{self._text} is a text, which is never comparable to {value!r:.100}, a {type(value).__qualname__}"
            raise QueryError(msg)


class RunValues:
    """The columns of the tags of runs, or of their parameters, or of what is known of their environment: by name."""

    __slots__ = ("_field", "_kind")

    def __init__(self, field: str, kind: RunValueKind) -> None:
        self._field = field
        self._kind: RunValueKind = kind

    def __getitem__(self, name: str) -> RunValueColumn:
        if not isinstance(cast("object", name), str):
            msg = f"The {self._field} of runs have texts for names, not {name!r:.100}"
            raise QueryError(msg)
        check_storable(f"A name of the {self._field} of runs", name)
        return RunValueColumn(RunField(self._kind, name), f"{self._field}[{name!r}]")

    def __repr__(self) -> str:
        return f"<columns of the {self._field} of runs>"


class RunColumns:
    """The columns of runs, named as the fields of `Run`."""

    __slots__ = ()

    node_id: ClassVar[RunProperty] = RunProperty("node_id", "node_id", UUID)
    node_parent_id: ClassVar[RunProperty] = RunProperty("node_parent_id", "parent_id", UUID)
    status: ClassVar[RunProperty] = RunProperty("status", "run_status", str)
    started_at: ClassVar[RunProperty] = RunProperty("started_at", "run_started_at", datetime)
    ended_at: ClassVar[RunProperty] = RunProperty("ended_at", "run_ended_at", datetime)
    error_type: ClassVar[RunProperty] = RunProperty("error_type", "run_error_type", str)

    name: ClassVar[RunValueColumn] = RunValueColumn(RunField("name"), "name")
    tags: ClassVar[RunValues] = RunValues("tags", "tag")
    parameters: ClassVar[RunValues] = RunValues("parameters", "parameter")
    environment: ClassVar[RunValues] = RunValues("environment", "environment")

    def __repr__(self) -> str:
        return "<columns of Run>"
