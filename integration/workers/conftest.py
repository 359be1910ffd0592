"""The fixtures of a real S3 server."""

from __future__ import annotations

from integration.support.s3 import bucket, s3, server

__all__ = ["bucket", "s3", "server"]
