"""Names of nodes for people to read."""

from __future__ import annotations

from artigraph.graph.nodes import Node
from artigraph.printable import printable

LONGEST = 60
"""The most characters of a label that are shown."""


def name_of(node: Node) -> str:
    """Return one line that names a node: a run's name and status, or an artifact's label and model."""
    if node.node_type == "run":
        return f"{_cut(node.run_name or 'run')} ({node.run_status})"
    return f"{_cut(node.label or '')}: {_cut(node.model_name or node.node_type)} (version {node.model_version})"


def name_of_group(node: Node) -> str:
    """Return one line that names the series of an artifact, or the runs that have the name of a run."""
    if node.node_type == "run":
        return _cut(node.run_name or "run")
    return f"{_cut(node.label or '')}: {_cut(node.model_name or node.node_type)}"


def short_id(node: Node) -> str:
    """Return the last 8 hexadecimal digits of a node's id, which are random."""
    return node.node_id.hex[-8:]


def _cut(text: str) -> str:
    text = printable(text[: LONGEST + 1])
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"
