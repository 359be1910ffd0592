"""A picture of what is stored: the tree of a run or an artifact, without the values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

from artigraph.errors import DeserializationError
from artigraph.graph.outline import NodeSummary, read_outline
from artigraph.model.show import short_repr
from artigraph.serializer.codec import decode

__all__ = ["Outline", "outline_of"]


@dataclass(frozen=True)
class Outline:
    """A node and what is below it; `str()` draws it."""

    node_id: UUID
    text: str
    """One line that says what the node is."""
    children: list[Outline] = field(default_factory=list["Outline"], repr=False)  # a repr is short

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        """Draw without recursion: a tree may be deeper than Python's stack."""
        pending: list[tuple[Outline, str, str]] = [(self, "", "")]
        while pending:
            node, first, rest = pending.pop()
            yield first + node.text
            last = len(node.children) - 1
            for index, child in reversed(list(enumerate(node.children))):
                branch, stem = ("└── ", "    ") if index == last else ("├── ", "│   ")
                pending.append((child, rest + branch, rest + stem))


async def outline_of(node_id: UUID) -> Outline:
    """Return the outline of a run with all below it, or of an artifact or a part of one.

        print(await outline_of(manager.run.node_id))

    It is read in one query, and no object is read from a storage.

    Raises:
        NodeNotFoundError: there is no such node.
    """
    nodes = await read_outline(node_id)
    outlines = {node.node_id: Outline(node.node_id, _describe(node)) for node in nodes}
    for node in nodes:
        parent = None if node.parent_id is None or node.node_id == node_id else outlines.get(node.parent_id)
        if parent is not None:
            parent.children.append(outlines[node.node_id])
    return outlines[node_id]


def _describe(node: NodeSummary) -> str:
    match node.node_type:
        case "run":
            return _describe_run(node)
        case "model":
            return f"{node.label}: {node.model_name} (version {node.model_version})"
        case "container":
            return f"{node.label}: {node.serializer}"
        case _:
            return _describe_value(node)


def _describe_run(node: NodeSummary) -> str:
    name = "" if node.run_name is None else f" {short_repr(node.run_name)}"
    text = f"run{name} {node.node_id} {node.run_status}"
    if node.run_started_at is not None and node.run_ended_at is not None:
        text += f" in {(node.run_ended_at - node.run_started_at).total_seconds():.2f} s"
    if node.run_error_type is not None:
        text += f" by {node.run_error_type}: {(node.run_error_message or '')[:80]}"
    return text


def _describe_value(node: NodeSummary) -> str:
    if node.storage is not None:
        return f"{node.label}: {node.serializer}, {_bytes(node.size)} in {node.storage}"
    preview = None if node.preview is None else bytes(node.preview)
    if node.serializer == "json" and preview is not None:
        return f"{node.label} = {_show(preview)}"
    return f"{node.label}: {node.serializer}, {_bytes(node.size)} in the database"


def _show(preview: bytes) -> str:
    try:
        return short_repr(decode(preview))
    except DeserializationError:  # it names a class, which only the model's annotations supply
        return preview.decode(errors="replace")


def _bytes(size: int | None) -> str:
    value = float(size or 0)
    for unit in ("bytes", "KiB", "MiB"):
        if value < 1024:  # noqa: PLR2004 (a KiB)
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"
