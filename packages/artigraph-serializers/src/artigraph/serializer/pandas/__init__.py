"""Serializers for pandas frames, series, indexes and scalars."""

from artigraph.errors import needs

with needs(__name__, "pandas"):
    from artigraph.serializer.pandas._serializers import (
        DataFrameSerializer,
        IndexSerializer,
        ScalarSerializer,
        SeriesSerializer,
        dataframe_serializer,
        index_serializer,
        pandas_serializer,
        scalar_serializer,
        series_serializer,
    )

__all__: list[str] = ["DataFrameSerializer", "IndexSerializer", "ScalarSerializer", "SeriesSerializer"]
__all__ += ["dataframe_serializer", "index_serializer", "pandas_serializer", "scalar_serializer", "series_serializer"]
