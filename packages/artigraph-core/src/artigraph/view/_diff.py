"""What differs between two artifacts or runs, value by value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from artigraph.difference.stored import compare_nodes
from artigraph.identifiers import NodeId, check_id
from artigraph.view._document import Page, Record


@dataclass(frozen=True, slots=True)
class DiffItem(Record):
    """What differs between two artifacts or runs, A and B: a field, an item or a named value."""

    path: str
    """The labels with dots between them. Empty for the artifacts themselves."""
    labels: tuple[str, ...]
    """The labels that lead to it. A label may contain dots."""
    kind: Literal["changed", "added", "removed", "class", "unknown"]
    """Another value, only in B, only in A, a model or container of another class, or a value that cannot be read."""
    before: str | None
    """What it is in A, as a short text."""
    after: str | None
    """What it is in B, as a short text."""


@dataclass(frozen=True, slots=True)
class DiffPage(Page[DiffItem]):
    """What differs between two artifacts, in the order of their fields."""

    schema: ClassVar[str] = "artigraph.diff/1"


async def diff_document(before: NodeId, after: NodeId) -> DiffPage:
    """Return what changed from one artifact or run to another. The page has all of it, so its `next` is None.

        for item in (await diff_document(older, newer)).items:
            print(item.kind, item.path, item.before, item.after)

    Values are compared without their classes: plain values by type and value, others by their stored bytes. Of runs it
    compares parameters, tags, environments and the artifacts in them, by name.

    Raises:
        InvalidNodeIdError: an argument denotes no node.
        NodeNotFoundError: a node does not exist.
        ArgumentError: only one of them is a run.
        WrongModelTypeError: a node is a part of a model and no model itself.
        StorageError, CorruptObjectError: bytes without a recorded hash cannot be read.
    """
    changes = await compare_nodes(check_id(before), check_id(after))
    items = (DiffItem(".".join(each.path), each.path, each.kind, each.before, each.after) for each in changes)
    return DiffPage(tuple(items), None)
