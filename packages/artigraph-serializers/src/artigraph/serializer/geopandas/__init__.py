"""Serializers for the frames and series of geopandas."""

from artigraph.errors import needs

with needs(__name__, "geopandas"):
    from artigraph.serializer.geopandas._serializers import (
        GeoDataFrameSerializer,
        GeoSeriesSerializer,
        geodataframe_serializer,
        geoseries_serializer,
    )

__all__ = ["GeoDataFrameSerializer", "GeoSeriesSerializer", "geodataframe_serializer", "geoseries_serializer"]
