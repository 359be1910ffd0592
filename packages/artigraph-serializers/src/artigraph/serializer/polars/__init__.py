"""Serializers for Polars frames and series."""

from artigraph.errors import needs

with needs(__name__, "polars"):
    from artigraph.serializer.polars._serializers import (
        DataFrameSerializer,
        SeriesSerializer,
        dataframe_serializer,
        polars_serializer,
        series_serializer,
    )

__all__ = ["DataFrameSerializer", "SeriesSerializer", "dataframe_serializer", "polars_serializer", "series_serializer"]
