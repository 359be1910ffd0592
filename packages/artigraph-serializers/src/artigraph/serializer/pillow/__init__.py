"""Serializer for the images of Pillow."""

from artigraph.serializer._support.library import needs

with needs("pillow"):
    from artigraph.serializer.pillow._serializers import ImageSerializer, image_serializer

__all__ = ["ImageSerializer", "image_serializer"]
