"""Serializer for the sparse arrays and matrices of SciPy."""

from artigraph.errors import needs

with needs(__name__, "scipy"):
    from artigraph.serializer.scipy._serializers import SparseSerializer, sparse_serializer

__all__ = ["SparseSerializer", "sparse_serializer"]
