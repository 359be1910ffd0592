"""Documents: frozen dataclasses that are also JSON."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
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
    return {field.name: _as_json(getattr(record, field.name)) for field in fields(record)}


def _as_json(value: object) -> Any:
    held: Any = value
    match value:
        case Record():
            return record_as_json(value)
        case Preview():
            return value.to_dict()
        case UUID():
            return str(value)
        case datetime():
            return moment_text(value)
        case tuple():
            return [_as_json(item) for item in held]
        case _:
            return spelled(value)
