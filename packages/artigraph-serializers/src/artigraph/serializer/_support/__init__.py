"""What the serializers of this distribution share; not for use outside it."""

from artigraph.serializer._support.guard import deserializing, needs, serializing

__all__ = ["deserializing", "needs", "serializing"]
