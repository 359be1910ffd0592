"""Serializer for the figures of Plotly."""

from artigraph.errors import needs

with needs(__name__, "plotly"):
    from artigraph.serializer.plotly._serializers import FigureSerializer, figure_serializer

__all__ = ["FigureSerializer", "figure_serializer"]
