"""Lineage as text: trees, Mermaid, DOT, SVG and OpenLineage."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal
from uuid import UUID

from artigraph.cli._documents import GraphDocument, GraphEdge, GraphNode
from artigraph.graph.nodes import Node
from artigraph.lineage import Lineage
from artigraph.printable import printable

Direction = Literal["up", "down"]
_TITLES: Mapping[Direction, str] = {"up": "Made from:", "down": "Went into:"}


def merged(graphs: Sequence[Lineage]) -> Lineage:
    """Return one graph with the nodes and edges of several ones about the same node."""
    nodes: dict[UUID, Node] = {}
    for graph in graphs:
        nodes |= graph.nodes
    edges = dict.fromkeys(edge for graph in graphs for edge in graph.edges)
    return Lineage({node_id: nodes[node_id] for node_id in sorted(nodes)}, tuple(edges), graphs[0].root_ids)


def lineage_document(graph: Lineage) -> GraphDocument:
    """Return a whole graph as a document."""
    nodes = [
        GraphNode(
            node_id=node.node_id,
            kind="run" if node.node_type == "run" else "artifact",
            name=node.run_name,
            status=node.run_status,
            model_name=node.model_name,
            label=node.label,
            created_at=node.created_at,
        )
        for node in graph
    ]
    edges = [GraphEdge(*edge) for edge in graph.edges]
    return GraphDocument(tuple(graph.root_ids), tuple(nodes), tuple(edges))


def graph_lines(
    graph: Lineage,
    parts: Mapping[Direction, Lineage],
    how: Literal["tree", "mermaid", "dot", "svg", "openlineage"],
    collapse: Literal["series"] | None = None,
) -> list[str]:
    """Return a graph as lines. A tree needs the parts of the graph by direction."""
    match how:
        case "mermaid":
            return graph.to_mermaid().rstrip("\n").split("\n")
        case "dot":
            return list(_dot(graph))
        case "openlineage":
            return [json.dumps(event) for event in graph.to_openlineage()]
        case "svg":
            return [graph.to_svg(collapse=collapse)]
        case "tree":
            return list(_trees(graph, parts))


def _trees(graph: Lineage, parts: Mapping[Direction, Lineage]) -> Iterator[str]:
    if not len(graph):
        yield "No path leads from the one to the other."
        return
    root = graph.root_ids[0]
    yield _line(graph.nodes[root])
    for direction, part in parts.items():
        if len(parts) > 1:
            yield _TITLES[direction]
        yield from _tree(part, root, direction)


def _tree(graph: Lineage, root: UUID, direction: Direction) -> Iterator[str]:
    """Draw what is reached from a node. A node that is drawn already is not drawn with its branches again."""
    near: defaultdict[UUID, list[UUID]] = defaultdict(list)
    for source_id, target_id, _ in graph.edges:
        here, there = (source_id, target_id) if direction == "down" else (target_id, source_id)
        near[here].append(there)
    drawn = {root}
    pending = [(node_id, "", index == 0) for index, node_id in enumerate(reversed(near[root]))]
    while pending:
        node_id, stem, is_last = pending.pop()
        again = node_id in drawn and bool(near[node_id])
        yield f"{stem}{'└── ' if is_last else '├── '}{_line(graph.nodes[node_id])}{' (see above)' if again else ''}"
        if node_id not in drawn:
            drawn.add(node_id)
            below = stem + ("    " if is_last else "│   ")
            pending += [(other, below, index == 0) for index, other in enumerate(reversed(near[node_id]))]


def _line(node: Node) -> str:
    if node.node_type == "run":
        name = "" if node.run_name is None else f" {printable(node.run_name)}"
        return f"run{name} {node.node_id} {node.run_status}"
    return f"{printable(f'{node.model_name}/{node.label}')} {node.node_id}"


def _dot(graph: Lineage) -> Iterator[str]:
    """Yield the lines of a graph in the language of Graphviz."""
    yield "digraph lineage {"
    yield "    rankdir=LR;"
    for node_id, node in graph.nodes.items():
        is_run = node.node_type == "run"
        name = (node.run_name or "run") if is_run else f"{node.model_name}/{node.label}"
        text = printable(name).replace("\\", "\\\\").replace('"', '\\"')
        yield f'    "{node_id}" [label="{text}", shape={"ellipse" if is_run else "box"}];'
    for source_id, target_id, kind in graph.edges:
        yield f'    "{source_id}" -> "{target_id}" [label="{kind}"];'
    yield "}"
