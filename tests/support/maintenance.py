"""Helpers that work on a store without the library: delete, tamper, look."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Executable, RowMapping, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

import artigraph
from artigraph.db import current_database, get_engine, read, session_context
from artigraph.errors import RetryableError
from artigraph.orm import blob_table
from artigraph.registry import Registry
from artigraph.serializer import base as serializers
from artigraph.storage import Storage, base
from artigraph.storage.file import FileSystem

NOW = timedelta()
FOREIGN_KEYS = {
    "sqlite": ("PRAGMA foreign_keys=OFF", "PRAGMA foreign_keys=ON"),
    "postgresql": ("SET session_replication_role = replica", "SET session_replication_role = DEFAULT"),
    "mysql": ("SET foreign_key_checks=0", "SET foreign_key_checks=1"),
    "mariadb": ("SET foreign_key_checks=0", "SET foreign_key_checks=1"),
}
"""The statements that switch the checks of references off and on, by database."""


async def delete_artifact(node_id: UUID, *, objects: bool = True) -> None:
    """Delete an artifact, with `objects` at once, else as in a session: what it alone referred to is left to gc."""
    if objects:
        await artigraph.delete(node_id)
        return
    while True:
        try:
            async with session_context():
                await artigraph.delete(node_id)
        except RetryableError:  # in a session it is the caller who tries again
            continue
        return


async def tamper(*statements: Executable) -> None:
    """Change rows without the library and without the database's checks of references."""
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


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """gc looks at every storage that is registered: here at those of the test."""
    registry: Registry[Storage] = base._storages
    monkeypatch.setattr(registry, "_items", {})
    for known in (registry, serializers._serializers):
        monkeypatch.setattr(known, "_sources", [])
