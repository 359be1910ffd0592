"""Lineage as a flowchart in Mermaid's language."""

from __future__ import annotations

from artigraph.lineage.graph import Lineage
from artigraph.lineage.names import name_of, short_id

__all__ = ["to_mermaid"]

_PLAIN = frozenset(" _-.,:()/")


def to_mermaid(lineage: Lineage) -> str:
    """Return a flowchart: artifacts as boxes, runs as rounded ones, edges in the direction of the data."""
    names = {node_id: f"n{number}" for number, node_id in enumerate(lineage.nodes)}
    lines = ["flowchart LR"]
    for node_id, node in lineage.nodes.items():
        left, right = ("([", "])") if node.node_type == "run" else ("[", "]")
        lines.append(f'    {names[node_id]}{left}"{_escaped(f"{name_of(node)} {short_id(node)}")}"{right}')
    lines += [f"    {names[edge.source_id]} -->|{edge.kind}| {names[edge.target_id]}" for edge in lineage.edges]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    """Return text in which all but letters, digits and harmless signs are written as numbers.

    Mermaid looks for quotes, Markdown, HTML, comments and directives also between quotes.
    """
    return "".join(char if char.isalnum() or char in _PLAIN else f"#{ord(char)};" for char in text)
