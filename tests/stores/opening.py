"""Stores of former releases, restored and in force."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

from artigraph.storage import base
from tests.stores.dumps import STORES, restore, restore_objects

__all__ = ["VERSIONS", "known", "restored"]

VERSIONS = sorted(path.name for path in STORES.iterdir())
"""The schema versions that there are stores of."""


@asynccontextmanager
async def restored(
    version: str, database: str, url: str, folder: Path
) -> AsyncGenerator[tuple[Any, Mapping[str, Any]]]:
    """Restore a store into an empty database and a folder; yield the module that knows what is in it, and its index.

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
