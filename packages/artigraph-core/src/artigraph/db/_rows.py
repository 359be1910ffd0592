"""Rows as the driver has them: without an object, and a call for each value, that most readers do not need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar, cast
from uuid import UUID

from sqlalchemy import Executable
from sqlalchemy.ext.asyncio import AsyncConnection

__all__ = ["Row", "chunks", "fetch_rows", "id_of"]

T = TypeVar("T")

_CHUNK = 1000
"""Items of one IN list; asyncpg takes 32,767 parameters, SQLite an expression of depth 1,000."""

Row = Sequence[Any]
"""A tuple, or what the driver has for one: it is indexed, sliced and unpacked."""


async def fetch_rows(connection: AsyncConnection, statement: Executable, parameters: Mapping[str, Any]) -> list[Row]:
    """Execute a select and return all of its rows as the driver made them.

    Integers, text and bytes are what they are; an `Id` is for `id_of`. The conversions of SQLAlchemy's types are not
    done, and no `Row` is made: for a tree of 10,000 nodes that is half of the time, and most of what the garbage
    collector would have to go through.
    """
    result = await connection.execute(statement, parameters)
    rows = cast("list[Row]", cast("Any", result).cursor.fetchall())
    result.close()
    return rows


def id_of(value: UUID | bytes) -> UUID:
    """Return the id that a driver gave as a UUID, on PostgreSQL, or as its 16 bytes."""
    return value if isinstance(value, UUID) else UUID(bytes=bytes(value))


def chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Cut a sequence into parts that an IN list takes; no part is empty."""
    for start in range(0, len(items), _CHUNK):
        yield items[start : start + _CHUNK]
