"""Opening a client with the settings of a storage."""

from __future__ import annotations

import os
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from artigraph.storage.aws._clients import S3Client

__all__ = ["ATTEMPTS", "Credentials", "Settings", "connect"]

ATTEMPTS = 8
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")


@dataclass(frozen=True)
class Credentials:
    """Who we are; what is None is looked for in the usual places. Never shown."""

    access_key_id: str | None = field(default=None, repr=False)
    secret_access_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Settings:
    """Where the server is and how it is spoken to; times in seconds."""

    region: str | None
    endpoint_url: str | None
    addressing_style: Literal["auto", "path", "virtual"] | None
    connect_timeout: float
    read_timeout: float
    max_connections: int


def connect(settings: Settings, credentials: Credentials) -> AbstractAsyncContextManager[S3Client]:
    """Return a client that is open within its context.

    aioboto3 is imported here, since that takes longer than the rest of a program's start.
    """
    import aioboto3
    from aiobotocore.config import AioConfig

    style = settings.addressing_style
    if style is None:  # servers of one's own seldom have a host name for each bucket
        elsewhere = settings.endpoint_url or any(os.environ.get(name) for name in _ENDPOINTS)
        style = "path" if elsewhere else "auto"
    config: Any = AioConfig(
        connect_timeout=settings.connect_timeout,
        read_timeout=settings.read_timeout,
        max_pool_connections=settings.max_connections,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        s3={"addressing_style": style},
        # Puts carry a SHA-256 of ours, and gets are checked as they are read: botocore need not add a CRC.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    session: Any = aioboto3.Session(
        aws_access_key_id=credentials.access_key_id,
        aws_secret_access_key=credentials.secret_access_key,
        aws_session_token=credentials.session_token,
        region_name=settings.region,
    )
    client = session.client("s3", endpoint_url=settings.endpoint_url, config=config)
    return cast("AbstractAsyncContextManager[S3Client]", client)
