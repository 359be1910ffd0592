"""Serializer for the figures of Plotly."""

from artigraph.serializer._support.library import needs

with needs("plotly"):
    from artigraph.serializer.plotly._serializers import FigureSerializer, figure_serializer

__all__ = ["FigureSerializer", "figure_serializer"]
