"""Serializer for the sparse arrays and matrices of SciPy."""

from artigraph.serializer._support.library import needs

with needs("scipy"):
    from artigraph.serializer.scipy._serializers import SparseSerializer, sparse_serializer

__all__ = ["SparseSerializer", "sparse_serializer"]
