"""What tests of maintenance do to a store beside the library: delete, tamper, look."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Executable, RowMapping, delete, exists, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import current_database, get_engine, read, write
from artigraph.orm import blob_table, node_table
from artigraph.storage import Storage, get_storage_by_name
from artigraph.storage.file import FileSystem

NOW = timedelta()
FOREIGN_KEYS = {
    "sqlite": ("PRAGMA foreign_keys=OFF", "PRAGMA foreign_keys=ON"),
    "postgresql": ("SET session_replication_role = replica", "SET session_replication_role = DEFAULT"),
    "mysql": ("SET foreign_key_checks=0", "SET foreign_key_checks=1"),
    "mariadb": ("SET foreign_key_checks=0", "SET foreign_key_checks=1"),
}
"""How each database is told to let references break, and to mind them again."""


async def delete_artifact(node_id: UUID, *, objects: bool = True) -> None:
    """Delete an artifact: its nodes and, with `objects`, in the same transaction the rows of objects of it alone."""

    async def work(connection: AsyncConnection) -> list[tuple[str, str]]:
        nodes = node_table.c.tree_root_id == node_id
        rows = await connection.execute(
            select(node_table.c.node_id, node_table.c.blob_id).where(nodes).order_by(node_table.c.position.desc())
        )
        found = rows.all()
        for row in found:  # children first: some databases check each row as it goes
            await connection.execute(delete(node_table).where(node_table.c.node_id == row.node_id))
        gone: list[tuple[str, str]] = []
        for blob_id in sorted({row.blob_id for row in found if row.blob_id is not None}) if objects else ():
            blob = (await connection.execute(select(blob_table).where(blob_table.c.blob_id == blob_id))).first()
            unused = ~exists().where(node_table.c.blob_id == blob_table.c.blob_id)
            result = await connection.execute(delete(blob_table).where(blob_table.c.blob_id == blob_id, unused))
            if blob is not None and result.rowcount == 1:
                gone.append((blob.storage, blob.location))
        return gone

    for storage, location in await write(work):
        await get_storage_by_name(storage).delete(location)


async def tamper(*statements: Executable) -> None:
    """Change rows as no part of the library would, without the database's guard over references."""
    off, on = FOREIGN_KEYS[(await current_database()).dialect]
    async with get_engine().connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(text(off))
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.execute(text(on))


async def rows(table: Any) -> Sequence[RowMapping]:
    async def work(connection: AsyncConnection) -> Sequence[RowMapping]:
        return (await connection.execute(select(table))).mappings().all()

    return await read(work)


async def locations() -> set[str]:
    """The locations of objects that have a row."""
    return {row["location"] for row in await rows(blob_table) if row["size"] >= 0}


async def tombstones() -> set[str]:
    return {row["location"] for row in await rows(blob_table) if row["size"] < 0}


async def orphan(storage: Storage, data: bytes = b"left behind", *, key: str = "ab/orphan") -> str:
    """Put an object that no row stands for, as a killed save leaves it."""
    return await storage.create(data, key=f"{(await current_database()).store_id.hex}/{key}")


def make_older(storage: FileSystem, location: str, age: timedelta) -> None:
    then = time.time() - age.total_seconds()
    os.utime(storage.directory / location, (then, then))


def files(storage: FileSystem) -> dict[str, bytes]:
    """The objects of a folder, by their locations."""
    found = {path.relative_to(storage.directory).as_posix(): path for path in storage.directory.rglob("*")}
    return {
        location: path.read_bytes() for location, path in found.items() if path.is_file() and "partial" not in location
    }
