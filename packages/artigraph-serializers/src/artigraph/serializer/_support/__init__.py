"""Code that the serializers of this distribution share. Not for use outside it."""

from artigraph.serializer._support.guard import class_of, deserializing, needs, serializing
from artigraph.serializer._support.parts import PartsSerializer, joined

__all__ = ["PartsSerializer", "class_of", "deserializing", "joined", "needs", "serializing"]
