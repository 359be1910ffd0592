"""Convert lineage to a graph of networkx."""

from __future__ import annotations

from dataclasses import fields
from importlib import import_module
from typing import Any

from artigraph.errors import MissingDependencyError
from artigraph.graph.nodes import Node
from artigraph.lineage._graph import Lineage

_ATTRIBUTES = tuple(field.name for field in fields(Node))


def to_networkx(lineage: Lineage) -> Any:
    """Return a directed graph of ids.

    Raises:
        MissingDependencyError: networkx is not installed.
    """
    try:
        networkx: Any = import_module("networkx")
    except ModuleNotFoundError as error:
        msg = "to_networkx needs networkx: pip install 'artigraph[networkx]'"
        raise MissingDependencyError(msg) from error
    graph = networkx.DiGraph()
    graph.add_nodes_from(
        (node_id, {name: getattr(node, name) for name in _ATTRIBUTES}) for node_id, node in lineage.nodes.items()
    )
    graph.add_edges_from((edge.source_id, edge.target_id, {"kind": edge.kind}) for edge in lineage.edges)
    return graph
