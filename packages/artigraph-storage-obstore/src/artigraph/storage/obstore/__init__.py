"""A storage that keeps objects in a bucket of Google, Azure, Cloudflare R2 or S3."""

from artigraph.storage.obstore._storage import ObjectStorage

__all__ = ["ObjectStorage"]
