"""Serializer for the charts of Altair."""

from artigraph.errors import needs

with needs(__name__, "altair"):
    from artigraph.serializer.altair._serializers import ChartSerializer, chart_serializer

__all__ = ["ChartSerializer", "chart_serializer"]
