"""What the rows of a table consist of: fields of artifacts, and properties of their runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from artigraph.errors import QueryError
from artigraph.graph.run_rows import CACHE, CACHED_FROM, AnyKind
from artigraph.identifiers import check_label
from artigraph.model.definition import is_model
from artigraph.query._conditions import Field
from artigraph.query._properties import Property, RunValueColumn
from artigraph.query.columns import Column
from artigraph.run.values import FIELDS, KINDS
from artigraph.table import TableColumn

RunProperty = str | Property | RunValueColumn
"""A property of a run as it is asked for: `name`, `parameters.rate`, or a column of `Run`."""

_SMALL: tuple[type[Any], ...] = (bool, int, float, Decimal, datetime, date, time, timedelta, UUID, Enum)
"""Types whose values are small, and neither models nor containers of nodes."""
_PROPERTIES: Mapping[str, tuple[str | tuple[AnyKind, str], type[Any]]] = {
    "node_parent_id": ("parent_id", UUID),
    "status": ("status", str),
    "started_at": ("started_at", datetime),
    "ended_at": ("ended_at", datetime),
    "error_type": ("error_type", str),
    "cached_from": ((CACHE, CACHED_FROM), UUID),
    "name": ("name", str),
}
"""The attribute of a `RunRow` that holds each property, or the kind and name of its row, and its type."""
DEFAULT_PROPERTIES = ("name", "status", "started_at", "ended_at", "error_type")
"""The columns of a table of runs for which none were named."""


@dataclass(frozen=True, slots=True)
class ChosenField:
    """A field that is a column of a table."""

    name: str
    field: Field
    types: frozenset[type[Any]]
    """The types that the annotation allows. `object` stands for any."""

    @property
    def is_small(self) -> bool:
        """Whether its values are in their rows, if the field names no storage and the class did not change."""
        return all(issubclass(cls, _SMALL) for cls in self.types)

    @property
    def may_be_key(self) -> bool:
        """Whether the last step of its path may be a key of a plain dict, which is one value."""
        return len(self.field.path) > 1 and (self.field.items > 0 or isinstance(self.field.model, str))

    @property
    def column(self) -> TableColumn:
        """The column of the table."""
        is_known = object not in self.types and not isinstance(self.field.model, str)
        return TableColumn(self.name, self.types if is_known else frozenset[type[Any]]())


@dataclass(frozen=True, slots=True)
class ChosenProperty:
    """A property of a run that is a column of a table."""

    name: str
    source: str | tuple[AnyKind, str]
    """An attribute of a `RunRow`, or the kind and the name of a value of the run."""
    of_type: type[Any] | None
    """Its type; None if the run decides."""

    @property
    def column(self) -> TableColumn:
        """The column of the table."""
        return TableColumn(self.name, frozenset[type[Any]]({self.of_type} if self.of_type is not None else ()))


def chosen_field(column: object, kind: str) -> ChosenField:
    """Return a column of a model as a column of a table.

    Raises:
        QueryError: it is no column of a model, or holds models alone.
    """
    if not isinstance(column, Column):
        msg = f"A table takes columns({kind}), such as c.accuracy, not {column!r:.100}"
        raise QueryError(msg)
    field, types = column.__artigraph_field__()
    if types and all(map(is_model, types)):
        msg = f"{field.text} is a model, and no value of a row. Name one of its fields: c.{field.text}.x"
        raise QueryError(msg)
    return ChosenField(field.text, field, frozenset(types))


def chosen_property(given: RunProperty, prefix: str = "") -> ChosenProperty:
    """Return a property of a run as a column of a table.

    Raises:
        QueryError: runs have no such property.
    """
    if isinstance(given, RunValueColumn):
        field = given.__artigraph_field__()
        return chosen_property("name" if field.kind == "name" else f"{FIELDS[field.kind]}.{field.name}", prefix)
    name = given.__artigraph_field__() if isinstance(given, Property) else given
    if not isinstance(name, str):
        msg = f"A property of a run is a text, such as 'name' or 'parameters.rate', not {name!r:.100}"
        raise QueryError(msg)
    if name in _PROPERTIES:
        return ChosenProperty(prefix + name, *_PROPERTIES[name])
    kind, dot, key = name.partition(".")
    if kind not in KINDS or not dot:
        known = ", ".join((*_PROPERTIES, *(f"{each}.KEY" for each in KINDS)))
        msg = f"Runs have no property {name!r:.100}; they have {known}"
        raise QueryError(msg)
    key = check_label(key, f"A name of the {kind} of runs")
    return ChosenProperty(prefix + name, (KINDS[kind], key), str if kind == "tags" else None)


def check_names(columns: Iterable[TableColumn]) -> Sequence[TableColumn]:
    """Return columns whose names are different.

    Raises:
        QueryError: two have the same name.
    """
    found: dict[str, TableColumn] = {}
    for column in columns:
        if column.name in found:
            msg = f"A table has one column {column.name!r}, and this one would have two"
            raise QueryError(msg)
        found[column.name] = column
    return list(found.values())
