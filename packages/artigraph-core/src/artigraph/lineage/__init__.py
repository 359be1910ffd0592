"""Lineage: which artifacts and runs an artifact was made from, and what was made from it."""

from artigraph.graph.nodes import Node
from artigraph.lineage._ask import ancestors, descendants, paths
from artigraph.lineage._graph import Lineage
from artigraph.lineage._reachable import Edge
from artigraph.lineage.sql import EdgeKind

__all__ = ["Edge", "EdgeKind", "Lineage", "Node", "ancestors", "descendants", "paths"]
