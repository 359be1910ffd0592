"""Which storage a value goes into that no field names one for, and which one a stored name means."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import cast

from artigraph.db import Database, current_database, current_placement
from artigraph.storage import Storage, get_storage_by_name

__all__ = ["default_storage", "embedded_storage", "storage_by_name"]

EMBEDDED_STORAGE = "artigraph-embedded"
"""The permanent name of the object folder beside an embedded database, wherever that folder is."""

_embedded: dict[Path, Storage] = {}


def default_storage(database: Database) -> Storage | None:
    """Return the storage for values that have none of their own and are too large for the database.

    That is the one that was set with the engine, else the object folder of the embedded database where
    artigraph-storage-fs is installed.
    """
    return current_placement().large_value_storage or embedded_storage(database)


def embedded_storage(database: Database) -> Storage | None:
    """Return the object folder of the embedded database, where it and artigraph-storage-fs are in use."""
    if database.folder is None:
        return None
    storage = _embedded.get(database.folder)
    if storage is None and find_spec("artigraph.storage.file") is not None:
        module = import_module("artigraph.storage.file")
        storage = cast("Storage", module.FileSystem(database.folder / "objects", name=EMBEDDED_STORAGE))
        _embedded[database.folder] = storage
    return storage


async def storage_by_name(name: str) -> Storage:
    """Return the storage that a row names.

    Raises:
        UnknownStorageError: no storage of this name is registered or installed.
    """
    if name == EMBEDDED_STORAGE:
        embedded = embedded_storage(await current_database())
        if embedded is not None:
            return embedded
    return get_storage_by_name(name)
