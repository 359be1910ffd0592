"""Code that the serializers of this distribution share. Not for use outside it."""

from artigraph.serializer._support.guard import attributes_of, class_of, deserializing, needs, serializing
from artigraph.serializer._support.parts import PartsSerializer, joined

__all__ = ["PartsSerializer", "attributes_of", "class_of", "deserializing", "joined", "needs", "serializing"]
