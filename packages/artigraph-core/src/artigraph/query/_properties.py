"""The properties of runs and of nodes that a query can compare and order by, and what their queries have in common."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, ClassVar, Self, TypeVar, get_args
from uuid import UUID

from artigraph.errors import InvalidNodeIdError, QueryError
from artigraph.graph.run_rows import RunValueKind
from artigraph.identifiers import check_id
from artigraph.query import _conditions
from artigraph.query._base import Select
from artigraph.query._conditions import Condition, Field, NodeColumn, Operator, RunColumn, RunField
from artigraph.query._operators import Comparable, check_compared, check_storable
from artigraph.query._ordering import OrderKey, read_run_keys
from artigraph.query._sql import column_keys, has_key, key_of, property_of
from artigraph.run import RunStatus

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class RunOrder:
    """An order of runs by one property, ascending or descending."""

    column: RunColumn | NodeColumn | RunField
    descending: bool = False


class Property(Comparable):
    """A property of runs or of nodes. Comparing it makes a condition, which is false where it is not set (yet)."""

    __slots__ = ("_column", "_name", "_owners", "_type")

    def __init__(self, owners: str, name: str, column: RunColumn | NodeColumn, of_type: type) -> None:
        self._owners = owners
        self._name = name
        self._column: RunColumn | NodeColumn = column
        self._type = of_type

    def __artigraph_field__(self) -> str:
        return self._name

    def __repr__(self) -> str:
        return f"<column {self._name} of {self._owners}>"

    def asc(self) -> RunOrder:
        """Order by this property, smallest first. Those without it come first."""
        return RunOrder(self._column)

    def desc(self) -> RunOrder:
        """Order by this property, greatest first. Those without it come last."""
        return RunOrder(self._column, descending=True)

    def _is_none(self) -> Condition:
        return _conditions.RunIsNone(self._column)

    def _one_of(self, values: tuple[Any, ...]) -> Condition:
        return _conditions.RunOneOf(self._column, values)

    def _compare(self, how: Operator, value: object) -> _conditions.PropertyCompare:
        if value is None:
            msg = f"{self._name} is compared with None by {self._name}.is_(None)"
            raise QueryError(msg)
        if self._type is UUID:
            value = self._checked_id(value)
        if not isinstance(value, self._type):  # asyncpg's UUIDs are of a class of their own
            msg = f"{self._name} holds a {self._type.__qualname__}, which cannot be compared with {value!r:.100}"
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
                msg = f"{self._name} is a time in UTC, and {value!r} is out of range: before the year 1 or after 9999"
                raise QueryError(msg) from None
        return _conditions.PropertyCompare(self._column, how, value)

    def _checked_id(self, value: object) -> UUID:
        try:
            return check_id(value)
        except InvalidNodeIdError as error:
            msg = f"{self._name} cannot be compared with {value!r:.100}: {error}"
            raise QueryError(msg) from None


class RunValueColumn(Comparable):
    """The name of runs, or one of their named values. Comparing it makes a condition.

    Comparisons follow Python. A comparison is false where Python cannot compare the two, or a run has no such value.
    """

    __slots__ = ("_field", "_text")

    def __init__(self, field: RunField, text: str) -> None:
        self._field = field
        self._text = text

    def __artigraph_field__(self) -> RunField:
        return self._field

    def __repr__(self) -> str:
        return f"<column {self._text} of runs>"

    def startswith(self, prefix: str | bytes) -> Condition:
        """Match texts, or bytes, that begin with `prefix`. Case matters."""
        return self._text_condition("startswith", prefix)

    def contains(self, part: str | bytes) -> Condition:
        """Match texts, or bytes, that contain `part`. Case matters. No index helps: all values of it are read."""
        return self._text_condition("contains", part)

    def asc(self) -> RunOrder:
        """Order by this value, smallest first. Those without it come first."""
        return RunOrder(self._field)

    def desc(self) -> RunOrder:
        """Order by this value, greatest first. Those without it come last."""
        return RunOrder(self._field, descending=True)

    def _is_none(self) -> Condition:
        return _conditions.RunIsNone("run_name") if self._field.kind == "name" else _conditions.IsNone(self._field)

    def _one_of(self, values: tuple[Any, ...]) -> Condition:
        return _conditions.OneOf(self._field, values)

    def _compare(self, how: Operator, value: object) -> _conditions.Compare:
        check_compared(self._text, value)
        self._check_text(value)
        return _conditions.Compare(self._field, how, value)

    def _text_condition(self, how: Any, value: Any) -> Condition:
        if type(value) not in (str, bytes):
            msg = f"{self._text}.{how}() takes a text, or bytes, not {value!r:.100}"
            raise QueryError(msg)
        self._check_text(value)
        return _conditions.Text(self._field, how, value)

    def _check_text(self, value: object) -> None:
        if self._field.kind in ("name", "tag") and not isinstance(value, str):
            msg = f"{self._text} holds a text, which cannot be compared with {value!r:.100} ({type(value).__name__})"
            raise QueryError(msg)


class RunValues:
    """The columns of the tags, the parameters or the environment of runs, one for each name."""

    __slots__ = ("_field", "_kind")

    def __init__(self, field: str, kind: RunValueKind) -> None:
        self._field = field
        self._kind: RunValueKind = kind

    def __getitem__(self, name: str) -> RunValueColumn:
        if not isinstance(name, str):
            msg = f"The {self._field} of runs have texts for names, not {name!r:.100}"
            raise QueryError(msg)
        check_storable(f"A name of the {self._field} of runs", name)
        return RunValueColumn(RunField(self._kind, name), f"{self._field}[{name!r}]")

    def __repr__(self) -> str:
        return f"<columns of the {self._field} of runs>"


class RunColumns:
    """The columns of runs, named like the fields of `Run`."""

    __slots__ = ()

    node_id: ClassVar[Property] = Property("runs", "node_id", "node_id", UUID)
    node_parent_id: ClassVar[Property] = Property("runs", "node_parent_id", "parent_id", UUID)
    status: ClassVar[Property] = Property("runs", "status", "run_status", str)
    started_at: ClassVar[Property] = Property("runs", "started_at", "run_started_at", datetime)
    ended_at: ClassVar[Property] = Property("runs", "ended_at", "run_ended_at", datetime)
    error_type: ClassVar[Property] = Property("runs", "error_type", "run_error_type", str)

    name: ClassVar[RunValueColumn] = RunValueColumn(RunField("name"), "name")
    tags: ClassVar[RunValues] = RunValues("tags", "tag")
    parameters: ClassVar[RunValues] = RunValues("parameters", "parameter")
    environment: ClassVar[RunValues] = RunValues("environment", "environment")

    def __repr__(self) -> str:
        return "<columns of Run>"


class NodeColumns:
    """The columns of nodes, named like the fields of `Node`."""

    __slots__ = ()

    node_id: ClassVar[Property] = Property("nodes", "node_id", "node_id", UUID)
    parent_id: ClassVar[Property] = Property("nodes", "parent_id", "parent_id", UUID)
    label: ClassVar[Property] = Property("nodes", "label", "label", str)
    model_name: ClassVar[Property] = Property("nodes", "model_name", "model_name", str)
    serializer: ClassVar[Property] = Property("nodes", "serializer", "serializer", str)

    def __repr__(self) -> str:
        return "<columns of Node>"


@dataclass(frozen=True, eq=False, slots=True, kw_only=True, repr=False)
class PropertySelect(Select[R]):
    """A query for rows that have properties instead of fields: runs, or nodes of any kind."""

    def order_by(self, *orders: RunOrder | Property | RunValueColumn) -> Self:
        """Order by properties. Properties of earlier calls take precedence.

        Results that are equal in all orders stay in the order in which they were made.
        """
        for order in orders:
            if not isinstance(order, (RunOrder, Property, RunValueColumn)):
                msg = f"{self._kind} is ordered by columns({self._kind}), c.x or c.x.desc() say, not by {order!r:.100}"
                raise QueryError(msg)
        made = tuple(order if isinstance(order, RunOrder) else order.asc() for order in orders)
        return replace(self, _orders=(*self._orders, *made))

    def _check(self, condition: Condition) -> None:
        if isinstance(condition, _conditions.OnField) and isinstance(condition.field, Field):
            msg = (
                f"This is a condition on {condition.field.model_name}; those on what is asked for are made of "
                f"columns({self._kind})"
            )
            raise QueryError(msg)

    def _order_key(self, order: RunOrder) -> OrderKey:
        column = order.column
        if isinstance(column, RunField) and column.kind != "name":
            key = key_of(column)
            return OrderKey([key], key, order.descending, partial(has_key, column), partial(read_run_keys, column))
        key = property_of("run_name" if isinstance(column, RunField) else column)
        return OrderKey(column_keys(key), key, order.descending, key.__eq__)
