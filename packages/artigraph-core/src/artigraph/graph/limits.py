"""How large a value may be that is kept in a row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from artigraph.db import Database
from artigraph.errors import ValueTooLargeError
from artigraph.graph.storages import default_storage
from artigraph.graph.tree import PendingObject

__all__ = ["INLINE_LIMIT", "spill"]

INLINE_LIMIT = 8 * 1024 * 1024
"""The most bytes of a value in a row: MariaDB drops a connection that sends a packet of 16 MiB."""
SPILL_LIMIT = {"sqlite": 64 * 1024, "postgresql": 64 * 1024, "mysql": 16 * 1024, "mariadb": 16 * 1024}
"""The bytes from which a value is cheaper in a storage, by database, where there is a default one (docs/design)."""


def spill(rows: Iterable[dict[str, Any]], database: Database) -> list[PendingObject]:
    """Move values that are too large for the database into its default storage; return the objects that they become.

    Raises:
        ValueTooLargeError: a value is too large, and there is no default storage.
    """
    storage = default_storage(database)
    limit = INLINE_LIMIT if storage is None else SPILL_LIMIT[database.dialect]
    spilled: list[PendingObject] = []
    for row in rows:
        value: bytes | None = row["value"]
        if value is None or len(value) <= limit:
            continue
        if storage is None:
            owner = "" if row["model_name"] is None else f" of model {row['model_name']}"
            msg = (
                f"The value of {row['label']!r}{owner} takes {len(value):,} bytes; in the database a value takes at "
                f"most {limit:,}. Give its field a storage (artifact_field(storage=...)), or its model a default one "
                "(config=ArtifactModelConfig(default_field_storage=...))."
            )
            raise ValueTooLargeError(msg)
        row["value"] = None
        spilled.append(PendingObject(row, storage, value))
    return spilled
