"""What a node is called where people read it."""

from __future__ import annotations

from artigraph.graph.nodes import Node

__all__ = ["LONGEST", "name_of", "short_id"]

LONGEST = 60
"""Characters of a label that are shown."""


def name_of(node: Node) -> str:
    """Return a line for a node: a run's name and status, or an artifact's label and model."""
    if node.node_type == "run":
        return f"{_cut(node.run_name or 'run')} ({node.run_status})"
    return f"{_cut(node.label or '')}: {_cut(node.model_name or node.node_type)} (version {node.model_version})"


def short_id(node: Node) -> str:
    """Return the end of a node's id, which is random."""
    return node.node_id.hex[-8:]


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"
