"""Objects in Amazon S3, and in servers that speak its protocol."""

from artigraph.storage.aws._storage import S3Storage

__all__ = ["S3Storage"]
