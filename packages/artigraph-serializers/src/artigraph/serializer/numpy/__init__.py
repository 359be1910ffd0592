"""Serializers for NumPy arrays and scalars."""

from artigraph.serializer._support.library import needs

with needs("numpy"):
    from artigraph.serializer.numpy._serializers import (
        ArraySerializer,
        ScalarSerializer,
        array_serializer,
        numpy_serializer,
        scalar_serializer,
    )

__all__ = ["ArraySerializer", "ScalarSerializer", "array_serializer", "numpy_serializer", "scalar_serializer"]
