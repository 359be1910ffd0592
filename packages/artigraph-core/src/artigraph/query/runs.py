"""Columns of runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar, get_args
from uuid import UUID

from artigraph.errors import QueryError
from artigraph.query.comparable import Comparable
from artigraph.query.conditions import Condition, Operator, RunColumn, RunCompare, RunIsNone
from artigraph.run import RunStatus

__all__ = ["RunColumns", "RunOrder", "RunProperty"]


@dataclass(frozen=True, slots=True)
class RunOrder:
    """An order of runs: by a property, upwards or downwards."""

    column: RunColumn
    descending: bool = False


class RunProperty(Comparable):
    """A property of runs; comparing it makes a condition, which is false where a run has no such property (yet)."""

    __slots__ = ("_column", "_name", "_type")

    def __init__(self, name: str, column: RunColumn, of_type: type) -> None:
        self._name = name
        self._column: RunColumn = column
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

    def _compare(self, how: Operator, value: object) -> Condition:
        if value is None:
            msg = f"{self._name} is compared with None by {self._name}.is_(None)"
            raise QueryError(msg)
        if type(value) is not self._type:
            msg = f"{self._name} is a {self._type.__qualname__}, which is never comparable to {value!r:.100}"
            raise QueryError(msg)
        if self._name == "status" and value not in get_args(RunStatus):
            msg = f"A status is one of {', '.join(map(repr, get_args(RunStatus)))}, never {value!r:.100}"
            raise QueryError(msg)
        if self._type is str and how != "==":
            msg = f"{self._name} is equal to a text or not; it has no order"
            raise QueryError(msg)
        if isinstance(value, datetime):
            if value.tzinfo is None:
                msg = f"{self._name} is an aware datetime; {value!r} says no time zone"
                raise QueryError(msg)
            value = value.astimezone(UTC)
        return RunCompare(self._column, how, value)


class RunColumns:
    """The columns of runs, named as the fields of `Run`."""

    __slots__ = ()

    node_id: ClassVar[RunProperty] = RunProperty("node_id", "node_id", UUID)
    node_parent_id: ClassVar[RunProperty] = RunProperty("node_parent_id", "parent_id", UUID)
    status: ClassVar[RunProperty] = RunProperty("status", "run_status", str)
    started_at: ClassVar[RunProperty] = RunProperty("started_at", "run_started_at", datetime)
    ended_at: ClassVar[RunProperty] = RunProperty("ended_at", "run_ended_at", datetime)
    error_type: ClassVar[RunProperty] = RunProperty("error_type", "run_error_type", str)

    def __repr__(self) -> str:
        return "<columns of Run>"
