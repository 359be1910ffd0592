"""Serializer for the charts of Altair."""

from artigraph.serializer._support.library import needs

with needs("altair"):
    from artigraph.serializer.altair._serializers import ChartSerializer, chart_serializer

__all__ = ["ChartSerializer", "chart_serializer"]
