"""The serializer of graphs."""

from __future__ import annotations

from typing import Any, BinaryIO

from artigraph.errors import SerializationError
from artigraph.serializer import preview
from artigraph.serializer._support.difference import named
from artigraph.serializer._support.library import LibrarySerializer
from artigraph.serializer.json import json_serializer
from artigraph.serializer.networkx._node_link import CLASSES, from_node_link, is_named_plainly, to_node_link
from artigraph.serializer.preview import preview_plain

_EXPANSION = 32
"""How many times the memory of its JSON a graph may take."""


class GraphSerializer(LibrarySerializer[Any, preview.TextPreview]):
    """Stores the graphs of networkx as node-link JSON: Graph, DiGraph, MultiGraph and MultiDiGraph.

    A loaded graph has the same class, nodes, edges, keys and attributes, and the same order of nodes and neighbors.
    Nodes, keys and attributes can be any plain values, of which the JSON records the exact types.
    `networkx.node_link_graph` reads graphs of strings and numbers.

    Refused: subclasses, frozen graphs and views, attributes of the instance beside `graph.graph`, and attributes that
    are not plain values. An edge must not name a node by an equal value of another type, `True` for the node `1` say.
    Refused are also attributes that node-link data has itself. These are "id" of a node, and "source", "target" and
    (with parallel edges) "key" of an edge.
    """

    name = "networkx-graph"
    types: tuple[type[Any], ...] = (CLASSES[False, False],)

    def size_hint(self, value: Any) -> int | None:
        """Return an estimate: 100 bytes for each node and each edge."""
        if not isinstance(value, self.types):
            return None
        return 100 * (len(value) + int(value.number_of_edges()))

    def _to_bytes(self, value: Any) -> bytes:
        """Return JSON."""
        content = to_node_link(value)
        data = json_serializer.serialize(content)
        # A node that differs from itself, as NaN does, makes another graph of the same JSON.
        if not is_named_plainly(content) and _stored_again(data) != data:
            msg = "This graph has nodes that do not equal themselves after a load, such as NaN; rename them."
            raise SerializationError(msg)
        return data

    def _from_bytes(self, data: bytes) -> Any:
        """Return the graph of JSON."""
        return from_node_link(json_serializer.deserialize(data))

    def _preview(self, file: BinaryIO, rows: int, columns: int, max_bytes: int) -> preview.TextPreview:
        """Return class, counts, and the first edges as text. Of a large graph, return the beginning of its JSON."""
        limited = preview.LimitedFile(file, max_bytes)
        if limited.size * _EXPANSION > max_bytes:
            return preview_plain(file, rows=rows, max_bytes=max_bytes)
        return _preview_of(from_node_link(json_serializer.deserialize(limited.read())), limited.size, rows)

    def equal(self, one: Any, other: Any) -> bool:
        """Say whether two graphs have one class, and equal nodes, edges, keys and attributes, in any order."""
        if type(one) is not type(other) or not isinstance(one, self.types):
            return False
        mine, theirs = _content(one), _content(other)
        if mine == theirs:
            return True
        try:  # NaN equals NaN
            return self.serialize(one) == self.serialize(other)
        except SerializationError:
            return False

    def describe_change(self, before: Any, after: Any) -> str:
        """Return one line on the nodes and edges that are new, gone or changed."""
        parts: list[str] = []
        for noun, mine, theirs in zip(("nodes", "edges"), _content(before)[1:], _content(after)[1:], strict=True):
            parts += named(f"new {noun}", [repr(each) for each in theirs if each not in mine])
            parts += named(f"without {noun}", [repr(each) for each in mine if each not in theirs])
            changed = [repr(each) for each in mine if each in theirs and mine[each] != theirs[each]]
            parts += named(f"attributes of {noun} differ", changed)
        if before.graph != after.graph:
            parts.append("attributes of the graph differ")
        return "; ".join(parts) or "alike in nodes, edges and attributes"


def _stored_again(data: bytes) -> bytes:
    """Return the bytes of the graph that loads from bytes."""
    return json_serializer.serialize(to_node_link(from_node_link(json_serializer.deserialize(data))))


def _content(graph: Any) -> tuple[Any, Any, Any]:
    """Return a graph's attributes, those of its nodes, and those of its edges. Ends of undirected edges are sets."""
    edges: dict[Any, Any] = {}
    for source, target, *key, attributes in graph.edges(data=True, **({"keys": True} if graph.is_multigraph() else {})):
        ends = (source, target) if graph.is_directed() else frozenset((source, target))
        edges[(ends, *key)] = attributes
    return graph.graph, dict(graph.nodes(data=True)), edges


def _preview_of(graph: Any, size: int, rows: int) -> preview.TextPreview:
    cells = preview.Cells()
    arrow = "->" if graph.is_directed() else "--"
    counts = f"{preview.count_text(len(graph), 'node')}, {preview.count_text(graph.number_of_edges(), 'edge')}"
    lines = [f"{type(graph).__name__}, {counts}"]
    for source, target, attributes in graph.edges(data=True):
        if len(lines) >= rows:
            break
        said = f" {cells.show(attributes)}" if attributes else ""
        lines.append(f"{cells.show(source)} {arrow} {cells.show(target)}{said}")
    cut = cells.cut or len(lines) <= graph.number_of_edges() or rows < 1
    summary = f"{lines[0]}, {preview.bytes_text(size)}"
    return preview.TextPreview(summary, cut, "\n".join(lines[: max(rows, 0)]), None, size)


graph_serializer: GraphSerializer = GraphSerializer().register()
"""Serializes the graphs of networkx."""
