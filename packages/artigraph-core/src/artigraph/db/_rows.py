"""Rows as the driver has them: without an object, and a call for each value, that most readers do not need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Executable
from sqlalchemy.ext.asyncio import AsyncConnection

__all__ = ["Row", "fetch_rows", "id_of"]

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
