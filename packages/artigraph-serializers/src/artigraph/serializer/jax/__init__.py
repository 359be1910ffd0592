"""Serializers for the arrays of JAX."""

from artigraph.errors import needs

with needs(__name__, "jax"):
    from artigraph.serializer.jax._serializers import (
        ArrayDict,
        ArrayDictSerializer,
        ArraySerializer,
        array_dict_serializer,
        array_serializer,
    )

__all__ = ["ArrayDict", "ArrayDictSerializer", "ArraySerializer", "array_dict_serializer", "array_serializer"]
