"""Inserting many rows: what SQLAlchemy does for each row and value is done once for all of them, or left out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from operator import itemgetter
from typing import Any, NamedTuple, cast
from uuid import UUID
from weakref import WeakKeyDictionary

from sqlalchemy import Dialect, Table, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.orm.types import Id

__all__ = ["insert_rows"]

_PART = 2000
"""Rows that are sent at once; the event loop gets its turn between."""


class _Insert(NamedTuple):
    """An INSERT as a driver takes it."""

    statement: str
    parameters: Callable[[Sequence[Mapping[str, Any]]], list[Any]]
    """Turns rows into parameters."""


async def insert_rows(connection: AsyncConnection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all have the same keys, the names of columns; ids are their 16 bytes, other values as they are.

    The statement is SQLAlchemy's, made once for a dialect, and so are its errors, events and transaction. The
    parameters go to the driver as they are: what the types of the columns would do to each value is not needed.
    """
    statement, parameters = _insert(connection.dialect, table, tuple(rows[0]))
    for start in range(0, len(rows), _PART):
        if start:
            await asyncio.sleep(0)
        await connection.exec_driver_sql(statement, parameters(rows[start : start + _PART]))


_made: WeakKeyDictionary[Dialect, dict[tuple[Table, tuple[str, ...]], _Insert]] = WeakKeyDictionary()


def _insert(dialect: Dialect, table: Table, columns: tuple[str, ...]) -> _Insert:
    made = _made.setdefault(dialect, {})
    known = made.get((table, columns))
    if known is None:
        known = made[table, columns] = _make(dialect, table, columns)
    return known


def _make(dialect: Dialect, table: Table, columns: tuple[str, ...]) -> _Insert:
    compiled: Any = insert(table).compile(dialect=dialect, column_keys=list(columns))
    names: tuple[str, ...] = tuple(compiled.positiontup) if compiled.positional else columns
    positional = bool(compiled.positional)  # what is kept must not keep `compiled`, and its dialect with it
    getter: Any = itemgetter
    take: Callable[[Mapping[str, Any]], tuple[Any, ...]] = getter(*names)
    ids = [names.index(name) for name in names if isinstance(table.c[name].type, Id)]
    make_id = _maker_of_ids(dialect)

    def parameters(rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        values = list(map(take, rows))
        if make_id is not None:
            values = [_with_ids(value, ids, make_id) for value in values]
        return values if positional else [dict(zip(names, value, strict=True)) for value in values]

    return _Insert(str(compiled), parameters)


def _with_ids(values: tuple[Any, ...], ids: Sequence[int], make_id: Callable[[bytes], Any]) -> tuple[Any, ...]:
    made = list(values)
    for index in ids:
        value = made[index]
        if value is not None:
            made[index] = make_id(value)
    return tuple(made)


def _maker_of_ids(dialect: Dialect) -> Callable[[bytes], Any] | None:
    """Return what makes an id of its bytes for a driver; None where the bytes are what it takes."""
    if dialect.name != "postgresql":
        return None
    if dialect.driver == "asyncpg":
        driver: Any = import_module("asyncpg.pgproto.pgproto")  # it encodes its own ids in C
        return cast("Callable[[bytes], Any]", driver.UUID)
    return lambda value: UUID(bytes=value)
