"""The content of a save, as plain values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from artigraph.graph.hashing import Part
from artigraph.graph.stored_object import StoredObject
from artigraph.storage import Storage


@dataclass(frozen=True, slots=True)
class Deferred:
    """A value that is not encoded yet. Encoding takes long enough to do it in a thread."""

    encode: Callable[[], Sequence[Part]]
    """Returns the parts of the encoding. It is called again if the object is needed again."""
    size_hint: int | None
    """About how many bytes the value takes, or None if that is unknown."""


@dataclass(frozen=True, slots=True)
class Streamed:
    """A value that may be larger than memory. It is encoded while it is put, and only once."""

    parts: Callable[[], Iterator[Part]]


@dataclass(slots=True)
class PendingValue:
    """A value that may not fit into its row, or is not encoded yet."""

    row: dict[str, Any]
    """The row, in the tree's `rows`. Its `value` or `blob_id` is set later."""
    storage: Storage | None
    """The storage that its field names. Without one, a value that is small enough is stored in its row."""
    overflow: Storage | None
    """The storage of its model for values that are too large for the row."""
    source: bytes | Deferred | Streamed | StoredObject
    """The value's bytes, or their source."""


@dataclass(frozen=True, slots=True)
class Tree:
    """An artifact ready to be written: its nodes in preorder, and the values that need more than an insert."""

    root_id: UUID
    rows: list[dict[str, Any]]
    """A dict for each node, all with the same keys: the columns of `artigraph_node`. Ids are their 16 bytes."""
    pending: list[PendingValue]
