"""Serializers for the datasets and labeled arrays of xarray."""

from artigraph.errors import needs

with needs(__name__, "xarray"):
    from artigraph.serializer.xarray._serializers import (
        DataArraySerializer,
        DatasetSerializer,
        dataarray_serializer,
        dataset_serializer,
    )

__all__ = ["DataArraySerializer", "DatasetSerializer", "dataarray_serializer", "dataset_serializer"]
