"""What is to be written, as plain values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from artigraph.graph.content import Part
from artigraph.graph.stored import StoredObject
from artigraph.storage import Storage

__all__ = ["Deferred", "PendingValue", "Streamed", "Tree"]


@dataclass(frozen=True, slots=True)
class Deferred:
    """A value that is still to be encoded, which takes long enough to be done in a thread."""

    encode: Callable[[], Sequence[Part]]
    """Returns the parts of its encoding. May be called again, if the object is needed again."""
    size_hint: int | None
    """About how many bytes it takes, where that is known."""


@dataclass(frozen=True, slots=True)
class Streamed:
    """A value that may be larger than memory: it is encoded while it is put, and only once."""

    parts: Callable[[], Iterator[Part]]


@dataclass(slots=True)
class PendingValue:
    """A value that does not simply stand in its row, or may not."""

    row: dict[str, Any]
    """The row, in the tree's `rows`; its `value` or its `blob_id` is filled in when it is known."""
    storage: Storage | None
    """The storage that its field names. Without one the value stands in the row if it is small enough."""
    overflow: Storage | None
    """The storage of its model for values that are too large for the row."""
    source: bytes | Deferred | Streamed | StoredObject
    """Its bytes, or where they come from."""


@dataclass(frozen=True, slots=True)
class Tree:
    """One artifact, ready to be written: its nodes in preorder, and the values that need more than an insert."""

    root_id: UUID
    rows: list[dict[str, Any]]
    """One dict for each node, all with the same keys, columns of `artigraph_node`; ids are their 16 bytes."""
    pending: list[PendingValue]
