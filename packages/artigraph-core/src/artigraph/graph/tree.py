"""What is to be written, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from artigraph.storage import Storage

__all__ = ["PendingObject", "Tree"]


@dataclass(frozen=True, slots=True)
class PendingObject:
    """A value that goes into a storage, and the row that will refer to it."""

    row: dict[str, Any]
    """The row, in the tree's `rows`; its `blob_id` is filled in when it is known."""
    storage: Storage
    data: bytes


@dataclass(frozen=True, slots=True)
class Tree:
    """One artifact, ready to be written: its nodes in preorder, and the objects that some of them refer to."""

    root_id: UUID
    rows: list[dict[str, Any]]
    """One dict for each node, all with the same keys, columns of `artigraph_node`; ids are their 16 bytes."""
    objects: list[PendingObject]
