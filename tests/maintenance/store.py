"""What tests of maintenance do to a store beside the library: delete, tamper, look."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Executable, RowMapping, delete, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import current_database, get_engine, read, write
from artigraph.graph import UnusedBlob, delete_blob
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
    """Delete an artifact: its nodes and, with `objects`, what nothing else refers to of its objects."""

    async def work(connection: AsyncConnection) -> list[tuple[UnusedBlob, str]]:
        nodes = node_table.c.tree_root_id == node_id
        found = await connection.execute(
            select(node_table.c.node_id, node_table.c.blob_id).where(nodes).order_by(node_table.c.position.desc())
        )
        nodes_and_blobs = found.all()
        for row in nodes_and_blobs:  # children first: some databases check each row as it goes
            await connection.execute(delete(node_table).where(node_table.c.node_id == row.node_id))
        ids = {row.blob_id for row in nodes_and_blobs if row.blob_id is not None}
        columns = [blob_table.c[name] for name in UnusedBlob._fields]
        blobs = await connection.execute(select(*columns, blob_table.c.storage).where(blob_table.c.blob_id.in_(ids)))
        return [(UnusedBlob(row.blob_id, row.location, row.size, row.created_at), row.storage) for row in blobs]

    for blob, storage in await write(work):
        if objects and await delete_blob(blob):
            await get_storage_by_name(storage).delete(blob.location)


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
