"""Documents: frozen dataclasses that are also JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

from artigraph.serializer.preview import Preview
from artigraph.view._spelling import moment_text, spelled

T = TypeVar("T", bound="Record")


@dataclass(frozen=True, slots=True)
class Record:
    """A part of a document."""


@dataclass(frozen=True, slots=True)
class Document(Record):
    """What a function of `artigraph.view` returns."""

    schema: ClassVar[str]
    """The name and version of its JSON Schema, which `json_schema` returns: "artigraph.run/1"."""

    def to_dict(self) -> dict[str, Any]:
        """Return the document as JSON values: `schema`, `data`, and `next`, the cursor of the next page or None."""
        return {"schema": self.schema, "data": self._data(), "next": self._next()}

    def _data(self) -> Any:
        data = record_as_json(self)
        data.pop("next", None)
        return data

    def _next(self) -> str | None:
        return None


@dataclass(frozen=True, slots=True)
class Page(Document, Generic[T]):
    """A page of items."""

    items: tuple[T, ...]
    next: str | None
    """The cursor of the next page, for `after`. None on the last page."""

    def _data(self) -> Any:
        return [record_as_json(item) for item in self.items]

    def _next(self) -> str | None:
        return self.next


def record_as_json(record: Record) -> dict[str, Any]:
    """Return the fields of a part of a document as JSON values."""
    return {name: _as_json(getattr(record, name)) for name in _names(type(record))}


@cache
def _names(cls: type[Record]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(cls))


def _as_json(value: object) -> Any:
    held: Any = value
    convert = _CONVERT.get(type(value))
    if convert is not None:
        return convert(held)
    match value:
        case Record():
            return record_as_json(value)
        case Preview():
            return value.to_dict()
        case UUID():  # PostgreSQL's driver has a class of its own
            return str(value)
        case tuple():
            return [_as_json(item) for item in held]
        case _:
            return spelled(value)


def _unchanged(value: Any) -> Any:
    return value


def _mapping(value: Mapping[Any, Any]) -> Any:
    return spelled(value) if value else {}


_CONVERT: Mapping[type, Callable[[Any], Any]] = {
    type(None): _unchanged,
    bool: _unchanged,
    str: spelled,
    int: spelled,
    float: spelled,
    UUID: str,
    datetime: moment_text,
    dict: _mapping,
    MappingProxyType: _mapping,
}
"""How the values of most fields are written, by their exact type: a page has hundreds of them."""
