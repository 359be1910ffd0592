"""Code that the serializers of this distribution share. Not for use outside it."""

from artigraph.serializer._support.guard import deserializing, needs, serializing
from artigraph.serializer._support.parts import joined

__all__ = ["deserializing", "joined", "needs", "serializing"]
