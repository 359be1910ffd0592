"""The values of a column, and the kind of values that it holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from types import NoneType
from typing import Any, Literal, TypeGuard
from uuid import UUID

from artigraph.printable import bytes_text
from artigraph.serializer.codec import StoredEnum

Values = Sequence[Any]
"""The values of a column, one for each row. A row without the value has None."""

Kind = Literal[
    "bool", "int", "float", "text", "bytes", "decimal", "aware datetime", "naive datetime", "date", "time", "timedelta",
    "UUID", "path", "enum", "object", "list",
    "other",
]  # fmt: skip
"""The kinds of values. Each has one Arrow type, but `other`, which has none."""


@dataclass(frozen=True, slots=True)
class ObjectCell:
    """A value that only its serializer reads, such as a frame or an array. It is described here, and not loaded."""

    storage: str | None
    """The name of the storage that holds its bytes. None if they are in the database."""
    location: str | None
    """Where in the storage the bytes are, in the storage's own terms."""
    size: int
    """The size of the bytes."""
    sha256: bytes | None
    """The SHA-256 of the bytes (32 bytes). None if they are in the database."""

    def __str__(self) -> str:
        return f"<object of {bytes_text(self.size)} in {self.storage or 'the database'}>"


@dataclass(slots=True)
class TableColumn:
    """A column of a table: its name, and what it may hold."""

    name: str
    declared: frozenset[type[Any]] = frozenset()
    """The types that the annotation allows, without None. Empty if they are unknown."""
    kind: Kind | Literal["mixed"] | None = field(default=None, init=False)
    """The kind of all values. None if no row has one."""
    is_fixed: bool = field(default=False, init=False)
    """Whether the kind and the Arrow type stay, since a batch of rows was made already."""
    arrow_type: Any = field(default=None, init=False)
    """The Arrow type of the rows that were made. Before the first ones it is None."""


def kind_of(value: object) -> Kind:
    """Return the kind of a value that is not None."""
    if isinstance(value, datetime):
        return "naive datetime" if value.tzinfo is None else "aware datetime"
    if isinstance(value, time) and value.tzinfo is not None:
        return "other"
    if _is_sequence(value):
        return "list" if set(map(type, value)) <= _ITEMS else "other"
    return kind_of_type(type(value)) or "other"


def _is_sequence(value: object) -> TypeGuard[Sequence[object]]:
    return type(value) in (list, tuple)


def kind_of_type(cls: type[Any]) -> Kind | None:
    """Return the kind of the values of a class, or None if that depends on the value."""
    if cls in _KINDS:
        return _KINDS[cls]
    if issubclass(cls, UUID):  # asyncpg's ids are of a class of their own
        return "UUID"
    if issubclass(cls, PurePath):
        return "path"
    return "enum" if issubclass(cls, Enum) else None


def kinds_in(values: Values) -> dict[Kind, int]:
    """Return the kinds of values, each with the number of the first row that has it. None is left out."""
    kinds: dict[Kind, int] = {}
    by_value: set[type[Any]] = set()
    for cls in dict.fromkeys(map(type, values)):  # in the order of the rows, which an error names
        if cls is NoneType:
            continue
        kind = None if cls in (datetime, time) else kind_of_type(cls)
        if kind is None:
            by_value.add(cls)
        else:
            kinds.setdefault(kind, next(row for row, value in enumerate(values) if type(value) is cls))
    if by_value:
        for row, value in enumerate(values):
            if type(value) in by_value:
                kinds.setdefault(kind_of(value), row)
    return kinds


def text_of(value: Any) -> str | None:
    """Return a value as text, for a column of mixed values."""
    if value is None or type(value) is str:
        return value
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, (Enum, StoredEnum)):
        return member_of(value)
    if isinstance(value, (bool, int, float, Decimal, UUID, PurePath, ObjectCell)):
        return str(value)
    return repr(value)


def member_of(value: Enum | StoredEnum) -> str:
    """Return the name of a member of an enum; flags that are no member together are a number."""
    if isinstance(value, StoredEnum):
        return str(value.member)
    name: object = value.name
    return str(name if name in type(value).__members__ else value.value)


_KINDS: dict[type[Any], Kind] = {
    bool: "bool",
    int: "int",
    float: "float",
    str: "text",
    bytes: "bytes",
    Decimal: "decimal",
    date: "date",
    time: "time",
    timedelta: "timedelta",
    StoredEnum: "enum",
    ObjectCell: "object",
}
_ITEMS: frozenset[type[Any]] = frozenset({bool, int, float, str, NoneType})
"""The types of the items of a list that has an Arrow type."""
