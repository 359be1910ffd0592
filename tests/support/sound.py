"""Looking at tables and storages by hand: whether rows and objects belong together."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from artigraph.db import read
from artigraph.orm import blob_table, node_table

__all__ = ["Found", "assert_sound", "count", "look"]


@dataclass(frozen=True)
class Found:
    """Rows and objects that do not match."""

    blobs: int
    """Rows of objects."""
    dangling: tuple[str, ...]
    """Locations that rows name, without such an object."""
    unused: tuple[str, ...]
    """Locations of rows that no node refers to."""
    orphans: tuple[str, ...]
    """Locations of objects that no row names."""


async def look(stored: Mapping[str, bytes]) -> Found:
    """Compare the rows of the database in force with what is stored."""
    objects = select(blob_table).where(blob_table.c.size >= 0)
    rows = (await read(lambda connection: connection.execute(objects))).all()
    statement = select(node_table.c.blob_id).where(node_table.c.blob_id.is_not(None)).distinct()
    used = set((await read(lambda connection: connection.execute(statement))).scalars())
    named = {row.location for row in rows}
    return Found(
        len(rows),
        tuple(row.location for row in rows if not _is_there(row, stored)),
        tuple(row.location for row in rows if row.blob_id not in used),
        tuple(location for location in stored if location not in named),
    )


def _is_there(row: Any, stored: Mapping[str, bytes]) -> bool:
    data = stored.get(row.location)
    return data is not None and (len(data), hashlib.sha256(data).digest()) == (row.size, bytes(row.sha256))


async def assert_sound(stored: Mapping[str, bytes], *, blobs: int) -> None:
    """Assert that there are as many objects, each with a row that is used, and nothing else."""
    assert await look(stored) == Found(blobs, (), (), ())


async def count(table: Any) -> int:
    """Count the rows of a table."""
    return await read(lambda connection: connection.scalar(select(func.count()).select_from(table))) or 0
