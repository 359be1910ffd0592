"""Which values stand in a row, and where the others go."""

from __future__ import annotations

from artigraph.db import Database, current_placement
from artigraph.errors import ValueTooLargeError
from artigraph.graph.storages import default_storage
from artigraph.graph.tree import PendingValue
from artigraph.orm import INLINE_LIMIT
from artigraph.storage import Storage

__all__ = ["storage_for", "storage_for_stream"]

_CHEAP = {"sqlite": 64 * 1024, "postgresql": 64 * 1024, "mysql": 16 * 1024, "mariadb": 16 * 1024}
"""The bytes up to which a value is cheaper in a row than in a storage (docs/design/saving.md)."""


def storage_for(value: PendingValue, size: int, database: Database) -> Storage | None:
    """Return the storage that an encoded value goes into, or None if it stands in its row.

    That is the storage of its field, if there is one. Otherwise a value that outgrows the limit of rows goes into its
    model's storage for large values, else the engine's.

    Raises:
        ValueTooLargeError: it outgrows the limit, and there is no storage for it.
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
    """Return the storage for a value whose size is known only when it has been put.

    Raises:
        ValueTooLargeError: there is none.
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
