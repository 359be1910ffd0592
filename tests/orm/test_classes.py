"""The mapped classes declare each column as its table does, because type checkers and readers rely on them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, get_args, get_origin, get_type_hints
from uuid import UUID

import pytest
from sqlalchemy import Column, SmallInteger
from sqlalchemy.orm import Mapped

from artigraph.orm import Base, version_table
from artigraph.orm.metadata import metadata
from artigraph.orm.types import Bytes, Id, ShortBytes, Text, UtcDateTime, Whole

PYTHON: dict[type[Any], type[Any]] = {
    Id: UUID,
    Text: str,
    Bytes: bytes,
    ShortBytes: bytes,
    UtcDateTime: datetime,
    Whole: int,
    SmallInteger: int,
}
MAPPED: list[type[Any]] = Base.__subclasses__()


@pytest.mark.parametrize("cls", MAPPED)
def test_a_class_says_what_its_table_does(cls: type[Any]) -> None:
    hints = get_type_hints(cls)
    own = {name: hints[name] for name in vars(cls)["__annotations__"]}
    said = {name: get_args(hint)[0] for name, hint in own.items() if get_origin(hint) is Mapped}
    columns = {column.key: python_type(column) for column in cls.__table__.columns}
    assert said == columns
    assert list(said) == list(columns)


def python_type(column: Column[Any]) -> Any:
    found = PYTHON[type(column.type)]
    return found | None if column.nullable else found


def test_every_table_has_a_class_but_for_alembics() -> None:
    assert {cls.__table__.name for cls in MAPPED} == set(metadata.tables) - {version_table.name}
    assert Base.metadata is metadata
