"""Graphs as node-link data, and back: `networkx.node_link_graph` reads it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import cached_property
from importlib import import_module
from typing import Any

from artigraph.errors import DeserializationError, SerializationError
from artigraph.serializer._support.library import attributes_of, class_of
from artigraph.serializer.json import json_serializer

nx: Any = import_module("networkx")

CLASSES: dict[tuple[bool, bool], Any] = {
    (False, False): nx.Graph,
    (True, False): nx.DiGraph,
    (False, True): nx.MultiGraph,
    (True, True): nx.MultiDiGraph,
}
"""The classes, by whether they are directed, and whether they have parallel edges."""
_NODE = {"id"}
_EDGE = {"source", "target"}
_MULTI_EDGE = {*_EDGE, "key"}
_PLAIN_NAMES: set[type[Any]] = {str, int, bytes}

Edge = tuple[Any, Any, Any, dict[Any, Any]]
"""Source, target, key (None in a graph without parallel edges) and attributes."""


def to_node_link(graph: Any) -> dict[str, Any]:
    """Return a graph as node-link data. Nodes and edges are in an order that makes the same graph when they are added.

    Raises:
        SerializationError: the graph is of another class or frozen, an attribute has a name that the data uses, or the
            instance has something that would be lost.
    """
    if type(graph) not in CLASSES.values():
        msg = f"A {class_of(graph)} is no graph of networkx itself; make one of it: networkx.Graph(value), for example."
        raise SerializationError(msg)
    if nx.is_frozen(graph):
        msg = "This graph is frozen, or a view of another one, and would load as neither; store graph.copy()."
        raise SerializationError(msg)
    _check_instance(graph)
    _check_neighbors(graph)
    multiple: bool = graph.is_multigraph()
    nodes = [{**_checked(attributes, _NODE, node), "id": node} for node, attributes in graph.nodes(data=True)]
    reserved = _MULTI_EDGE if multiple else _EDGE
    edges = [
        {**_checked(attributes, reserved, (source, target)), "source": source, "target": target}
        | ({"key": key} if multiple else {})
        for source, target, key, attributes in _in_order(graph)
    ]
    return {
        "directed": graph.is_directed(),
        "multigraph": multiple,
        "graph": dict(graph.graph),
        "nodes": nodes,
        "edges": edges,
    }


def is_named_plainly(data: dict[str, Any]) -> bool:
    """Say whether all nodes, and keys of parallel edges, are of types whose values equal themselves after a load."""
    named: list[tuple[str, str]] = [("nodes", "id"), *([("edges", "key")] if data["multigraph"] else [])]
    return all(type(each[name]) in _PLAIN_NAMES for part, name in named for each in data[part])


def _check_instance(graph: Any) -> None:
    """Check that the instance has only what networkx gave it.

    Raises:
        SerializationError: it has an attribute of the user's, or `graph.graph` is no plain dict.
    """
    cls = CLASSES[graph.is_directed(), graph.is_multigraph()]
    own = [
        name
        for name in attributes_of(graph) - attributes_of(cls())
        if not isinstance(inspect.getattr_static(cls, name, None), cached_property)
    ]
    if own:
        msg = f"The attribute {min(own)!r:.100} of this graph's instance would be lost; set graph.graph[name] instead."
        raise SerializationError(msg)
    if type(graph.graph) is not dict:
        msg = f"graph.graph is a {class_of(graph.graph)} and would load as a dict; set graph.graph = dict(graph.graph)."
        raise SerializationError(msg)


def _check_neighbors(graph: Any) -> None:
    """Check that edges name their nodes as the graph does. `1`, `True` and `1.0` are one node with three names.

    Raises:
        SerializationError: an edge has another name of a node, which would be lost.
    """
    nodes: dict[Any, Any] = {node: node for node in graph}
    sides = (graph.adj, graph.pred) if graph.is_directed() else (graph.adj,)
    for other in (other for side in sides for neighbors in side.values() for other in neighbors):
        node = nodes[other]
        if other is node or (type(other) is type(node) and type(other) in _PLAIN_NAMES):
            continue
        if json_serializer.serialize(other) != json_serializer.serialize(node):
            msg = (
                f"An edge names the node {node!r:.100} as {other!r:.100}, which is equal and would load as the first; "
                "add its edges with one of them."
            )
            raise SerializationError(msg)


def _checked(attributes: dict[Any, Any], reserved: set[str], where: object) -> dict[Any, Any]:
    taken = reserved & attributes.keys()
    if taken:
        msg = f"The attribute {min(taken)!r} of {where!r:.100} has a meaning in node-link data; rename it."
        raise SerializationError(msg)
    return attributes


def _in_order(graph: Any) -> Iterator[Edge]:
    """Yield the edges in an order that gives each node its neighbors in the same order.

    An edge comes when it is the next one of both its ends. If no edge is, the order came from removed parallel edges.
    """
    directed = graph.is_directed()
    after: dict[Any, list[Any]] = {node: list(neighbors)[::-1] for node, neighbors in graph.adjacency()}
    before: dict[Any, list[Any]] = {node: list(graph.pred[node])[::-1] for node in graph} if directed else after
    pending = list(graph)[::-1]
    while pending:
        node = pending.pop()
        while after[node]:
            other = after[node][-1]
            if before[other][-1] is not node and before[other][-1] != node:
                break  # it comes when the other end gets there
            after[node].pop()
            if directed or not (node is other or node == other):
                before[other].pop()
            yield from _edges_between(graph, node, other)
            pending.append(other)
        if directed and before[node]:
            pending += [source for source in before[node][-1:] if after[source] and after[source][-1] == node]
    if any(after.values()):
        msg = "The order of the neighbors in this graph comes from edges that were removed; store graph.copy()."
        raise SerializationError(msg)


def _edges_between(graph: Any, source: Any, target: Any) -> Iterator[Edge]:
    found = graph.adj[source][target]
    if graph.is_multigraph():
        for key, attributes in found.items():
            yield source, target, key, attributes
    else:
        yield source, target, None, found


def from_node_link(data: Any) -> Any:
    """Return the graph of node-link data.

    Raises:
        DeserializationError: it is not such data. Broken data may raise any error of Python.
    """
    multiple = data["multigraph"]
    graph = CLASSES[data["directed"], multiple]()
    graph.graph.update(data["graph"])
    for said in data["nodes"]:
        graph.add_node(said["id"])
        graph.nodes[said["id"]].update({name: value for name, value in said.items() if name != "id"})
    _check(len(graph) == len(data["nodes"]))
    reserved = _MULTI_EDGE if multiple else _EDGE
    for said in data["edges"]:
        ends = said["source"], said["target"]
        if multiple:
            graph.add_edge(*ends, said["key"])
            attributes = graph.edges[(*ends, said["key"])]
        else:
            graph.add_edge(*ends)
            attributes = graph.edges[ends]
        attributes.update({name: value for name, value in said.items() if name not in reserved})
    _check(len(graph) == len(data["nodes"]) and graph.number_of_edges() == len(data["edges"]))
    return graph


def _check(holds: object) -> None:
    if not holds:
        msg = "These bytes are not a stored graph: a node or an edge is there twice, or an edge has no node."
        raise DeserializationError(msg)
