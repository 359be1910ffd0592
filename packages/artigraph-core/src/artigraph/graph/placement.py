"""Which values are stored in their row, and which storage takes the others."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from artigraph.db import Database, current_database, current_placement
from artigraph.errors import MissingDependencyError, UnknownStorageError, ValueTooLargeError
from artigraph.graph._tree import PendingValue
from artigraph.orm import INLINE_LIMIT
from artigraph.storage import Storage, get_storage_by_name

EMBEDDED_STORAGE = "artigraph-embedded"
"""The permanent name of the object folder beside an embedded database, wherever that folder is."""

OBJECTS = "objects"
"""The folder's name on disk."""
_ELSEWHERE = (
    f"An object is in the storage {EMBEDDED_STORAGE!r}: the folder {OBJECTS!r} beside the SQLite file of an embedded "
    "store. This database is no SQLite file in a folder '.artigraph', so that folder is not known. Put the file and "
    f"its {OBJECTS!r} into a folder of that name, or register the folder where it is: "
    f"FileSystem(path, name={EMBEDDED_STORAGE!r}).register()."
)

_embedded: dict[Path, Storage] = {}


def default_storage(database: Database) -> Storage | None:
    """Return the storage for values that have none of their own and are too large for the database.

    That is the storage that was set with the engine. Without one, it is the object folder of the embedded database, if
    artigraph-storage-fs is installed.
    """
    return current_placement().large_value_storage or embedded_storage(database)


def embedded_storage(database: Database) -> Storage | None:
    """Return the object folder of an embedded database. None without one, or without artigraph-storage-fs."""
    if database.folder is None:
        return None
    storage = _embedded.get(database.folder)
    if storage is None and _has_file_storage():
        module = import_module("artigraph.storage.file")
        storage = module.FileSystem(database.folder / OBJECTS, name=EMBEDDED_STORAGE)
        _embedded[database.folder] = storage
    return storage


async def storage_by_name(name: str) -> Storage:
    """Return the storage that a row names.

    Raises:
        UnknownStorageError: no storage of this name is registered or installed.
        MissingDependencyError: it is the folder of an embedded store, and artigraph-storage-fs is not installed.
    """
    if name != EMBEDDED_STORAGE:
        return get_storage_by_name(name)
    database = await current_database()
    embedded = embedded_storage(database)
    if embedded is not None:
        return embedded
    try:
        return get_storage_by_name(name)
    except UnknownStorageError as error:
        if database.folder is not None:
            msg = (
                f"The objects of this store are in {str(database.folder / OBJECTS)!r}, and the storage for folders is "
                "not installed: pip install artigraph-storage-fs"
            )
            raise MissingDependencyError(msg) from error
        raise UnknownStorageError(_ELSEWHERE) from error


def _has_file_storage() -> bool:
    return find_spec("artigraph.storage.file") is not None


_CHEAP = {"sqlite": 64 * 1024, "postgresql": 64 * 1024, "mysql": 16 * 1024, "mariadb": 16 * 1024}
"""The size in bytes up to which a value is cheaper in a row than in a storage (docs/design/large-values.md)."""


def storage_for(value: PendingValue, size: int, database: Database) -> Storage | None:
    """Return the storage for an encoded value, or None if it is stored in its row.

    The storage of its field comes first. Without one, a value above the limit of rows goes into its model's storage for
    large values, or else into the engine's.

    Raises:
        ValueTooLargeError: the value is above the limit, and has no storage.
    """
    if value.storage is not None:
        return value.storage
    storage = value.overflow or default_storage(database)
    limit = current_placement().inline_limit
    if limit is None:
        limit = INLINE_LIMIT if storage is None else _CHEAP[database.dialect]
    if size <= limit:
        return None
    if storage is not None:
        return storage
    why = f"takes {size:,} bytes; in the database a value takes at most {limit:,}"
    raise ValueTooLargeError(_message(value, why))


def storage_for_stream(value: PendingValue, database: Database) -> Storage:
    """Return the storage for a value whose size is known only after it was put.

    Raises:
        ValueTooLargeError: the value has no storage.
    """
    storage = value.storage or value.overflow or default_storage(database)
    if storage is None:
        raise ValueTooLargeError(_message(value, "may take more bytes than a row"))
    return storage


def _message(value: PendingValue, why: str) -> str:
    row = value.row
    owner = "" if row["model_name"] is None else f" of model {row['model_name']}"
    return (
        f"The value of {row['label']!r}{owner} {why}. Name a storage: for its field (artifact_field(storage=...)), for "
        "the large values of its model (ArtifactModelConfig(large_value_storage=...)) or of all models "
        "(set_engine(url, large_value_storage=...))."
    )
