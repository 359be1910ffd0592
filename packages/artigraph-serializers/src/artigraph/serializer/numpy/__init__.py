"""Serializers for NumPy arrays and scalars."""

from artigraph.errors import needs

with needs(__name__, "numpy"):
    from artigraph.serializer.numpy._serializers import (
        ArraySerializer,
        ScalarSerializer,
        array_serializer,
        numpy_serializer,
        scalar_serializer,
    )

__all__ = ["ArraySerializer", "ScalarSerializer", "array_serializer", "numpy_serializer", "scalar_serializer"]
