"""A storage that keeps objects in Amazon S3, or in a server that speaks its protocol."""

from artigraph.storage.aws._storage import S3Storage

__all__ = ["S3Storage"]
