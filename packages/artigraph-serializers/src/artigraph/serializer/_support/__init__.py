"""Code that the serializers of this distribution share. Not for use outside it."""
