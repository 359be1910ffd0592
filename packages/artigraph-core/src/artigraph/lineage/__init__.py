"""Lineage: what artifacts were made from, and what was made from them."""

from artigraph.lineage.ask import ancestors, descendants, paths
from artigraph.lineage.graph import Edge, EdgeKind, Lineage, Node

__all__ = ["Edge", "EdgeKind", "Lineage", "Node", "ancestors", "descendants", "paths"]
