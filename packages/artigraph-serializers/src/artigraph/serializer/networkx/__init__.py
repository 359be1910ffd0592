"""Serializer for the graphs of networkx."""

from artigraph.errors import needs

with needs(__name__, "networkx"):
    from artigraph.serializer.networkx._serializers import GraphSerializer, graph_serializer

__all__ = ["GraphSerializer", "graph_serializer"]
