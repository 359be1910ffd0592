"""Serializer for the images of Pillow."""

from artigraph.errors import needs

with needs(__name__, "pillow"):
    from artigraph.serializer.pillow._serializers import ImageSerializer, image_serializer

__all__ = ["ImageSerializer", "image_serializer"]
