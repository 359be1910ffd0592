"""Lineage as a flowchart in Mermaid's language."""

from __future__ import annotations

from artigraph.lineage._graph import Lineage
from artigraph.lineage.export._names import name_of, short_id

_PLAIN = frozenset(" _-.,:()/")


def to_mermaid(lineage: Lineage) -> str:
    """Return a flowchart: boxes for artifacts, rounded boxes for runs, edges in the direction of the data."""
    names = {node_id: f"n{number}" for number, node_id in enumerate(lineage.nodes)}
    lines = ["flowchart LR"]
    for node_id, node in lineage.nodes.items():
        left, right = ("([", "])") if node.node_type == "run" else ("[", "]")
        lines.append(f'    {names[node_id]}{left}"{_escaped(f"{name_of(node)} {short_id(node)}")}"{right}')
    lines += [f"    {names[edge.source_id]} -->|{edge.kind}| {names[edge.target_id]}" for edge in lineage.edges]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    """Escape all characters but letters, digits and harmless signs, by writing them as numbers.

    Mermaid interprets quotes, Markdown, HTML, comments and directives even inside quotes.
    """
    return "".join(char if char.isalnum() or char in _PLAIN else f"#{ord(char)};" for char in text)
