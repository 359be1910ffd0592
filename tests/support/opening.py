"""Stores of former releases, restored and in force."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from artigraph.db import read
from artigraph.orm import node_table
from artigraph.storage import base
from tests.support.dumps import STORES, restore, restore_objects

__all__ = ["VERSIONS", "check_places", "known", "restored"]

VERSIONS = sorted(path.name for path in STORES.iterdir())
"""The schema versions that there are stores of."""


@asynccontextmanager
async def restored(
    version: str, database: str, url: str, folder: Path
) -> AsyncGenerator[tuple[Any, Mapping[str, Any]]]:
    """Restore a store into an empty database and a folder. Yield the module with its content, and its index.

    Its storage is known by its name within the block.
    """
    release: Any = import_module(f"tests.stores.release_{version}")
    kept = STORES / version / database
    index = await restore(kept, url)
    storage = restore_objects(kept, folder / "objects", release.STORAGE)
    with known(storage):
        yield release, index


def known(storage: Any) -> Any:
    """Make a storage known by its name within a block, whatever else has the name outside."""
    registry: Any = vars(base)["_storages"]
    return patch.dict(vars(registry)["_items"], {storage.name: storage})


async def check_places() -> None:
    """Check that artifacts, and no other models, are versions of their labels."""

    async def work(connection: AsyncConnection) -> list[Any]:
        columns = (node_table.c.node_id, node_table.c.tree_root_id, node_table.c.search_key)
        return list(await connection.execute(select(*columns).where(node_table.c.node_type == "model")))

    found = await read(work)
    assert found
    for node_id, tree_root_id, search_key in found:
        assert search_key == (node_id.bytes if node_id == tree_root_id else None)
