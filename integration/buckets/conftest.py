"""Buckets of real servers, each with the storage in it and a client that is not the storage's."""

from __future__ import annotations

import base64
import hashlib
import hmac
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Protocol
from urllib.parse import urlsplit

import obstore
import pytest
from obstore.store import AzureStore

from artigraph.storage.obstore import ObjectStorage
from integration.support.azurite import Azure, azure
from integration.support.s3 import Server, bucket, s3, server

__all__ = ["azure", "bucket", "s3", "server"]


class Bucket(Protocol):
    """A bucket of a server."""

    @property
    def server_url(self) -> str:
        """The address of the server, without a path."""
        ...

    @property
    def secrets(self) -> tuple[str, ...]:
        """The texts that nothing may show."""
        ...

    def storage(self, url: str | None = None, **options: Any) -> ObjectStorage:
        """Return a storage in the bucket, below the prefix `some/data`, perhaps through another URL."""
        ...

    def get(self, key: str) -> bytes | None:
        """Return the bytes at a key, or None."""
        ...

    def put(self, key: str, data: bytes) -> None:
        """Replace the bytes at a key."""
        ...

    def delete(self, key: str) -> None:
        """Remove the object at a key."""
        ...

    def all_keys(self) -> list[str]:
        """Return all keys."""
        ...


@dataclass
class OnS3:
    """A bucket of S3."""

    s3: Any
    server: Server
    bucket: str

    @property
    def server_url(self) -> str:
        return self.server.url

    @property
    def secrets(self) -> tuple[str, ...]:
        return () if self.server.secret_access_key in self.server.url else (self.server.secret_access_key,)

    def storage(self, url: str | None = None, **options: Any) -> ObjectStorage:
        return ObjectStorage(
            f"s3://{self.bucket}/some/data",
            endpoint=url or self.server.url,
            access_key_id=self.server.access_key_id,
            secret_access_key=self.server.secret_access_key,
            region="us-east-1",
            **options,
        )

    def get(self, key: str) -> bytes | None:
        if key not in self.all_keys():
            return None
        found: bytes = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return found

    def put(self, key: str, data: bytes) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=data)

    def delete(self, key: str) -> None:
        self.s3.delete_object(Bucket=self.bucket, Key=key)

    def all_keys(self) -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]


@dataclass
class OnAzure:
    """A container of Azure."""

    azure: Azure
    container: str

    def __post_init__(self) -> None:
        client: Any = {"allow_http": True}
        self.store = AzureStore(
            self.container,
            endpoint=self.azure.url,
            account_name=self.azure.account_name,
            account_key=self.azure.account_key,
            client_options=client,
        )

    @property
    def server_url(self) -> str:
        parts = urlsplit(self.azure.url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def secrets(self) -> tuple[str, ...]:
        return (self.azure.account_key,)

    def storage(self, url: str | None = None, **options: Any) -> ObjectStorage:
        return ObjectStorage(
            f"az://{self.container}/some/data",
            endpoint=f"{url}/{self.azure.account_name}" if url else self.azure.url,
            account_name=self.azure.account_name,
            account_key=self.azure.account_key,
            **options,
        )

    def get(self, key: str) -> bytes | None:
        try:
            return bytes(obstore.get(self.store, key).bytes())
        except FileNotFoundError:
            return None

    def put(self, key: str, data: bytes) -> None:
        obstore.put(self.store, key, data)

    def delete(self, key: str) -> None:
        obstore.delete(self.store, key)

    def all_keys(self) -> list[str]:
        module: Any = obstore
        return [item["path"] for page in module.list(self.store) for item in page]


@pytest.fixture(params=["s3", "azure"])
def place(request: pytest.FixtureRequest) -> Iterator[Bucket]:
    """A bucket of each server."""
    if request.param == "s3":
        yield OnS3(request.getfixturevalue("s3"), request.getfixturevalue("server"), request.getfixturevalue("bucket"))
    else:
        azure: Azure = request.getfixturevalue("azure")
        container = f"artigraph-{uuid.uuid4()}"
        make_container(azure, container)
        yield OnAzure(azure, container)


def make_container(azure: Azure, container: str) -> None:
    """Make a container, which obstore cannot."""
    now, path = format_datetime(datetime.now(UTC), usegmt=True), f"/{azure.account_name}/{container}"
    signed = f"PUT{12 * chr(10)}x-ms-date:{now}\nx-ms-version:2021-08-06\n"
    signed += f"/{azure.account_name}{path}\nrestype:container"
    key = base64.b64decode(azure.account_key)
    signature = base64.b64encode(hmac.new(key, signed.encode(), hashlib.sha256).digest()).decode()
    headers = {
        "x-ms-date": now,
        "x-ms-version": "2021-08-06",
        "Authorization": f"SharedKey {azure.account_name}:{signature}",
        "Content-Length": "0",
    }
    url = f"{azure.url}/{container}?restype=container"
    urllib.request.urlopen(urllib.request.Request(url, method="PUT", headers=headers), timeout=30).close()
