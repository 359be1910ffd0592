"""Documents: frozen dataclasses that are also JSON. And cursors: where a page of them ends, as a text."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import Any, ClassVar, Generic, Literal, TypeVar
from uuid import UUID

from artigraph.errors import InvalidCursorError, QueryError
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
    cls: Any = type(record)  # mypy takes the hash of an instance for that of the class
    return {name: _as_json(getattr(record, name)) for name in _names(cls)}


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


# Cursors --------------------------------------------------------------------------------------------------------------


Kind = Literal["runs", "artifacts", "versions"]
_MARKS: dict[Kind, bytes] = {"runs": b"1r", "artifacts": b"1a", "versions": b"1v"}
"""The first bytes of a cursor: its format, and the pages that it belongs to. The id of the last item follows."""
_TEXT = re.compile(r"[A-Za-z0-9_-]{24}")
MOST_ITEMS = 1_000
"""The most items of a page."""


def cursor_after(kind: Kind, node_id: UUID) -> str:
    """Return the cursor of the page after an item."""
    return urlsafe_b64encode(_MARKS[kind] + node_id.bytes).decode("ascii")


def last_of(kind: Kind, cursor: str | None) -> UUID | None:
    """Return the id of the last item of the page before; None if there is no such page.

    Raises:
        InvalidCursorError: the text is no cursor, or is one of another kind of pages.
    """
    if cursor is None:
        return None
    if isinstance(cursor, str) and _TEXT.fullmatch(cursor):
        data = urlsafe_b64decode(cursor)
        if data.startswith(_MARKS[kind]):
            return UUID(bytes=data[2:])
        if data[:2] in _MARKS.values():
            msg = f"{cursor!r} is a cursor of other pages, not of {kind}. Pass it to the function that returned it"
            raise InvalidCursorError(msg)
    msg = f"{cursor!r:.100} is no cursor of {kind}. Pass the `next` of a page unchanged, or None for the first page"
    raise InvalidCursorError(msg)


def check_limit(limit: object, most: int = MOST_ITEMS) -> int:
    """Return the number of items of a page.

    Raises:
        QueryError: it is no whole number from 1 to `most`.
    """
    if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= most:
        msg = f"limit is the number of items of a page, from 1 to {most:,}, not {limit!r:.100}"
        raise QueryError(msg)
    return limit
