"""Opening a client with the settings of a storage."""

from __future__ import annotations

import os
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Literal

from artigraph.storage.aws._clients import S3Client

ATTEMPTS = 8
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")


@dataclass(frozen=True)
class Credentials:
    """Credentials that the user gave. AWS's usual sources supply a value that is None. They are never shown."""

    access_key_id: str | None = field(default=None, repr=False)
    secret_access_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Settings:
    """Where the server is and how to connect to it. Times are in seconds."""

    region: str | None
    endpoint_url: str | None
    addressing_style: Literal["auto", "path", "virtual"] | None
    connect_timeout: float
    read_timeout: float
    max_connections: int


def connect(settings: Settings, credentials: Credentials) -> AbstractAsyncContextManager[S3Client]:
    """Return a client that is open within its context.

    It imports aioboto3 only now, because that import takes longer than the rest of a program's start.
    """
    import aioboto3
    from aiobotocore.config import AioConfig

    style = settings.addressing_style
    if style is None:  # self-hosted servers seldom have a host name for each bucket
        elsewhere = settings.endpoint_url or any(os.environ.get(name) for name in _ENDPOINTS)
        style = "path" if elsewhere else "auto"
    config: Any = AioConfig(
        connect_timeout=settings.connect_timeout,
        read_timeout=settings.read_timeout,
        max_pool_connections=settings.max_connections,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        s3={"addressing_style": style},
        # Artigraph sends a SHA-256 with each put and checks what it gets, so botocore need not add a CRC.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    session: Any = aioboto3.Session(
        aws_access_key_id=credentials.access_key_id,
        aws_secret_access_key=credentials.secret_access_key,
        aws_session_token=credentials.session_token,
        region_name=settings.region,
    )
    client: AbstractAsyncContextManager[S3Client] = session.client(
        "s3", endpoint_url=settings.endpoint_url, config=config
    )
    return client
