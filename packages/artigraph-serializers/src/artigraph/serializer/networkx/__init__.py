"""Serializer for the graphs of networkx."""

from artigraph.serializer._support.library import needs

with needs("networkx"):
    from artigraph.serializer.networkx._serializers import GraphSerializer, graph_serializer

__all__ = ["GraphSerializer", "graph_serializer"]
