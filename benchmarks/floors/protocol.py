"""The floor of a save with objects: the statements of docs/design/saving.md by SQLAlchemy Core, and a bare put."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select

from artigraph.db import DialectName, insert_missing, share_lock, utc_now
from artigraph.identifiers import new_id
from artigraph.orm import blob_table
from benchmarks.floors.core import CoreFloor
from benchmarks.rows import Rows, insert_nodes

__all__ = ["put_file", "save_with_objects"]

_look = (
    select(blob_table.c.blob_id, blob_table.c.location, blob_table.c.sha256, blob_table.c.size)
    .where(
        blob_table.c.storage == bindparam("storage"),
        blob_table.c.sha256.in_(bindparam("hashes", expanding=True)),
    )
    .order_by(blob_table.c.sha256)
)


async def save_with_objects(
    core: CoreFloor,
    dialect: DialectName,
    folder: Path,
    storage: str,
    rows: Rows,
    objects: Mapping[int, bytes],
) -> None:
    """Save rows by the protocol: look up blob rows, put objects, lock the blob rows, insert nodes.

    Some rows, by their number, have objects.
    """
    hashes = {number: hashlib.sha256(data).digest() for number, data in objects.items()}
    parameters = {"storage": storage, "hashes": sorted(hashes.values())}
    known = {row.sha256 for row in await core.select(_look, parameters)}
    missing = {number: digest for number, digest in hashes.items() if digest not in known}
    names = {number: new_id().hex for number in missing}
    for number in missing:
        await asyncio.to_thread(put_file, folder, names[number], objects[number])
    async with core.writer.begin() as connection:
        if missing:
            statement = insert_missing(blob_table, dialect).values(created_at=utc_now())
            await connection.execute(
                statement,
                [
                    {
                        "blob_id": new_id(),
                        "storage": storage,
                        "location": names[number],
                        "size": len(objects[number]),
                        "sha256": digest,
                        "chunk_sha256": None,
                    }
                    for number, digest in sorted(missing.items(), key=lambda item: item[1])
                ],
            )
        held: dict[Any, UUID] = {
            row.sha256: row.blob_id for row in await connection.execute(share_lock(_look, dialect), parameters)
        }
        for number, digest in hashes.items():
            rows[number]["blob_id"] = held[digest]
        await connection.execute(insert_nodes, rows)


def put_file(folder: Path, name: str, *parts: Any) -> None:
    """Write a file atomically, even if the power fails: first the bytes, then the name."""
    partial = folder / f"{name}.partial"
    with partial.open("wb") as file:
        for part in parts:
            file.write(part)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(folder / name)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
